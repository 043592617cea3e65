#!/usr/bin/env bash
# What bench says of steps on a GPU adds up: the step by the GPU's clock, the host's ledger, the launches of a recorded step,
# and what passes between GPUs, by itself and while backward goes on.
. "$(dirname "$0")/../lib.sh" "$@"
need_gpus
gdtrain data make glyphs --n 640 --out train.h5 >/dev/null
run=(--device cuda --data train.h5 --model "linear:32 relu linear:10" --batch-size 64 --micro-batch 32 --lr 0.01 --threads 1)

# figure NAME: the number after a word at the beginning of a line
figure() { awk -v w="$1" '$1 == w { print $2; exit }' out.txt; }

# adds_up RANKS options...: parts of the ledger, speed against time, the share of the products, the GPU's clock and the host's.
# Times are printed in tenths of a microsecond, of which a step on a GPU may have few.
adds_up() {
  local ranks=$1
  shift
  on "$ranks" gdtrain bench "${run[@]}" --steps 16 "$@" >out.txt 2>err.txt || { fail "$ranks ranks, $*"; cat err.txt; }
  awk '/^  (queuing|exchange|update|wait|other) / { sum += $2 } $1 == "total" { total = $2 } $1 == "step" { step = $2 }
    / samples\/s$/ { speed = $(NF - 1) } $1 == "products" { bare = $2; share = $(NF - 3) }
    function near(a, b, e) { return a - b <= e && b - a <= e }
    END { exit !(total > 0 && near(sum, total, 1) && near(speed * step / 64e6, 1, .01) && near(share, 100 * bare / step, .06 + 15 / step) &&
      step < 5 * total && total < 5 * step) }' out.txt ||
    { fail "figures of $ranks ranks, $*"; cat out.txt; }
}

adds_up 1
recorded=$(figure kernels)
at_least "$recorded" 10 "launches in a step"
path=$(awk '$1 == "kernels" { print $NF }' out.txt)
at_least "$((recorded - path))" 2 "launches beside the longest path"
grep -q "on the GPU's clock" out.txt || fail "whose clock?"
adds_up 1 --data.memory stream
equal "$(figure kernels)" "$recorded" "launches in a step whose data are sent before it"
adds_up 1 --cuda-graphs off
grep -q 'launched one by one' out.txt || fail "steps that are not recorded"
adds_up 2 --transport mpi
grep -q '^  exchange ' out.txt || fail "an exchange by the hosts"

if [ ! "$nccl" ]; then
  echo "one GPU: NCCL between two was not measured"
  finish
  exit
fi
for mode in ordered allreduce; do
  adds_up 2 --sync "$mode"
  at_least "$(figure exchange)" 0.1 "the exchange by itself, $mode"
done
on 2 gdtrain bench --comm "${run[@]}" --steps 6 --max-mb 1 >out.txt 2>err.txt || { fail "--comm"; cat err.txt; }
grep -q '^sizes, by NCCL 2\.' out.txt || { fail "sizes by NCCL"; cat out.txt; }
equal "$(awk '$4 == "us" && $8 == "us" && $3 > 0 && $7 > 0' out.txt | wc -l)" 10 "sizes"
finish
