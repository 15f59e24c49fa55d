# What `serve run`, `serve deploy` and `serve status` need, for the shell that sources this, in any folder from then on:
#
#     . deploy/shell.sh
#
# The programs of .venv-serve, where the code is, Ray's flags and the cluster's token (fastpath.env says why).
# shellcheck shell=bash
helen=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)
set -a
# shellcheck disable=SC1091
. "$helen/deploy/fastpath.env"
PATH=${HELEN_BIN:-$helen/.venv-serve/bin}:$PATH
PYTHONPATH=$helen${PYTHONPATH:+:$PYTHONPATH}
# `serve run` says where it answers once it does, and stops in order. Not among the flags: Python has to find it.
# shellcheck disable=SC2034
RAY_RUNTIME_ENV_HOOK=serve_app.lifecycle.driver.attach
set +a
unset helen
