#!/usr/bin/env bash
# Two commits of gdtrain against each other: the MLPs of versus_ddp.sh on 2 ranks of one thread in PAIRS (40) interleaved
# pairs. Prints the median of the ratios of their times (below 1: AFTER is faster) with its 95 % interval, from the order of
# the ratios alone, and the same of the processor time of both ranks, which other load on the machine disturbs less.
#
#   tests/bench/versus_commit.sh BEFORE [AFTER]       AFTER: HEAD unless told; PAIRS=40 ROUND=1 (longer runs: 2, 3 ...)
#   LIMIT=1.02 tests/bench/versus_commit.sh ...       fails where the upper end of an interval of the times is not below it
set -euo pipefail
cd "$(dirname "$0")/../.."
. launch/packages.sh # Open MPI as root
pairs=${PAIRS:-40} round=${ROUND:-1}
work=$(mktemp -d "${TMPDIR:-/tmp}/gdtrain-versus.XXXXXX")
repository=$PWD
trap 'cd "$repository"; for side in before after; do git worktree remove --force "$work/$side" 2>/dev/null; done; rm -rf "$work"' EXIT

# build SIDE COMMIT: $work/SIDE/build/gdtrain
build() {
  git worktree add --quiet --detach "$work/$1" "$2"
  echo "$1: $(git -C "$work/$1" log -1 --format='%h %s')"
  cmake -S "$work/$1" -B "$work/$1/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGD_CUDA=OFF -DBUILD_TESTING=OFF >/dev/null
  ninja -C "$work/$1/build" --quiet gdtrain
}
build before "${1:?BEFORE: a commit}"
build after "${2:-HEAD}"
cd "$work"
before/build/gdtrain data make glyphs --n 12800 --out glyphs.h5 >/dev/null
before/build/gdtrain data make sine --n 64 --out sine.h5 >/dev/null

# once SIDE options...: "microseconds a step, processor seconds" of one run
once() {
  local side=$1 TIMEFORMAT="%U %S" batch steps
  shift
  rm -rf run
  { time mpirun --oversubscribe -n 2 "$side/build/gdtrain" "$@" --lr 0.01 --momentum 0.9 --threads 1 --progress none --plots false --out run >out.txt 2>&1; } 2>cpu.txt ||
    { cat out.txt >&2; exit 1; }
  batch=$(awk '$1 == "batch_size:" { print $2 }' run/config.yaml)
  awk -F'[:,]' -v b="$batch" -v cpu="$(tail -1 cpu.txt)" '/"samples_per_s"/ { split(cpu, t, " "); print 1e6 * b / $2, t[1] + t[2] }' run/summary.json
}

# interval COLUMN_BEFORE COLUMN_AFTER NAME: median and interval of the ratios. The k-th smallest of n lies below the median with
# the probability of fewer than k heads in n throws.
interval() {
  awk -v a="$1" -v b="$2" '{ print $b / $a }' pairs.txt | sort -g | awk -v name="$3" -v limit="${LIMIT:-}" '{ r[NR] = $1 } END {
    p = 0.5 ^ NR; below = p
    for (k = 1; k < NR / 2 && below <= 0.025; k++) { p *= (NR - k + 1) / k; below += p }
    lo = k - 1 < 1 ? 1 : k - 1; hi = NR + 1 - lo
    median = (r[int((NR + 1) / 2)] + r[int(NR / 2) + 1]) / 2
    printf "  %-15s %.4f  [%.4f, %.4f]%s\n", name, median, r[lo], r[hi], NR < 6 ? "  (fewer than 6 pairs: no 95 %)" : ""
    exit limit != "" && !(r[hi] < limit) }'
}

# versus NAME options...
slower=
versus() {
  local name=$1 i first
  shift
  : >pairs.txt
  for side in before after; do once $side "$@" >/dev/null; done # warms up
  for i in $(seq "$pairs"); do
    if ((i % 2)); then
      first=$(once before "$@")
      echo "$first $(once after "$@")" >>pairs.txt
    else
      first=$(once after "$@")
      echo "$(once before "$@") $first" >>pairs.txt
    fi
  done
  awk -v n="$name" '{ print $1 }' pairs.txt | sort -g | awk -v n="$name" '{ v[NR] = $1 } END { printf "%s: %d pairs, before %.1f us a step\n", n, NR, v[int((NR + 1) / 2)] }'
  interval 1 3 time || slower="$slower $name"
  LIMIT='' interval 2 4 "processor time"
}
versus 784-512-256-10 --data glyphs.h5 --model "linear:512 relu linear:256 relu linear:10" --batch-size 128 --micro-batch 64 --steps $((600 * round))
versus 1-512-1 --data sine.h5 --model "linear:512 tanh linear:1" --batch-size 32 --micro-batch 16 --steps $((40000 * round))
[ -z "$slower" ] || { echo "not below $LIMIT:$slower"; exit 1; }
