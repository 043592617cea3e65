#!/usr/bin/env bash
# Whatever happens among GPUs that pass data by NCCL: the job ends within the deadline, with the right exit code, and says
# which rank or GPU, and in what. On emulated GPUs; argument 2: the folder of the test programs.
programs=$(cd "$2" && pwd)
. "$(dirname "$0")/../lib.sh" "$@"
[ -n "${GDTRAIN_EMULATED_GPUS:-}" ] || skip "faults of NCCL are injected in emulated GPUs (GD_CUDA=EMULATED)"

# outcome CODE REGEX LAUNCH...: ends with CODE, long before a hang would, and some line of its output matches
outcome() {
  local code=$1 regex=$2 got
  shift 2
  timeout -k 1 120 "$@" >out.txt 2>&1
  got=$?
  [ "$got" = "$code" ] || { fail "exit $got, not $code: $*"; tail -5 out.txt; }
  grep -qE -- "$regex" out.txt || { fail "no line matches /$regex/: $*"; tail -8 out.txt; }
}
# with FAULT: the environment of a job with it
with() { export GDTRAIN_STUB_NCCL=$1; }
job() { echo "mpirun --oversubscribe -n $1 $programs/nccl_job ${*:2}"; }

with ""
outcome 0 '^NCCL 2\.28\.9$' $(job 1 60 5)
outcome 0 '^done$' $(job 3 60 5)
with slow@3:1:100
outcome 0 '^done$' $(job 3 60 5)

# The library, or a GPU, is at fault.
with error@3:1
outcome 9 'ERR_COMM: rank 1: NCCL.s .* on GPU 1 failed: unhandled system error: injected' $(job 3 20 5)
with hang@3:1
outcome 9 'NCCL.s (receive|sum) of .* on GPU [012] did not finish within 2 s although every rank answers' $(job 3 2 5)
with hang@3:0
outcome 9 'ERR_COMM: .*NCCL.s .* on GPU 0 did not finish within 2 s$' $(job 1 2 5)
with cling@3:0
outcome 9 'did not finish within 2 s.*; NCCL does not let go of it: ending with exit code 9' $(job 1 2 5)
with block@3:0
outcome 9 'rank 0 on host .*: stuck in NCCL for more than' $(job 1 2 5)
with ""
GDTRAIN_EMULATED_FAULT=700@4:1 outcome 10 'ERR_GPU: rank 1: GPU 1: .*cudaErrorIllegalAddress' $(job 2 20 5)

# Recorded steps: NCCL keeps a communicator as long as a graph has work of it, so the graphs go first.
# lets_go: the last job ended by itself
lets_go() { ! grep -q "does not let go" out.txt || { fail "the abort hung"; cat out.txt; }; }
with ""
outcome 0 '^done$' $(job 3 60 9 none -1 recorded)
with hang@5:1
outcome 9 'NCCL.s (send|receive) of .* on GPU [012] did not finish within 2 s although every rank answers' $(job 3 2 9 none -1 recorded)
lets_go
with error@5:0
outcome 9 'ERR_COMM: .*NCCL.s .* on GPU 0 failed: unhandled system error: injected' $(job 1 2 9 none -1 recorded)
lets_go
for n in 3 4; do # while it records
  with refuse@$n:0
  outcome 9 'ERR_COMM: .*NCCL.s .* on GPU 0 failed: unhandled system error: injected' $(job 1 2 9 none -1 recorded)
  lets_go
done
with ""

# A rank is lost.
outcome 137 '' $(job 3 20 5 kill 2)
outcome 9 'ERR_COMM: rank 2: rank 2 on host .* has not arrived at NCCL.s .* within 2 s' $(job 3 2 5 stop 2)
outcome 9 'ERR_COMM: rank 2: rank 2 on host .* has not arrived at NCCL.s .* within 2 s' $(job 3 2 5 stop 2 recorded)
lets_go
outcome 9 'ERR_COMM: rank 2: rank 2 on host .* has not arrived at NCCL.s .* within 2 s' $(job 3 2 5 late 2)

# Ranks do not do the same: said by the one that comes last.
# meets A B: a message of either
meets() { echo "($1.* meets $2|$2.* meets $1)"; }
outcome 9 "$(meets 'sum of 3000 values' 'broadcast of 8 values')" $(job 2 5 5 other 2)
outcome 9 "$(meets 'sum of 3000 values' 'sum of 2999 values')" $(job 2 5 5 size 2)
outcome 9 "$(meets 'sum of 3000 values of type [0-9]+ in registered memory of rank 0' 'sum of 3000 values of type [0-9]+ of rank 1')" $(job 2 5 5 memory 2)

# NCCL cannot be used: all ranks know why, and go on without it.
with version@21805:1
outcome 0 '^no NCCL: rank 1 on host .* has NCCL 2\.18\.5, rank 0 on host .* has 2\.28\.9$' $(job 3 20 5)
with version@21212
outcome 0 '^no NCCL: rank 0 on host .*: NCCL \(version code 21212\) is too old' $(job 2 20 5)
with ""
mkdir broken && : >broken/libnccl.so.2
missing="mpirun --oversubscribe -n 1 $programs/nccl_job 20 5 : -n 1 env LD_LIBRARY_PATH=$PWD/broken:${LD_LIBRARY_PATH:-} $programs/nccl_job 20 5"
outcome 0 '^no NCCL: rank 1 on host .*: NCCL cannot be loaded \(.*libnccl\.so\.2: .*\)' $missing
finish
