# Sourced by the tests that run the program as users do.  . lib.sh; argument 1 of the test: the folder with gdtrain.
set -uo pipefail
bin=$(cd "$1" && pwd)
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mnist=${GD_MNIST_DIR:-$source_dir/../shared/data/mnist}
work=$(mktemp -d "${TMPDIR:-/tmp}/gdtrain-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
. "$source_dir/launch/packages.sh" # Open MPI as root
export PATH=$bin:$PATH
failures=0

# Random tests, as tests/random.h has them: GD_TEST_SEED, which a failure prints, and of so many cases those to run now.
test_seed=${GD_TEST_SEED:-1}
test_count() {
  case ${GD_TEST_COUNT:-} in
  "") echo $((($1 + 19) / 20)) ;;
  full) echo "$1" ;;
  *) echo "$GD_TEST_COUNT" ;;
  esac
}

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
skip() { echo "skipped: $*"; exit 77; }
finish() { [ "$failures" = 0 ] && echo "all held" || { echo "$failures failed"; exit 1; }; }

# on RANKS command...: alone for 1 rank, under mpirun for more, each behind GD_RANK_WRAPPER
on() {
  local ranks=$1
  shift
  if [ "$ranks" = 1 ]; then "$@"; else mpirun --oversubscribe -n "$ranks" ${GD_RANK_WRAPPER:-} "$@"; fi
}

# while_runs JOB command...: until the command succeeds, for as long as the job runs, on a machine as busy as it may be
while_runs() {
  local job=$1 until=$((SECONDS + 200))
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "$job" 2>/dev/null && [ $SECONDS -lt $until ] || return 1
    sleep 0.01
  done
}
# lines FILE N: has it more than N? files N PATTERN: are there so many? other_than TEXT command...: does it print something else?
lines() { [ "$(wc -l 2>/dev/null <"$1" || echo 0)" -gt "$2" ]; }
other_than() { [ "$("${@:2}")" != "$1" ]; }
files() { [ "$(compgen -G "$2" | wc -l)" -ge "$1" ]; }

# ended JOB: the exit code of an mpirun of which ranks were killed. That of Open MPI 4.1 sometimes waits for ever then: it is
# ended too, which is said.
ended() {
  local until=$((SECONDS + 60))
  while kill -0 "$1" 2>/dev/null && [ $SECONDS -lt $until ]; do sleep 0.05; done
  if kill -0 "$1" 2>/dev/null; then
    echo "mpirun hung after ranks of it were killed:"
    ps -o pid,ppid,stat,wchan:20,etime,args -p "$1" --ppid "$1"
    kill -KILL "$1" $(pgrep -P "$1")
  fi
  wait "$1" 2>/dev/null
}

# expect CODE REGEX command...: its exit code, and exactly one line of its output that matches
expect() {
  local code=$1 regex=$2 got lines
  shift 2
  "$@" >out.txt 2>&1
  got=$?
  lines=$(grep -cE -- "$regex" out.txt)
  [ "$got" = "$code" ] || { fail "exit $got, not $code: $*"; tail -5 out.txt; }
  [ "$lines" = 1 ] || { fail "$lines lines match /$regex/, not 1: $*"; tail -8 out.txt; }
}

# within VALUE TARGET TOLERANCE what: NaN fails
within() {
  awk -v v="$1" -v t="$2" -v e="$3" 'BEGIN { d = v - t; if (d < 0) d = -d; exit !(v ~ /^[-+0-9.eE]+$/ && d <= e) }' ||
    fail "$4: $1 is not within $3 of $2"
}
at_least() { awk -v v="$1" -v t="$2" 'BEGIN { exit !(v ~ /^[-+0-9.eE]+$/ && v + 0 >= t + 0) }' || fail "$3: $1 is below $2"; }
equal() { [ "$1" = "$2" ] && [ -n "$1" ] || fail "$3: $1 is not $2"; }

# A GPU, or the test is skipped. Sets `nccl`: how ranks share data by NCCL here, or nothing where they cannot.
need_gpus() {
  gdtrain data make linear --n 8 --d 2 --out probe.h5 >/dev/null || { fail "data"; finish; }
  local probe=(gdtrain --data probe.h5 --model linear:1 --steps 1 --device cuda --plots false)
  if ! "${probe[@]}" --out probe1 >out.txt 2>&1; then
    grep 'no GPU is here\|no GPU driver\|no GPU can be used' out.txt >why.txt && skip "$(cat why.txt)"
    fail "a step on a GPU"
    cat out.txt
    finish
    exit 1
  fi
  for nccl in "--transport nccl" ""; do on 3 "${probe[@]}" $nccl --out probe2 >/dev/null 2>&1 && return; done
}

# last FOLDER COLUMN: the last value of a column of metrics.csv that is not empty
last() {
  awk -F, -v c="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) k = i } NR > 1 && $k != "" { v = $k } END { print v }' "$1/metrics.csv"
}
digest() { gdtrain inspect "$(ls "$1"/checkpoints/step-*.h5 | tail -1)" --digest; }

# images.h5: MNIST's test images where there is MNIST, drawn digits elsewhere
some_images() {
  if [ -e "$mnist/t10k-images-idx3-ubyte.gz" ]; then
    gdtrain data import idx "$mnist"/t10k-images-idx3-ubyte.gz "$mnist"/t10k-labels-idx1-ubyte.gz --out images.h5
  else
    gdtrain data make glyphs --n 10000 --out images.h5
  fi >/dev/null || { fail "images"; finish; }
}
import_mnist() {
  [ -e "$mnist/train-images-idx3-ubyte.gz" ] || skip "no MNIST in $mnist (GD_MNIST_DIR)"
  gdtrain data import idx "$mnist"/train-images-idx3-ubyte.gz "$mnist"/train-labels-idx1-ubyte.gz --out train.h5 >/dev/null &&
    gdtrain data import idx "$mnist"/t10k-images-idx3-ubyte.gz "$mnist"/t10k-labels-idx1-ubyte.gz --out test.h5 >/dev/null ||
    { fail "import of MNIST"; finish; }
}
