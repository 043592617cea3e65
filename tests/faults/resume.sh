#!/usr/bin/env bash
# Every way to stop and continue leads to the bits of the run that nobody stopped, or is refused with a reason.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 4000 --out g.h5 >/dev/null || fail "data"
cat >run.yaml <<'Y'
data: {train: g.h5}
model: [linear: 64, relu, dropout: 0.2, linear: 10]
batch_size: 100
micro_batch: 16
epochs: 4
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
schedule: {name: sgdr, t0: 1}
plots: false
Y
run() { # ranks folder options...
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain run.yaml --out "$out" "$@"
}
ok() { run "$@" >out.txt 2>&1 || { fail "$*"; tail -5 out.txt; }; }
ok 2 whole
whole=$(digest whole)
damage() { dd if=/dev/zero of="$1" bs=1 seek=$(($(stat -c %s "$1") / 2)) count=64 conv=notrunc 2>/dev/null; }

# Written by 8 ranks, continued by 3, then by 5. The schedule covers 4 epochs whatever the steps of a part.
ok 8 a --steps 50
ok 3 a --steps 90 --resume auto
ok 5 a --resume auto
equal "$(digest a)" "$whole" "digest after 8, 3 and 5 ranks"

# Stopped three times inside one epoch, by SIGUSR1 to mpirun, which passes it on.
gdtrain data make glyphs --n 150000 --out big.h5 >/dev/null || fail "data"
long() { mpirun --oversubscribe -n "$1" gdtrain run.yaml --data big.h5 --epochs 1 --out "$2" --progress lines --log-every 10 "${@:3}" >"$2.txt" 2>&1; }
long 2 b-whole || { fail "the long run"; cat b-whole.txt; }
stops=0
for ranks in 2 3 1; do
  rows=$(wc -l 2>/dev/null <b/metrics.csv || echo 0)
  long $ranks b --resume auto &
  job=$!
  while_runs $job lines b/metrics.csv $((rows + 3))
  kill -USR1 "$(pgrep -P $job)" # mpirun
  wait $job
  code=$?
  equal $code 75 "exit code of the stopped run"
  equal "$(grep -c 'stopped on request after step' b.txt)" 1 "messages of the stop"
  [ $code = 75 ] && stops=$((stops + 1))
done
long 3 b --resume auto || fail "the last part"
equal "$(digest b)" "$(digest b-whole)" "digest after $stops stops inside an epoch"

# Checkpoints by the clock.
gdtrain run.yaml --data big.h5 --epochs 20 --out c --checkpoint-every 1s --checkpoint.keep 100 >out.txt 2>&1 || { fail "by the clock"; tail -3 out.txt; }
seconds=$(last c seconds) written=$(ls c/checkpoints/step-*.h5 | wc -l)
awk -v s="$seconds" -v n="$written" 'BEGIN { exit !(n >= 2 && n <= s + 2 && n >= s / 2 - 1) }' || fail "$written checkpoints in $seconds s, one a second was asked for"

# The newest one damaged: the one before, said, and the same bits. All damaged: 5. Nothing: a fresh start, said.
ok 2 d --steps 120 --checkpoint-every 40
damage d/checkpoints/step-00000120.h5
expect 0 "passed over: .*step-00000120.h5" run 3 d --resume auto
grep -q "resumed from .*step-00000080.h5 at step 80" out.txt || fail "not resumed from the one before"
equal "$(digest d)" "$whole" "digest after a damaged checkpoint"
for file in d/checkpoints/*.h5; do damage "$file"; done
expect 5 "error: d/checkpoints: none of its 3 checkpoints is valid" run 2 d --resume auto
expect 0 "e holds no checkpoint: a fresh start" run 2 e --resume auto
equal "$(digest e)" "$whole" "digest of a fresh start"

# What changes the bits is named and refused; what does not is free.
ok 2 f --steps 50
for change in "--seed 2:seed: 1 -> 2" "--batch-size 200:batch_size: 100 -> 200" "--micro-batch 20:micro_batch: 16 -> 20" \
  "--clip-norm 1:clip_norm: 0 -> 1" "--precision bf16:precision: fp32 -> bf16" "--momentum 0.8:momentum: 0.9 -> 0.8" \
  "--sync allreduce:sync: ordered -> allreduce" "--schedule.t0 2:schedule.t0: 1 -> 2" "--val-fraction 0.1:val_fraction: 0 -> 0.1"; do
  # shellcheck disable=SC2086
  expect 2 "error: f/checkpoints/step-00000050.h5 .*${change#*:}.*--resume-changed" run 2 f --resume auto ${change%%:*}
done
expect 2 "error: .*model: " run 2 f --resume auto --model "linear:32 relu dropout:0.2 linear:10"
gdtrain data make glyphs --n 4000 --seed 9 --out g2.h5 >/dev/null
expect 2 "error: f/checkpoints/.*the training data" run 2 f --resume auto --data g2.h5
cp -r f h
expect 0 "resuming although this differs: seed: 1 -> 2" run 2 h --resume auto --seed 2 --resume-changed
[ "$(digest h)" != "$whole" ] || fail "another seed changed nothing"
ok 3 f --resume auto --threads 2 --deadline 50 --checkpoint-every 7 --transport mpi
equal "$(digest f)" "$whole" "digest with settings that do not change bits"
finish
