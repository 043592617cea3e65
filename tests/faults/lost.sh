#!/usr/bin/env bash
# A rank that stops, dies or does not belong to the others ends the job: within the deadline, with the documented code,
# and a message that names it.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 20000 --out g.h5 >/dev/null || fail "data"
words=(--data g.h5 --model "linear:32 relu linear:10" --epochs 100000 --deadline 3 --plots false --checkpoint-every 50)

# start NAME RANKS options...: training, in the background, until its first checkpoint is there
start() {
  local name=$1 ranks=$2
  shift 2
  mpirun --oversubscribe -n "$ranks" gdtrain "${words[@]}" --out "$name" "$@" >"$name.txt" 2>&1 &
  job=$!
  while_runs $job files 1 "$name/checkpoints/step-*.h5" || fail "$name does not start"
}
# rank_pid R: the process of rank R of this mpirun
rank_pid() {
  local pid
  for pid in $(pgrep -P "$job"); do tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "$pid"; done
}
# A process that nobody has waited for yet is dead too.
alive() { [ -e "/proc/$1/stat" ] && [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)" != Z ]; }
# ends CODE SECONDS what: the job ends in time with this code, and leaves nobody behind
ends() {
  local code=$1 limit=$2 what=$3 began=$SECONDS pids got
  pids=$(pgrep -P "$job")
  while kill -0 "$job" 2>/dev/null && [ $((SECONDS - began)) -le "$limit" ]; do sleep 0.05; done
  kill -0 "$job" 2>/dev/null && { fail "$what: hangs after $limit s"; kill -KILL "$job" $pids; }
  wait "$job"
  got=$?
  equal "$got" "$code" "$what: exit code"
  for pid in $pids; do
    for _ in $(seq 100); do alive "$pid" || continue 2; sleep 0.05; done # mpirun may end before them
    fail "$what: process $pid stays"
    kill -KILL "$pid"
  done
}

for transport in shm mpi; do
  start "stopped-$transport" 3 --transport $transport
  pid=$(rank_pid 1)
  kill -STOP "$pid"
  ends 9 20 "a stopped rank, $transport"
  kill -KILL "$pid" 2>/dev/null
  grep -qE "error: rank 1 on $(hostname): rank 1 on host .* has not arrived|rank 1 on host .* has not arrived" "stopped-$transport.txt" ||
    { fail "a stopped rank, $transport: not named"; grep -v '^ *$' "stopped-$transport.txt" | tail -5; }
  start "killed-$transport" 3 --transport $transport
  kill -KILL "$(rank_pid 2)"
  ends 137 20 "a killed rank, $transport"
  for run in stopped killed; do # what was saved before the fault is whole, and nothing was saved after it
    gdtrain inspect "$(ls $run-$transport/checkpoints/step-*.h5 | tail -1)" --digest >/dev/null || fail "$run, $transport: the newest checkpoint is damaged"
  done
done

# Programs that are each alone under the launcher of another MPI.
for launcher in "PMI_RANK=0 PMI_SIZE=4" "MPI_LOCALRANKID=0 MPI_LOCALNRANKS=4"; do
  # shellcheck disable=SC2086
  expect 3 "error: .*started 4 programs, but each of them is alone" env $launcher gdtrain "${words[@]}" --out alone
done
expect 3 "error: srun started this program without MPI: srun --mpi=pmix" env SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=4 gdtrain "${words[@]}" --out alone
[ -e alone ] && fail "a program that was refused made its folder"

# Ranks with different options.
expect 3 "error: ranks differ in the settings: .*seed" mpirun --oversubscribe -n 1 gdtrain "${words[@]}" --epochs 1 --out mixed : -n 1 gdtrain "${words[@]}" --epochs 1 --out mixed --seed 2
expect 3 "error: ranks differ in the settings: .*batch_size" mpirun --oversubscribe -n 1 gdtrain "${words[@]}" --epochs 1 --out mixed2 : -n 1 gdtrain "${words[@]}" --epochs 1 --out mixed2 --batch-size 64
# One rank cannot even read its options: all end with its code.
expect 2 "error: .*bach_size" mpirun --oversubscribe -n 1 gdtrain "${words[@]}" --out mixed3 : -n 1 gdtrain "${words[@]}" --out mixed3 --bach-size 64

# Not a number: exit 7, and what is saved is finite.
gdtrain data make linear --n 2000 --d 4 --out lin.h5 >/dev/null
printf 'import sys, h5py, numpy as np\nf = h5py.File(sys.argv[1])\nassert all(np.isfinite(v[()]).all() for v in f["/model"].values())\n' >finite.py
for ranks in 1 3; do
  expect 7 "error: loss or gradient is not finite at step .*last good checkpoint" on $ranks gdtrain --data lin.h5 --model "linear:16 relu linear:1" --lr 3 \
    --epochs 50 --checkpoint-every 1 --batch-size 100 --out nan$ranks
  newest=$(ls nan$ranks/checkpoints/step-*.h5 | tail -1)
  [ "$newest" ] || fail "no checkpoint before the first value that is not finite"
  kept=$(grep -oE 'last good checkpoint: [^ ]*' out.txt | head -1 | cut -d' ' -f4)
  equal "$kept" "$newest" "the checkpoint in the message"
  if /usr/bin/python3 -c 'import h5py' 2>/dev/null; then /usr/bin/python3 finite.py "$newest" || fail "the newest checkpoint is not finite"; fi
done
finish
