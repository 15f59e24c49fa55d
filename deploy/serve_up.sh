#!/usr/bin/env bash
# Deploys a Serve config on the Ray head of this machine and waits until every model answers:
#
#     deploy/serve_up.sh [config]      by default serve_config.yaml
#
# Run again after a change it is a rolling update. It waits for a head that is still starting.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
config=${1:-$root/serve_config.yaml}
bin=${HELEN_BIN:-$root/.venv-serve/bin}
dashboard=${RAY_DASHBOARD_ADDRESS:-http://127.0.0.1:8265}
patience=${HELEN_UP_SECONDS:-240}
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0

health=$("$bin/python" -c 'import sys, yaml
options = yaml.safe_load(open(sys.argv[1])).get("http_options", {})
print("http://127.0.0.1:%s/health" % options.get("port", 8000))' "$config")
deadline=$((SECONDS + patience))

give_up() {
  echo "$1" >&2
  exit 1
}

until said=$("$bin/serve" deploy "$config" --address "$dashboard" 2>&1); do
  ((SECONDS < deadline)) || give_up "The head at $dashboard did not take $config within $patience s: $said"
  sleep 2
done
until said=$("$bin/python" -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())' "$health" 2>&1); do
  ((SECONDS < deadline)) || give_up "$health was not well within $patience s: ${said##*$'\n'}"
  sleep 1
done
echo "$said"
