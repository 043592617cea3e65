#!/usr/bin/env bash
# Ranks that update on their GPUs hold copies of everything: a bit that flips in one of them ends the run with exit 8, naming
# tensor, rank and host, at the first look at what steps found (at least every 8 of them) after the audit was due.
. "$(dirname "$0")/../lib.sh" "$@"
need_gpus
[ "$nccl" ] || skip "copies of ranks without NCCL are audited in host memory"
[ "${GD_FAULTS:-}" = 1 ] || skip "faults can be injected in a build with -DGD_FAULTS=ON only"
gdtrain data make glyphs --n 600 --out g.h5 >/dev/null || fail "data"
train=(gdtrain --data g.h5 --model "linear:40 relu linear:10" --batch-size 70 --micro-batch 16 --momentum 0.9 --device cuda
       $nccl --audit-every 10 --threads 1 --progress none --plots false --checkpoint.best false)

# flips FAULT REGEX RANKS options...
flips() {
  local fault=$1 regex=$2 ranks=$3
  shift 3
  rm -rf run
  GDTRAIN_FAULT=$fault expect 8 "$regex" on "$ranks" "${train[@]}" --out run "$@"
}
flips flip_param@1:19 "parameters differ: tensor 2.bias, elements 0 to 9, rank 1 on host .* at step 2[0-4] \(rank 0" 2 --steps 40
flips flip_param@0:16 "parameters differ: tensor 2.bias, elements 0 to 9, rank 0 on host .* at step 2[0-4] \(rank 1" 3 --steps 40 --cuda-graphs off
flips flip_state@1:2 "optimizer differ: momentum_buffer of tensor 2.bias, .*, rank 1 on host .* at step 3" 3 --steps 3 --audit-every 1
flips flip_state@2:9 "optimizer differ: momentum_buffer of tensor 2.bias, .*, rank 2 on host .* at step 10" 3 --steps 10
flips flip_param@2:21 "parameters differ: tensor 2.bias, .*, rank 2 on host .* at step 2[0-4]" 3 --steps 40 --sync allreduce --audit-every 1

# Nothing is found where nothing is wrong, nor after a resume, nor where the flip lies behind the last audit.
run() { rm -rf run; on 3 "${train[@]}" --out run "$@" >out.txt 2>&1 || { fail "$*"; tail -3 out.txt; }; }
run --steps 30 --audit-every 1
digest run >audited
on 2 "${train[@]}" --out run --steps 50 --audit-every 3 --resume auto >out.txt 2>&1 || { fail "resumed"; tail -3 out.txt; }
run --steps 30 --audit-every 0
equal "$(digest run)" "$(cat audited)" "digest without audits"
GDTRAIN_FAULT=flip_param@1:27 run --steps 30 --audit-every 20
finish
