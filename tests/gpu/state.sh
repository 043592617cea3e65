#!/usr/bin/env bash
# Groups, frozen parameters, statistics and constants on GPUs: the same bits on any number of ranks, however they pass data,
# the CPU's numbers but for the rounding of sums, and an audit that finds one flipped bit in a statistic.
. "$(dirname "$0")/../lib.sh" "$@"
need_gpus
tracked=$2/faults_running
gdtrain data make glyphs --n 600 --out g.h5 >/dev/null || fail "data"
train=("$tracked" --data g.h5 --val-fraction 0.2 --model "linear:24 running relu linear:16 tanh linear:10" --lr 0.05 --momentum 0.9
       --clip-norm 1 --weight-decay 0.01 --freeze 3.weight --batch-size 96 --micro-batch 16 --steps 10 --log-every 1 --eval-every 3 --plots false
       --optimizer.groups '[{match: "*.bias", weight_decay: 0}, {match: "0.*", lr: 0.1x}]')
# run OUT RANKS options...: its digests and its rows without the times
run() {
  on "$2" "${train[@]}" --out "$1" "${@:3}" >out.txt 2>&1 || { fail "$*"; tail -3 out.txt; }
  { digest "$1"; gdtrain inspect "$1/checkpoints/best.h5" --digest; cut -d, -f1-5,7,8 "$1/metrics.csv"; } >"$1.result"
}
same() { cmp -s "$1.result" "$2.result" || { fail "$2 differs from $1"; diff "$1.result" "$2.result" | head -4; }; }

run one 1 --device cuda
for way in "2 --transport shm" "3 --transport mpi" "3 --cuda-graphs off" ${nccl:+"2 $nccl" "3 $nccl"}; do
  # shellcheck disable=SC2086
  run other ${way%% *} --device cuda ${way#* }
  same one other
  rm -rf other
done
run half 3 --device cuda --steps 5
run half 2 --device cuda --resume auto
equal "$(digest half)" "$(digest one)" "digest of 3 ranks, then 2"
for without in "--optimizer.groups []" "--freeze="; do
  # shellcheck disable=SC2086
  run less 1 --device cuda $without
  cmp -s one.result less.result && fail "$without changes nothing: what was compared?"
  rm -rf less
done

# The CPU's numbers: rates, what is frozen, statistics and constants are all in the losses.
run gpu 1 --device cuda --precision fp64
run cpu 1 --device cpu --precision fp64
for column in train.loss grad_norm val.loss; do
  within "$(last gpu $column)" "$(last cpu $column)" 1e-12 "$column on a GPU and on a CPU"
done

[ "${GD_FAULTS:-}" = 1 ] || { finish; exit; }
for how in "--transport shm" "--transport mpi" ${nccl:+"$nccl" "$nccl --sync allreduce"}; do
  rm -rf flipped
  # shellcheck disable=SC2086
  GDTRAIN_FAULT=flip_statistic@1:5 expect 8 "statistics differ: tensor 1.running_var, .*rank 1 on host .* at step [67]" \
    on 2 "${train[@]}" --device cuda $how --audit-every 3 --out flipped
done
finish
