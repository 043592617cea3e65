#!/usr/bin/env bash
# A run on GPUs that is stopped or killed at any moment goes on to the bits of the run that nobody stopped, on any number
# of ranks. On another device it goes on when that is asked for, because no bits are promised there.
. "$(dirname "$0")/../lib.sh" "$@"
need_gpus
command -v pgrep >/dev/null || skip "no pgrep here, which finds the ranks to kill"
# A run that can be killed several times: on a GPU a step takes a hundredth of its time on an emulated one.
long=101 epochs=1
[ "${GDTRAIN_EMULATED_GPUS:-}" ] || long=3001 epochs=100
gdtrain data make glyphs --n 600 --out g.h5 >/dev/null || fail "data"
run() { # ranks folder options...
  on "$1" gdtrain --data g.h5 --val-fraction 0.1 --model "linear:32 relu dropout:0.2 linear:10" --batch-size 70 --micro-batch 16 --momentum 0.9 \
    --ema 0.9 --schedule sgdr --schedule.t0 1 --schedule.t-mult 2 --plots false --progress none --log-every 4 --device cuda --out "$2" "${@:3}"
}
ok() { run "$@" >out.txt 2>&1 || { fail "$*"; tail -5 out.txt; }; }
ok 1 whole --steps 101
whole=$(digest whole)

# Steps are queued by the eight, and the interval of rows is 4: neither divides these.
# shellcheck disable=SC2086
{
  ok 1 a --steps 13
  ok 2 a --steps 30 --resume auto $nccl
  ok 3 a --steps 37 --resume auto $nccl --cuda-graphs off
  ok 2 a --steps 58 --resume auto --transport shm
  ok 3 a --steps 101 --resume auto $nccl
}
equal "$(digest a)" "$whole" "digest after 1, 2, 3, 2 and 3 ranks"
equal "$(cut -d, -f1,2,3,4,7,8 a/metrics.csv | tail -1)" "$(cut -d, -f1,2,3,4,7,8 whole/metrics.csv | tail -1)" "last row"

# Data that are sent: the batch that was sent ahead when the run ended is another one's, or on another rank, when it goes on.
sent=(--data.memory stream --data.shuffle full --cuda-graphs on)
# shellcheck disable=SC2086
{
  ok 1 sent --steps 13 "${sent[@]}"
  ok 3 sent --steps 58 --resume auto $nccl "${sent[@]}"
  ok 2 sent --steps 77 --resume auto --transport shm "${sent[@]}"
  ok 1 sent --steps 101 --resume auto "${sent[@]}"
}
equal "$(digest sent)" "$whole" "digest of a run whose data are sent, after 1, 3, 2 and 1 ranks"

# Killed at random moments, with a checkpoint every few steps; each part on another number of ranks.
RANDOM=4711
kills=0 unkilled=$whole
[ $long = 101 ] || { ok 1 long --steps $long; unkilled=$(digest long); }
last_checkpoint() { ls killed/checkpoints/step-*.h5 2>/dev/null | tail -1; }
for ((part = 1; part < 30; part++)); do
  # shellcheck disable=SC2086
  run $((part % 3 + 1)) killed --steps $long --checkpoint-every 3 --checkpoint.best false --resume auto $nccl >killed.txt 2>&1 &
  job=$!
  newest=$(last_checkpoint)
  if ((kills < 4)); then
    while_runs $job other_than "$newest" last_checkpoint
    sleep 0.$((RANDOM % 20 + 10))
    victims=($(pgrep -P $job) $(for pid in $(pgrep -P $job); do pgrep -P "$pid"; done)) # the shell's child, and mpirun's
    [ "${victims[0]:-}" ] && kill -KILL "${victims[-1]}" 2>/dev/null && kills=$((kills + 1))
  fi
  wait $job && break
done 2>/dev/null
at_least $kills 3 "kills"
equal "$(digest killed)" "$unkilled" "digest after $kills kills"

# Stopped on request: saved, exit 75, and the same bits.
gdtrain data make glyphs --n 60000 --out big.h5 >/dev/null || fail "data"
for ranks in 1 ${nccl:+2}; do
  # shellcheck disable=SC2086
  run $ranks stopped --data big.h5 --epochs $epochs $nccl --resume auto >stop.txt 2>&1 &
  job=$!
  rows=$(wc -l 2>/dev/null <stopped/metrics.csv || echo 1)
  while_runs $job lines stopped/metrics.csv $((rows + 2))
  kill -USR1 "$(pgrep -P $job)"
  wait $job
  equal $? 75 "exit code of a stopped run on $ranks"
  grep -q "stopped on request after step" stop.txt || fail "no word of the stop on $ranks"
done
step=$(ls stopped/checkpoints/step-*.h5 | tail -1 | grep -oE '[1-9][0-9]*\.h5') step=${step%.h5}
ok 1 stopped --resume auto --data big.h5 --epochs $epochs --steps $((step + 3))
ok 3 unstopped --data big.h5 --epochs $epochs --steps $((step + 3)) --transport shm
equal "$(digest stopped)" "$(digest unstopped)" "digest after two stops, at step $step"

# To a CPU and back: refused because the bits would be neither's, and done when that is meant.
ok 1 b --steps 13
expect 2 "error: b/checkpoints/.*: machine: .*--resume-changed" run 1 b --steps 20 --resume auto --device cpu
expect 0 "resuming although this differs: machine: " run 2 b --steps 20 --resume auto --device cpu --resume-changed
expect 2 "error: b/checkpoints/.*: machine: .*--resume-changed" run 1 b --steps 30 --resume auto
# shellcheck disable=SC2086
expect 0 "resuming although this differs: machine: " run 3 b --steps 101 --resume auto --resume-changed $nccl
within "$(last b train.loss)" "$(last whole train.loss)" 1e-4 "loss after a CPU and back"
ok 1 b --steps 104 --resume auto
finish
