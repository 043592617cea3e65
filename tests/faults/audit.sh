#!/usr/bin/env bash
# A bit that flips in memory between two updates ends the run with exit 8, naming tensor, rank and step.
. "$(dirname "$0")/../lib.sh"
[ "${GD_FAULTS:-}" = 1 ] || skip "faults can be injected in a build with -DGD_FAULTS=ON only"
gdtrain data make glyphs --n 2000 --out train.h5 >/dev/null
train=(gdtrain --data train.h5 --model "linear:64 relu linear:10" --momentum 0.9 --micro-batch 16 --steps 30
       --audit-every 10 --threads 1 --progress none --plots false --checkpoint.best false)

# flips FAULT REGEX RANKS options...
flips() {
  local fault=$1 regex=$2 ranks=$3
  shift 3
  rm -rf run
  GDTRAIN_FAULT=$fault expect 8 "$regex" on "$ranks" "${train[@]}" --out run "$@"
}
for ranks in 2 4; do
  for how in "--transport shm" "--transport mpi"; do
    tensor=0.weight                                            # the first of rank 1's slice
    [ "$ranks $how" = "2 --transport mpi" ] && tensor=2.bias # two groups, each of which updates everything
    flips flip_param@1:19 "parameters differ: tensor $tensor, elements [0-9]+ to [0-9]+, rank 1 on host .* at step 20" $ranks $how
    flips flip_state@1:9 "optimizer differ: momentum_buffer of tensor $tensor, .*, rank 1 on host .* at step 10" $ranks $how
  done
  flips flip_param@1:19 "parameters differ: tensor 2.bias, elements 0 to 9, rank 1 on host .* at step 20" $ranks --sync allreduce
  flips flip_state@1:9 "optimizer differ: momentum_buffer of tensor 2.bias, .*, rank 1 on host .* at step 10" $ranks --sync allreduce
done
flips flip_param@0:9 "parameters differ: tensor 2.bias, elements .*, rank 0 on host .* at step 10" 1

# A copy that is wrong although memory held: a message that arrived damaged, an update that went differently.
flips drift_param@2:9 "parameters differ: tensor 2.bias, element 0, rank 2 on host .* at step 10" 3 --transport mpi
flips drift_param@1:4 "parameters differ: tensor 0.weight, element [0-9]+, rank 1 on host .* at step 10" 2 --transport mpi
flips drift_param@2:4 "parameters differ: tensor 0.weight, element [0-9]+, rank 2 on host .* at step 10" 3 --sync allreduce

# Nothing is found where nothing is wrong, and the bits are those of a run without audits.
for how in "--transport shm" "--transport mpi" "--sync allreduce"; do
  for every in 1 0; do
    rm -rf run
    on 2 "${train[@]}" $how --out run --audit-every $every >out.txt 2>&1 || { fail "audit_every $every, $how"; cat out.txt; }
    digest run >digest.$every
  done
  equal "$(cat digest.1)" "$(cat digest.0)" "digest with audits, $how"
done
finish
