#!/usr/bin/env bash
# Asks the OSV database about every pinned version: `make check` runs it as deploy/audit.sh PIP_AUDIT FILE...
#
# Exit code 1 for a version with a known vulnerability, and for anything unforeseen. Without the network it says so in
# one line and passes: a check that only works online would be switched off.
set -uo pipefail

audit=$1
shift
files=()
for file in "$@"; do files+=(-r "$file"); done

said=$(mktemp)
trap 'rm -f "$said"' EXIT
found=$("$audit" --vulnerability-service osv --format json --progress-spinner off --timeout 10 \
  --no-deps --disable-pip "${files[@]}" 2>"$said")
code=$?

if [ -z "$found" ] && grep -qE "ConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError" "$said"; then
  echo "dependency audit: not done, the database can't be reached"
  exit 0
fi
if ! python3 - "$found" <<'PYTHON'; then
import json
import sys

dependencies = json.loads(sys.argv[1])["dependencies"]
unknown = [each["name"] for each in dependencies if "skip_reason" in each]
bad = [each for each in dependencies if each.get("vulns")]
for each in bad:
    for vulnerability in each["vulns"]:
        mended = ", ".join(vulnerability["fix_versions"]) or "nothing yet"
        print(f"dependency audit: {each['name']} {each['version']} has {vulnerability['id']}; mended in {mended}")
if unknown:
    print("dependency audit: not known to the database:", ", ".join(unknown))
print(f"dependency audit: {len(dependencies) - len(unknown)} versions, {len(bad)} with a known vulnerability")
sys.exit(bool(bad))
PYTHON
  cat "$said" >&2
  exit 1
fi
exit "$code"
