#!/usr/bin/env bash
# From an empty Ubuntu 24.04 or Debian 12 to a running HTTPS service, in one go. From a checkout on the box:
#
#     sudo deploy/single_box.sh helen.example.org you@example.org     (a minute or three; docs/deploy.md says what before)
#
# Run again it upgrades: the checkout's files go to /opt/helen, keys and models stay. Without an e-mail address the
# certificate is self-signed. With DESTDIR set it only writes files, all of them below it.
set -euo pipefail

name=${1:?usage: single_box.sh NAME [EMAIL]}
email=${2:-}
root=$(cd "$(dirname "$0")/.." && pwd)
to=${DESTDIR:-}
home=$to/opt/helen
models=$to/var/lib/helen/models

umask 0022
[ ! "$root" -ef "$home" ] || { echo "run this from a checkout elsewhere: $home is where it installs" >&2; exit 1; }

say() { echo "== $*"; }

packages() {
  say "packages"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 update -qq # a box that just booted updates itself first
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends nginx certbot openssl curl python3 python3-venv >/dev/null
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || { echo "Helen needs Python 3.11 or newer: use Ubuntu 24.04 or Debian 12" >&2; exit 1; }
}

account() {
  id -u helen >/dev/null 2>&1 || useradd --system --home-dir /var/lib/helen --shell /usr/sbin/nologin helen
}

# The program: what the service needs of the checkout, replaced as a whole. Its environment stays.
program() {
  say "program in $home"
  install -d -m 0755 "$home"
  for part in landmarks serve_app deploy models; do
    rm -rf "$home/$part.new"
    cp -r "$root/$part" "$home/$part.new"
    rm -rf "${home:?}/$part"
    mv "$home/$part.new" "$home/$part"
  done
  install -m 0644 "$root/requirements.txt" "$root/constraints.txt" "$root/serve_config.yaml" "$home/"
  install -d -m 0755 "$to/etc/helen"
  if [ ! -e "$to/etc/helen/serve_config.yaml" ]; then # the box's own sizes and pins, kept over upgrades
    install -m 0644 "$root/serve_config.yaml" "$to/etc/helen/"
  elif ! cmp -s "$root/serve_config.yaml" "$to/etc/helen/serve_config.yaml"; then
    say "/etc/helen/serve_config.yaml stays; it differs from this version's, $home/serve_config.yaml"
  fi
}

environment() {
  say "Python environment"
  local wanted
  wanted=$(cat "$home/requirements.txt" "$home/constraints.txt" | sha256sum)
  if [ "$(cat "$home/.venv-serve/installed-from" 2>/dev/null)" != "$wanted" ]; then
    python3 -m venv --clear "$home/.venv-serve"
    "$home/.venv-serve/bin/pip" install --quiet --disable-pip-version-check -r "$home/requirements.txt"
    echo "$wanted" >"$home/.venv-serve/installed-from"
  fi
  "$home/.venv-serve/bin/python" -m compileall -q "$home/landmarks" "$home/serve_app"
}

# The bundled model is copied once; what is published later lives beside it, where an upgrade doesn't reach.
repository() {
  install -d -m 0755 "$models"
  local model
  for model in gesture shot; do
    [ -d "$models/$model" ] || cp -r "$root/models/$model" "$models/$model"
  done
}

keys() {
  if [ ! -e "$to/etc/helen/keys" ]; then
    say "keys: one for the first Pi, one for Prometheus"
    local pi metrics
    pi=$(openssl rand -hex 24)
    metrics=$(openssl rand -hex 24)
    (umask 0077 && printf '# name key; read again within a second of a change (docs/deploy.md)\npi-1 %s\nmetrics %s\n' "$pi" "$metrics" >"$to/etc/helen/keys")
    (umask 0077 && echo "$metrics" >"$to/etc/helen/metrics.key")
  fi
  if [ ! -e "$to/etc/helen/serve.env" ]; then
    (umask 0077 && printf 'HELEN_API_KEYS_FILE=/etc/helen/keys\nHELEN_MODEL_PATHS=/var/lib/helen/models\n' >"$to/etc/helen/serve.env")
  fi
}

units() {
  install -d "$to/etc/systemd/system"
  install -m 0644 "$root/deploy/helen-ray.service" "$root/deploy/helen-serve.service" "$to/etc/systemd/system/"
}

start() {
  say "service"
  chown -R helen:helen /var/lib/helen
  chown root:helen /etc/helen/keys
  chmod 0640 /etc/helen/keys
  systemctl daemon-reload
  systemctl enable --quiet helen-ray helen-serve
  systemctl restart helen-ray # new code needs new processes; the Pis answer by themselves meanwhile
  systemctl start helen-serve # and waits until every model answers
}

if [ -z "$to" ]; then
  [ "$(id -u)" = 0 ] || { echo "this installs packages and units: run it with sudo" >&2; exit 1; }
  packages
  account
fi
program
repository
keys
units
if [ -z "$to" ]; then
  environment
  start
  say "nginx with TLS"
fi
"$root/deploy/front.sh" "$name" "$email"
[ -z "$to" ] || exit 0

say "is it well?"
trust=()
[ -n "$email" ] || trust=(--cacert /etc/helen/tls/fullchain.pem)
curl -fsS --retry 5 --retry-all-errors --resolve "$name:443:127.0.0.1" "${trust[@]}" "https://$name/health"
echo
say "done. On the Pi: HELEN_CLOUD_API_URL=https://$name and HELEN_API_KEY=$(awk '$1 == "pi-1" {print $2}' /etc/helen/keys)"
