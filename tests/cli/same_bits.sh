#!/usr/bin/env bash
# The number of ranks, of threads and the transport do not change a bit of the result, nor a digit of the losses.
# GD_FULL=1: every combination instead of a choice.
. "$(dirname "$0")/../lib.sh" "$@"
some_images
full=${GD_FULL:-}

# train NAME RANKS options...: a run, its digest and its rows without the times
train() {
  local out=$1 ranks=$2
  shift 2
  on "$ranks" gdtrain "$source_dir/tests/cli/same_bits.yaml" --data images.h5 --out "$out" "$@" >"$out.txt" 2>&1 ||
    { fail "$out"; tail -5 "$out.txt"; }
  { digest "$out"; cut -d, -f1-5 "$out/metrics.csv"; } >"$out.result"
  echo "$out $(head -c 16 "$out.result")"
  rm -rf "$out"
}

# same WHAT "RANKS:THREADS ..." options...: all as the first
same() {
  local what=$1 runs=$2 first= run
  shift 2
  for run in $runs; do
    train "$what-$run" "${run%:*}" --threads "${run#*:}" "$@"
    first=${first:-$what-$run}
    cmp -s "$first.result" "$what-$run.result" || fail "$what: $run (ranks:threads) differs from $first"
  done
}

all="1:1 2:1 3:1 5:1 7:1 8:1 1:2 2:2 3:2 5:2 7:2 8:2"
chosen() { [ "$full" ] && echo "$all" || echo "$1"; }
same sgd "$(chosen "1:1 2:1 3:1 5:1 7:1 8:1 1:2 3:2")"
same adam "$(chosen "1:1 3:1 8:1 2:2")" --optimizer adam --lr 0.002 --momentum 0
same bf16 "$(chosen "1:1 3:1 2:2")" --precision bf16
same fp64 "$(chosen "1:1 5:1 2:2")" --precision fp64
same messages "$(chosen "1:1 2:1 5:1")" --transport mpi
cmp -s sgd-1:1.result messages-1:1.result || fail "sgd: the transport changes the bits"
cmp -s sgd-1:1.result adam-1:1.result && fail "the optimizer changes nothing: what was compared?"
cmp -s sgd-1:1.result bf16-1:1.result && fail "the precision changes nothing: what was compared?"

# The control: an ordinary all-reduce repeats itself on the same ranks, and only there.
for run in a:2 b:2 a:3 b:3 a:8; do train "allreduce-$run" "${run#*:}" --sync allreduce; done
cmp -s allreduce-a:2.result allreduce-b:2.result && cmp -s allreduce-a:3.result allreduce-b:3.result ||
  fail "allreduce does not repeat itself"
cmp -s allreduce-a:2.result allreduce-a:3.result && cmp -s allreduce-a:2.result allreduce-a:8.result &&
  fail "allreduce gives the same bits on 2, 3 and 8 ranks: this data tells nothing"
finish
