#!/usr/bin/env bash
# gdtrain against PyTorch DDP over gloo: the same models and batches on 2 ranks of one thread, interleaved, medians of
# ROUNDS (5). PyTorch from PYTHON or venv.sh.
#
#   tests/bench/versus_ddp.sh FOLDER_WITH_GDTRAIN
. "$(dirname "$0")/../lib.sh" "$@"
here=$source_dir/tests/bench
python=$("$here/venv.sh") || exit # which says why
echo "PyTorch $("$python" -c 'import torch; print(torch.__version__)'), $(gdtrain --version)"
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

gdtrain data make glyphs --n 12800 --out glyphs.h5 >/dev/null
gdtrain data make sine --n 64 --out sine.h5 >/dev/null

# compare NAME ROWS_PER_RANK TORCH_STEPS options of gdtrain...
compare() {
  local name=$1 rows=$2 steps=$3 i
  shift 3
  : >ours; : >theirs
  for i in $(seq "${ROUNDS:-5}"); do
    "$python" "$here/versus_ddp.py" "$name" "$rows" 2 "$steps" 2>/dev/null >>theirs
    rm -rf run
    on 2 gdtrain "$@" --batch-size $((2 * rows)) --micro-batch "$rows" --lr 0.01 --momentum 0.9 --threads 1 --plots false --out run \
      >out.txt 2>&1 || { cat out.txt; exit 1; }
    awk -F'[:,]' -v b=$((2 * rows)) '/"samples_per_s"/ { print $2 / b }' run/summary.json >>ours
  done
  awk -v n="$name" -v r="$rows" -v a="$(median ours)" -v b="$(median theirs)" 'BEGIN {
    printf "%-16s %3d samples a rank: gdtrain %8.0f steps/s %9.0f samples/s   PyTorch DDP %6.0f steps/s %7.0f samples/s   %.1f x\n",
      n, r, a, 2 * r * a, b, 2 * r * b, a / b }'
}

compare 784-512-256-10 64 400 --data glyphs.h5 --model "linear:512 relu linear:256 relu linear:10" --steps 2000
compare 1-512-1 16 1000 --data sine.h5 --model "linear:512 tanh linear:1" --steps 30000
