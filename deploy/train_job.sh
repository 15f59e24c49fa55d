#!/usr/bin/env bash
# Trains as a Ray job:
#
#     deploy/train_job.sh --data_dir recordings --max_epochs 15 --batch_size 64
#
# takes every flag of training.train_gru. The job runs on the cluster that RAY_ADDRESS names, else on the one that runs
# on this machine (`make serve` has started one), else on a head that lives as long as this script. Its log streams, and
# its exit code follows: 0, or 1 for a job that failed. Interrupting the script stops the job.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=${HELEN_JOB_PYTHON:-$root/.venv/bin/python} # the environment with torch; the cluster's own may have none
ray=$(dirname "$python")/ray
cpus=${HELEN_JOB_CPUS:-0.5} # of a service's two cores, what its largest size leaves free (serve_config.yaml)
job=train-$(date -u +%Y%m%d-%H%M%S)-$$
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0

# The job runs in a copy of the project, so folders are named from the root of the file system.
arguments=()
flag=
[[ " $* " == *" --storage_path "* ]] || arguments=(--storage_path "$root/runs/gesture")
for word in "$@"; do
  case $flag in
    --data_dir | --storage_path) [[ $word == *://* ]] || word=$(realpath -m -- "$word") ;;
  esac
  arguments+=("$word")
  flag=$word
done

head=
submitted=
finish() {
  code=$?
  trap - EXIT INT TERM
  if [ -n "$submitted" ]; then "$ray" job stop "$job" >/dev/null 2>&1 || true; fi # no effect on one that failed
  if [ -n "$head" ]; then
    kill -TERM "$head" 2>/dev/null || true
    wait "$head" 2>/dev/null || true
    [ "$code" != 0 ] || rm -f "$log"
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

answers() { "$ray" job list >/dev/null 2>&1; }

if ! answers; then
  log=$(mktemp "${TMPDIR:-/tmp}/helen-head-XXXXXX.log")
  echo "No Ray cluster runs here: starting a head for this job (its log: $log)"
  "$ray" get-auth-token --generate >/dev/null # the key of this machine's clusters, made once
  "$ray" start --head --block --port 0 --node-ip-address 127.0.0.1 --dashboard-host 127.0.0.1 \
    --disable-usage-stats >"$log" 2>&1 &
  head=$!
  deadline=$((SECONDS + 180))
  until grep -q "Ray runtime started" "$log" && answers; do
    if ((SECONDS > deadline)) || ! kill -0 "$head" 2>/dev/null; then
      tail -n 20 "$log"
      echo "The head did not start."
      exit 1
    fi
    sleep 1
  done
fi

cd "$root"
submitted=yes
# Lowest priority: shares are Ray's bookkeeping, and it is the kernel that lets the service's processes go first.
"$ray" job submit --submission-id "$job" --working-dir . --entrypoint-num-cpus "$cpus" -- \
  nice -n 19 "$python" -m training.train_gru "${arguments[@]}" &
wait $! # in the background, since bash would handle an interruption only after a command in the foreground
submitted=
