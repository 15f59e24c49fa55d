#!/usr/bin/env bash
# Puts nginx with TLS in front of the service of this machine:
#
#     sudo deploy/front.sh helen.example.org you@example.org      a certificate of Let's Encrypt, renewed by certbot's timer
#     sudo deploy/front.sh helen.example.org                      a self-signed one, for a name that is only yours
#
# Run again it changes nothing that is right already. With DESTDIR set it only writes files, all of them below it.
set -euo pipefail

name=${1:?usage: front.sh NAME [EMAIL]}
email=${2:-}
root=$(cd "$(dirname "$0")/.." && pwd)
to=${DESTDIR:-}
tls=$to/etc/helen/tls
[[ $name =~ ^[A-Za-z0-9.-]+$ ]] || { echo "the name $name has letters that no host name has" >&2; exit 1; }

install -d -m 0755 "$to/etc/helen" "$to/etc/nginx/conf.d" "$to/var/www/acme"
install -d -m 0700 "$tls"
if [ ! -e "$tls/fullchain.pem" ]; then # nginx starts with no certificate at all, so there is always one
  openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
    -keyout "$tls/privkey.pem" -out "$tls/fullchain.pem" 2>/dev/null
fi
sed "s/helen\.example\.org/$name/g" "$root/deploy/nginx.conf" >"$to/etc/nginx/conf.d/helen.conf.new"
mv "$to/etc/nginx/conf.d/helen.conf.new" "$to/etc/nginx/conf.d/helen.conf"
[ -z "$to" ] || exit 0

rm -f /etc/nginx/sites-enabled/default # Debian's own first page listens as default_server too
nginx -t
systemctl enable --quiet nginx
systemctl reload-or-restart nginx
if [ -n "$email" ]; then
  certbot certonly --webroot --webroot-path /var/www/acme --domain "$name" --email "$email" --agree-tos --non-interactive \
    --keep-until-expiring --cert-name helen
  # certbot runs this after every renewal, too.
  hook=/etc/letsencrypt/renewal-hooks/deploy/helen
  install -d "$(dirname "$hook")"
  cat >"$hook" <<'HOOK'
#!/bin/sh
set -e
install -m 0644 /etc/letsencrypt/live/helen/fullchain.pem /etc/helen/tls/fullchain.pem
install -m 0600 /etc/letsencrypt/live/helen/privkey.pem /etc/helen/tls/privkey.pem
systemctl reload nginx
HOOK
  chmod 0755 "$hook"
  "$hook"
fi
