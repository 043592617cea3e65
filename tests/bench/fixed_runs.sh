#!/usr/bin/env bash
# Digests of ten fixed runs on 2 ranks: each optimizer, bf16, fp64, dropout, the noise scale, all-reduce; rows of layers. Two
# builds on one machine that compute the same print the same:
#
#   diff <(tests/bench/fixed_runs.sh BUILD) <(tests/bench/fixed_runs.sh OTHER_BUILD) && echo same bits
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 3000 --out t.h5 >/dev/null && gdtrain data make linear --n 2000 --d 12 --out l.h5 >/dev/null || { fail "data"; finish; }

run() { # name options...
  on 2 gdtrain "${@:2}" --plots false --out "$1" >out.txt 2>&1 || { echo "$1 FAILED: $(grep -m1 error out.txt)"; failures=1; return; }
  echo "$1 $(digest "$1")"
}
common=(--data t.h5 --batch-size 192 --micro-batch 48 --steps 40 --seed 3)
run sgd "${common[@]}" --model "linear:64 relu linear:32 tanh linear:10" --lr 0.1 --momentum 0.9 --schedule sgdr
run adam "${common[@]}" --model "linear:64 gelu linear:10" --optimizer.name adam
run adamw "${common[@]}" --model "linear:64 sigmoid linear:10" --optimizer.name adamw --optimizer.weight_decay 0.02
run rmsprop "${common[@]}" --model "linear:48 leaky_relu:0.1 linear:10" --optimizer.name rmsprop
run lars "${common[@]}" --model "linear:64 softplus linear:10" --optimizer.name lars
run bf16 "${common[@]}" --model "linear:64 relu linear:64 relu linear:10" --precision bf16
run fp64 "${common[@]}" --model "linear:64 relu linear:10" --precision fp64 --clip-norm 1
run dropout "${common[@]}" --model "flatten linear:64 relu dropout:0.3 linear:32 relu dropout:0.2 linear:10" --momentum 0.9
run noise --data l.h5 --batch-size 128 --micro-batch 16 --steps 60 --model "linear:16 tanh linear:1" --lr 0.01 --noise-scale --loss huber
run allreduce "${common[@]}" --model "linear:64 relu linear:10" --sync allreduce --momentum 0.9 --optimizer.nesterov true
exit $failures
