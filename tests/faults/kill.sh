#!/usr/bin/env bash
# Killed at any moment, any rank or all, and continued on any number of ranks: the parameters, the best checkpoint and
# the samples of every step are those of the run that nobody disturbed.
#
#   GD_TEST_SEED=N draws the same moments again; GD_TEST_COUNT=full|N sets how many runs are disturbed (120)
. "$(dirname "$0")/../lib.sh" "$@"
some_images
RANDOM=$((test_seed % 32768))
runs=$(test_count 120)
echo "GD_TEST_SEED=$test_seed GD_TEST_COUNT=$runs of 120"

# start RANKS TRACE options...: in the background, in a process group of its own; $job is its leader
start() {
  local ranks=$1 trace=$2 launch=
  shift 2
  mkdir -p "$trace"
  [ "$ranks" = 1 ] || launch="mpirun --oversubscribe -n $ranks"
  setsid $launch gdtrain --data images.h5 --val-fraction 0.1 --model "linear:64 relu dropout:0.2 linear:10" --batch-size 257 \
    --micro-batch 32 --epochs 4 --momentum 0.9 --clip-norm 1 --schedule sgdr --schedule.t0 1 --checkpoint-every 5 --eval-every 9 \
    --deadline 20 --plots false --trace "$trace" "$@" >log.txt 2>&1 &
  job=$!
}

# ranks_of PID: the ranks that this mpirun started; itself when there is no mpirun
ranks_of() { [ "$1" = 1 ] && echo "$job" || pgrep -P "$job"; }

kill_something() {
  local ranks=$1 how=$((RANDOM % 3)) pids
  pids=($(ranks_of "$ranks"))
  [ ${#pids[@]} -gt 0 ] || return 1
  case $how in
  0) kill -KILL "${pids[RANDOM % ${#pids[@]}]}" ;; # one rank; mpirun ends the others
  1) kill -KILL "${pids[@]}" ;;                    # all ranks
  2) kill -KILL "$job" "${pids[@]}" ;;             # the whole tree
  esac 2>/dev/null && echo -n " $how" >>story
}

# A moment: some time after the start, or the beginning of the N-th write of a checkpoint.
wait_for_moment() {
  local deadline=$((SECONDS + 30)) name= left=$((RANDOM % 4 + 1))
  if [ $((RANDOM % 2)) = 0 ]; then
    sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
    echo -n "; after a time" >>story
    return
  fi
  echo -n "; in write $left" >>story
  while [ $left -gt 0 ] && [ $SECONDS -lt $deadline ] && kill -0 "$job" 2>/dev/null; do
    for name in run/checkpoints/step-*.tmp; do [ -e "$name" ] && break; done
    [ -e "$name" ] && [ "$name" != "${last_name:-}" ] && last_name=$name && left=$((left - 1))
  done
}

disturb() {
  local kills=$((RANDOM % 3 + 1)) ranks k code
  rm -rf run traces
  : >story
  for k in $(seq "$kills"); do
    ranks=$((RANDOM % 8 + 1))
    echo -n "$ranks ranks" >>story
    start $ranks "traces/$k" --out run --resume auto
    wait_for_moment
    kill_something $ranks
    ended $job
    code=$?
    echo -n " exit $code, " >>story
    case $code in 0 | 137 | 141) ;; # 141: mpirun itself, when all its ranks die while they start
    *) fail "exit $code"; tail -5 log.txt ;; esac
    sleep 0.1 # what mpirun left when it was killed with them
  done
  ranks=$((RANDOM % 8 + 1))
  echo -n "$ranks ranks to the end" >>story
  start $ranks traces/end --out run --resume auto
  ended $job || { fail "the last part: exit $?"; tail -5 log.txt; }
  echo "$(cat story)"
}

samples() { find "$1" -name 'samples-*.csv' -exec cat {} + | sort; }

start 2 quiet-trace --out quiet
wait $job || { fail "the quiet run"; cat log.txt; finish; }
samples quiet-trace >quiet.samples
equal "$(wc -l <quiet.samples)" "$(uniq quiet.samples | wc -l)" "samples listed and different ones"
rows() { cut -d, -f1-5,7,8 "$1/metrics.csv"; }

for i in $(seq "$runs"); do
  before=$failures
  disturb
  equal "$(digest run)" "$(digest quiet)" "digest"
  equal "$(gdtrain inspect run/checkpoints/best.h5 --digest)" "$(gdtrain inspect quiet/checkpoints/best.h5 --digest)" "digest of the best"
  samples traces | uniq | cmp -s - quiet.samples || fail "other samples were seen"
  for part in traces/*; do # redone steps are in files of another part
    [ -z "$(samples "$part" | uniq -d)" ] || fail "$part: samples seen twice"
  done
  diff <(rows quiet) <(rows run) >rows.txt || { fail "other rows in metrics.csv"; head -4 rows.txt; }
  [ -z "$(find run -name '*.tmp')" ] || fail "temporary files stay: $(find run -name '*.tmp')"
  [ $failures = $before ] || { echo "FAILED after: $(cat story)"; cp -r run traces log.txt "${GD_KEEP:-$work}/" 2>/dev/null; }
done
finish
