#!/usr/bin/env bash
# Runs a training command until it is done, continuing after faults from the newest checkpoint.
#
#   launch/supervise.sh [-r RETRIES] [-w SECONDS] mpirun -n 8 gdtrain run.yaml --out runs/mnist --resume auto
#
# A retry follows whatever may pass: a killed or lost rank, a machine that failed (any code not named below). None
# follows where it would end the same: 2 usage, 3 ranks that do not match, 4 data, 5 no usable checkpoint, 6 could not write, 7 not
# finite, 8 replicas differ, 10 GPU. 75 (stopped on request) is passed on, for a scheduler to requeue. A retry counts only when no
# checkpoint was added since the one before, so a long run may be disturbed any number of times.
set -uo pipefail
retries=5 pause=5
while getopts r:w: option; do
  case $option in r) retries=$OPTARG ;; w) pause=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
say() { echo "supervise: $*" >&2; }

out= resume=
for ((i = 1; i <= $#; i++)); do
  case ${!i} in
  --out) next=$((i + 1)) && out=${!next:-} ;;
  --out=*) out=${!i#--out=} ;;
  --resume | --resume=auto) resume=yes ;;
  esac
done
[ "$out" ] && [ "$resume" ] || { say "the command needs --out FOLDER and --resume auto, else it would begin again each time"; exit 2; }

newest() { ls "$out"/checkpoints/step-*.h5 2>/dev/null | tail -1; }

# Signals go to the command: USR1 lets it save and end with 75.
child=
stopping=
pass() { stopping=yes; [ -z "$child" ] || kill -"$1" "$child" 2>/dev/null; }
for signal in USR1 TERM INT; do trap "pass $signal" $signal; done

# mpirun of Open MPI 4.1 can wait for ever after all its ranks were killed at once: nobody of it runs, so it is ended.
ranks_run() {
  local state any=
  for state in $(ps -o stat= --ppid "$child"); do [ "${state#Z}" = "$state" ] && return 0 || any=yes; done
  [ -z "$any" ]
}
watch() {
  local idle=0
  while sleep 5; do
    ranks_run && idle=0 || idle=$((idle + 5))
    [ $idle -lt 30 ] || { say "no rank runs any more, but the launcher waits: ended"; kill -KILL "$child"; return; }
  done
}

left=$retries
while :; do
  before=$(newest)
  "$@" &
  child=$!
  watch &
  watcher=$!
  while :; do # a trapped signal interrupts wait
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  kill "$watcher" 2>/dev/null
  wait "$watcher" 2>/dev/null
  case $code in
  0) exit 0 ;;
  75) say "stopped on request (75): the same command continues"; exit 75 ;;
  2 | 3 | 4 | 5 | 6 | 7 | 8 | 10) say "exit code $code: a retry would end the same"; exit $code ;;
  esac
  [ -z "$stopping" ] || exit $code
  [ "$(newest)" = "$before" ] && left=$((left - 1)) || left=$retries
  [ $left -ge 0 ] || { say "exit code $code, and no progress in $retries retries"; exit $code; }
  say "exit code $code; continuing from $(newest || true) in $pause s"
  sleep "$pause"
done
