#!/usr/bin/env bash
# Trains as a Ray job:
#
#     deploy/train_job.sh --data_dir recordings --max_epochs 15 --batch_size 64
#     deploy/train_job.sh training.train_tcn --data_dir shots --max_epochs 20
#
# runs training.train_gru, or the module that comes first, and takes every flag of it. The job runs on the cluster that RAY_ADDRESS names, else on the one that runs
# on this machine (`make serve` has started one), else on a head that lives as long as this script. Its log streams, and
# its exit code follows: 0, or 1 for a job that failed. Interrupting the script stops the job. The log of a head that failed is
# kept, and named.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=${HELEN_JOB_PYTHON:-$root/.venv/bin/python} # the environment with torch; the cluster's own may have none
ray=$(dirname "$python")/ray
cpus=${HELEN_JOB_CPUS:-0.5} # of a service's two cores, what its largest size leaves free (serve_config.yaml)
logs=${HELEN_JOB_LOGS:-$root/runs/heads} # where the log of a head that failed is kept
job=train-$(date -u +%Y%m%d-%H%M%S)-$$
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0

module=training.train_gru
if [[ ${1:-} == training.* ]]; then
  module=$1
  shift
fi
model=gesture
[ "$module" != training.train_tcn ] || model=shot

# The job runs in a copy of the project, so folders are named from the root of the file system.
arguments=()
flag=
[[ " $* " == *" --storage_path "* ]] || arguments=(--storage_path "$root/runs/$model")
for word in "$@"; do
  case $flag in
    --data_dir | --storage_path) [[ $word == *://* ]] || word=$(realpath -m -- "$word") ;;
  esac
  arguments+=("$word")
  flag=$word
done

head=
scratch=
follower=
blame_head=
# What the head wrote, and what its own processes did.
keep_log() {
  local kept=$logs/$job
  mkdir -p "$kept"
  cp "$scratch/head.log" "$scratch"/session_latest/logs/{dashboard*,gcs_server*,raylet*}.{log,out,err} "$kept/" 2>/dev/null || true
  echo "The head's log is kept in $kept" >&2
}

finish() {
  code=$?
  trap '' EXIT INT TERM # each step below ends by itself
  if [ -n "$follower" ]; then
    echo "Stopping job $job" >&2
    timeout 15 "$ray" job stop --no-wait --address "$address" "$job" >/dev/null 2>&1 || true # if it still runs
    kill "$follower" 2>/dev/null || true
  fi
  if [ -n "$head" ]; then
    kill -TERM "$head" 2>/dev/null || true
    wait "$head" 2>/dev/null || true
    [ -z "$blame_head" ] || keep_log
    rm -rf "$scratch"
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

token=$("$ray" get-auth-token --generate 2>/dev/null) # the key to this machine's clusters, made once
answers() { curl -sf -m 5 -o /dev/null -H "Authorization: Bearer $token" "$1/api/version"; }

address=${RAY_ADDRESS:-}
unset RAY_ADDRESS
# Ray writes down where a head started by `ray start` is, not one started by `serve run`: so knock at its usual ports.
for port in 8265 8266 8267 8268 8269; do
  if [ -z "$address" ] && answers "http://127.0.0.1:$port"; then address=http://127.0.0.1:$port; fi
done

if [ -z "$address" ]; then
  echo "No Ray cluster runs here: starting a head for this job"
  scratch=$(mktemp -d /tmp/helen-XXXXXX) # short: Ray puts sockets in it
  read -r port client_port < <("$python" -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in held))')
  address=http://127.0.0.1:$port
  "$ray" start --head --block --temp-dir "$scratch" --node-ip-address 127.0.0.1 --port 0 \
    --ray-client-server-port "$client_port" --dashboard-agent-listen-port 0 \
    --dashboard-host 127.0.0.1 --dashboard-port "$port" --disable-usage-stats >"$scratch/head.log" 2>&1 &
  head=$!
  deadline=$((SECONDS + 180))
  until answers "$address"; do
    if ((SECONDS > deadline)) || ! kill -0 "$head" 2>/dev/null; then
      blame_head=yes
      echo "The head did not start: $(grep -v '^ *$' "$scratch/head.log" | tail -n 1)" >&2
      exit 1
    fi
    sleep 0.5
  done
fi

cd "$root"
# Lowest priority: shares are Ray's bookkeeping, and it is the kernel that lets the service's processes go first.
"$python" deploy/job.py "$address" "$job" "$cpus" nice -n 19 "$python" -m "$module" "${arguments[@]}" &
follower=$!
code=0
wait "$follower" || code=$? # in the background, since bash would handle an interruption only after a command in the foreground
if [ "$code" = 3 ]; then # the cluster's fault, and the job may still run
  blame_head=yes
else
  follower=
fi
[ "$code" = 0 ]
