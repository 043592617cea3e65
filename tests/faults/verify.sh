#!/usr/bin/env bash
# gdtrain verify finds nothing where nothing is wrong, and every fault that is injected, under the right name.
. "$(dirname "$0")/../lib.sh"
common=(--progress none --threads 1)

# holds RANKS options...: all checks pass or say why they were skipped
holds() {
  on "$@" >out.txt 2>&1
  equal "$?" 0 "exit of: $*"
  grep -q FAIL out.txt && { fail "a check fails without a fault: $*"; cat out.txt; }
  equal "$(grep -cE '^[a-z -]+ (PASS|SKIP)  .' out.txt)" 9 "checks of: $*"
}
for ranks in 1 2 3; do holds $ranks gdtrain verify "${common[@]}"; done
equal "$(grep -c PASS out.txt)" 9 "checks that pass on 3 ranks"
holds 2 gdtrain verify "${common[@]}" --transport mpi
holds 3 gdtrain verify "${common[@]}" --sync allreduce
holds 2 gdtrain verify "${common[@]}" --batch-size full --optimizer adam --clip-norm 1
holds 2 gdtrain verify "${common[@]}" --data runs/glyphs/train.h5 --model "linear:32 tanh dropout:0.3 linear:10" \
      --batch-size 1 --val-fraction 0.3 --precision fp64
for n in 1 2 3; do
  gdtrain data make line --n $n --out few.h5 >/dev/null
  holds 2 gdtrain verify "${common[@]}" --data few.h5 --model linear:1 --batch-size full
done
[ -z "$(ls -d runs/verify-* 2>/dev/null)" ] || fail "verify leaves a folder behind"

[ "${GD_FAULTS:-}" = 1 ] || { finish && skip "faults can be injected in a build with -DGD_FAULTS=ON only"; }

# finds FAULT CHECK RANKS options...: exit 8, and CHECK fails
finds() {
  local fault=$1 check=$2 ranks=$3
  shift 3
  GDTRAIN_FAULT=$fault on "$ranks" gdtrain verify "${common[@]}" "$@" >out.txt 2>&1
  equal "$?" 8 "exit with $fault"
  grep -qE "^$check +FAIL  ." out.txt || { fail "$check does not fail with $fault $*"; cat out.txt; }
}
for ranks in 2 3; do
  finds average_rank_means "epoch end" $ranks
  finds average_rank_means "batches" $ranks --sync allreduce
  finds flip_param@1:0 "ranks" $ranks
  finds flip_param@1:1 "replicas" $ranks --transport mpi
  finds flip_param@1:0 "replicas" $ranks --sync allreduce
  finds flip_state@1:1 "ranks" $ranks
  finds stale_state@1 "resume" $ranks
  finds swapped_tree "ranks" $ranks
done
for ranks in 1 2; do
  finds doubled_gradient "gradients" $ranks
  finds missing_micro_batch "micro-batches" $ranks
  finds shuffle_on_resume "samples" $ranks
done
finish
