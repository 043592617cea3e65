#!/usr/bin/env bash
# What goes wrong on GPUs ends all ranks within the deadline, with the documented code and one message that names the cause.
. "$(dirname "$0")/../lib.sh" "$@"
need_gpus
gdtrain data make glyphs --n 600 --out g.h5 >/dev/null && gdtrain data make linear --n 2000 --d 4 --out lines.h5 >/dev/null || fail "data"
words=(--data g.h5 --model "linear:32 relu linear:10" --batch-size 96 --micro-batch 16 --val-fraction 0.1 --checkpoint-every 10
  --checkpoint.best false --plots false --progress none --deadline 3 --device cuda)
runs=0
# ends CODE REGEX RANKS options...: long before a hang would; one line matches
ends() {
  expect "$1" "$2" on "$3" timeout -k 1 120 gdtrain "${words[@]}" --out "run$((++runs))" --steps 40 "${@:4}"
}
# with NAME=VALUE COMMAND...: and as it was afterwards
with() {
  local name=${1%%=*} old
  old=${!name-unset}
  export "${1?}"
  "${@:2}"
  [ "$old" = unset ] && unset "$name" || export "$name=$old"
}

printf 'import sys, h5py, numpy as np\nf = h5py.File(sys.argv[1])\nassert all(np.isfinite(v[()]).all() for v in f["/model"].values())\n' >finite.py

# Not a number: named late, but rightly, and what was saved before is good. Skipped when that is asked for.
for ranks in 1 3; do
  for saves in 3 1000; do
    out=nan-$ranks-$saves
    # shellcheck disable=SC2086
    expect 7 "error: loss or gradient is not finite at step 6 .*last good checkpoint" on $ranks gdtrain --data lines.h5 --lr 3 --epochs 50 \
      --model "linear:16 relu linear:1" --batch-size 100 --micro-batch 25 --device cuda --checkpoint-every $saves --log-every $saves $nccl --out $out
    kept=$(grep -oE 'last good checkpoint: [^ ]*' out.txt | cut -d' ' -f4)
    newest=$(ls $out/checkpoints/step-*.h5 2>/dev/null | tail -1)
    equal "$kept" "${newest:-none}" "the checkpoint in the message"
    [ ! "$newest" ] || ! /usr/bin/python3 -c 'import h5py' 2>/dev/null || /usr/bin/python3 finite.py "$newest" || fail "$newest is not finite"
  done
  # shellcheck disable=SC2086
  on $ranks gdtrain --data lines.h5 --model "linear:16 relu linear:1" --lr 3 --steps 40 --batch-size 100 --micro-batch 25 --device cuda --on-nan skip \
    --plots false --progress none $nccl --out skip-$ranks >out.txt 2>&1 || { fail "on_nan: skip"; cat out.txt; }
done
equal "$(digest skip-1)" "$(digest skip-3)" "digest with steps left out"

# Ranks and GPUs that do not fit.
ends 2 "error: .*tf32 needs a GPU" 1 --device cpu --precision tf32
ends 2 "error: transport: nccl is for GPUs" 2 --device cpu --transport nccl
gdtrain data make linear --n 300000 --d 40 --out many.h5 >/dev/null || fail "data"
many=(--data many.h5 --data.shuffle full --model linear:1 --batch-size full --micro-batch 10000 --lr 1e-6 --steps 2)
ends 2 "error: cuda_graphs: on needs the data in the GPU.* at most 64 MB .* not 84" 1 "${many[@]}" --data.memory stream --cuda-graphs on
ends 0 "^steps are not recorded as CUDA graphs: a rank's data of one take 84 MB" 1 "${many[@]}" --data.memory stream # said once
sent=$(digest run$runs)
ends 0 "^digest" 1 "${many[@]}" --cuda-graphs on
equal "$(digest run$runs)" "$sent" "digest of data that are sent by micro-batches, and of the same kept"
rm many.h5
ends 2 "error: cuda_graphs: on cannot be combined with trace" 1 --trace . --cuda-graphs on
ends 0 "warning: 1 micro-batch for 3 ranks: 2 idle; a larger --batch-size gives them work" 3 --batch-size 1 --micro-batch auto
if [ -z "${GDTRAIN_EMULATED_GPUS:-}" ]; then
  with CUDA_VISIBLE_DEVICES= ends 10 "error: no GPU is here" 1
  finish
  exit
fi

export GDTRAIN_EMULATED_GPUS=4
unset GD_RANK_WRAPPER # lets ranks share a GPU
with GDTRAIN_EMULATED_GPUS=0 ends 10 "error: no GPU is here" 1
with GDTRAIN_EMULATED_GPUS=no-driver ends 10 "error: no GPU driver that knows CUDA" 2
with GDTRAIN_TUNE=update_shares=4 ends 2 "error: unknown knob of GDTRAIN_TUNE 'update_shares': did you mean 'update_share'" 1
with GDTRAIN_EMULATED_GPUS=2 ends 0 "warning: 3 ranks of this host share 2 GPUs" 3
with GDTRAIN_EMULATED_GPUS=2 ends 3 "error: transport: nccl cannot be used: ranks 0 and 2 .* share the GPU at 0000:01:00" 3 --transport nccl

# Said once, by however many jobs; and a set that fits but for what steps need is sent in batches.
with GDTRAIN_EMULATED_GPUS=2 expect 0 "warning: 3 ranks of this host share 2 GPUs" on 3 gdtrain verify --data lines.h5 --model linear:1 \
  --batch-size 30 --device cuda --progress none
gdtrain data make glyphs --n 30000 --out large.h5 >/dev/null || fail "data"
large=(--data large.h5 --model "linear:64 relu linear:10" --batch-size 2048 --micro-batch 2048 --steps 4)
with GDTRAIN_EMULATED_MEMORY=96 ends 0 "^the data leave too little of the GPU's memory: batches are copied there" 1 "${large[@]}" --cuda-graphs on
sent=$(digest run$runs)
with GDTRAIN_EMULATED_MEMORY=128 ends 0 "^digest" 1 "${large[@]}" --cuda-graphs on # kept where it may be
! grep -q "too little" out.txt || fail "a set that fits is not kept"
equal "$(digest run$runs)" "$sent" "digest of a set that is kept, and of one that is sent"

# Samples that cannot be read, on one rank: in the first step, in a later one, in the short last one. All hear why.
if [ "${GD_FAULTS:-}" = 1 ]; then
  for at in 1:32 1:320 -1:592; do
    for how in shm mpi nccl; do
      with GDTRAIN_FAULT=unread@$at ends 4 "error: g.h5: injected: samples that cannot be read \\(rank" 3 --data.memory stream --data.shuffle none \
        --val-fraction 0 --transport $how
    done
  done
fi

# A GPU fails for good, in any launch: while the job opens, in a step, in a replay, while it evaluates.
for n in 1 4 333 600; do
  for how in nccl shm; do
    with GDTRAIN_EMULATED_FAULT=700@$n:1 ends 10 "error: GPU 1: .*cudaErrorIllegalAddress.* \(rank 1 on " 3 --transport $how
  done
done
with GDTRAIN_EMULATED_FAULT=719@333:0 ends 10 "error: GPU 0: .*cudaErrorLaunchFailure" 2 --transport mpi --cuda-graphs off
with GDTRAIN_EMULATED_FAULT=719@333 ends 10 "error: GPU 0: .*cudaErrorLaunchFailure" 1
with GDTRAIN_EMULATED_MEMORY=1 ends 10 "error: GPU 0: .*cudaErrorMemoryAllocation" 1
with GDTRAIN_EMULATED_MEMORY=80 ends 1 "error: the GPU arena cannot hold another" 2 --model "linear:4096 relu linear:10"

# NCCL: missing, old, wrong, never done.
with GDTRAIN_STUB_NCCL=version@21212 ends 3 "error: transport: nccl cannot be used: .* is too old" 2 --transport nccl
with GDTRAIN_STUB_NCCL=version@21212 ends 0 "gradients are exchanged over host memory, not by NCCL: .* is too old" 2
with GDTRAIN_STUB_NCCL=error@7:1 ends 9 "error: NCCL.s .* on GPU 1 failed: unhandled system error" 2 --transport nccl
with GDTRAIN_STUB_NCCL=error@40:0 ends 9 "error: NCCL.s .* on GPU 0 failed: unhandled system error" 2 --transport nccl
with GDTRAIN_STUB_NCCL=block@9:1 ends 9 "rank 1 on host .*(: stuck in NCCL for more than|has not arrived at NCCL)" 2 --transport nccl
for n in 3 50; do
  with GDTRAIN_STUB_NCCL=hang@$n expect 9 "stopped|rank 0 .*error|error: NCCL.s .* on GPU 0 did not finish within 3 s although every rank answers" \
    on 2 timeout -k 1 120 gdtrain "${words[@]}" --out "hang$n" --steps 40 --transport nccl
  ! grep -q "does not let go" out.txt || { fail "the abort hung"; cat out.txt; }
done
with GDTRAIN_STUB_NCCL=refuse@5:0 ends 9 "error: NCCL.s .* on GPU 0 failed: unhandled system error" 2 --transport nccl # while a step is recorded
if [ "${GD_FAULTS:-}" = 1 ]; then # a rank that cannot record: nobody does, or nobody goes on
  with GDTRAIN_FAULT=recording@1 ends 0 "warning: steps are not recorded .*injected" 3 --transport nccl
  mv run$runs eager
  ends 0 "cannot happen|^digest" 3 --transport nccl
  equal "$(digest eager)" "$(digest run$runs)" "digest when nothing is recorded"
  with GDTRAIN_FAULT=recording@1 ends 10 "error: injected: not recorded \(rank 1 on " 3 --transport nccl --cuda-graphs on
fi

# A rank is lost while the others wait for it on their GPUs.
# lost SIGNAL CODE options...: sent to rank 1 once it has saved
lost() {
  local signal=$1 code=$2 out="lost$((++runs))" job pid victim= began
  mpirun --oversubscribe -n 3 gdtrain "${words[@]}" --epochs 100000 --transport nccl --out "$out" "${@:3}" >out.txt 2>&1 &
  job=$!
  while_runs $job files 1 "$out/checkpoints/step-*.h5"
  for pid in $(pgrep -P $job); do tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "OMPI_COMM_WORLD_RANK=1" && victim=$pid; done
  kill "-$signal" "$victim" || fail "nobody to send $signal"
  began=$SECONDS
  while kill -0 $job 2>/dev/null && [ $((SECONDS - began)) -le 30 ]; do sleep 0.05; done
  kill -0 $job 2>/dev/null && { fail "SIG$signal $*: hangs"; kill -KILL $job $(pgrep -P $job); }
  wait $job
  equal $? "$code" "exit code after SIG$signal $*"
  kill -KILL "$victim" 2>/dev/null
  gdtrain inspect "$(ls "$out"/checkpoints/step-*.h5 | tail -1)" --digest >/dev/null || fail "the newest checkpoint after SIG$signal"
}
lost KILL 137
lost STOP 9
grep -q "rank 1 on host .* has not arrived at NCCL's .* within 3 s" out.txt || { fail "who was stopped?"; cat out.txt; }
! grep -q "does not let go" out.txt || { fail "the abort hung"; cat out.txt; }
lost STOP 9 --data.memory stream
grep -q "rank 1 on host .* has not arrived at " out.txt || { fail "who was stopped, with a streamed set?"; cat out.txt; }
finish
