#!/usr/bin/env bash
# gdtrain against PyTorch DDP over gloo: the same models and batches on 2 ranks of one thread, f32, interleaved, medians of
# ROUNDS (5); and the memory that steps take, above what a rank held before the first. PyTorch from PYTHON or venv.sh.
#
#   tests/bench/versus_ddp.sh FOLDER_WITH_GDTRAIN [MODEL ...]      784-512-256-10, 1-512-1, convnet, resnet20; STEPS=0.1: a trial
. "$(dirname "$0")/../lib.sh" "$@"
here=$source_dir/tests/bench
. "$here/models.sh"
shift
python=$("$here/venv.sh") || exit # which says why
echo "PyTorch $("$python" -c 'import torch; print(torch.__version__)'), $(gdtrain --version)"
part() { awk -v n="$1" -v f="${STEPS:-1}" 'BEGIN { print int(n * f + 0.999) }'; }

# compare NAME ROWS_PER_RANK TORCH_STEPS STEPS
compare() {
  local name=$1 rows=$2
  use "$name"
  run+=(--batch-size $((2 * rows)) --micro-batch "$rows")
  : >ours
  : >theirs
  for _ in $(seq "${ROUNDS:-5}"); do
    "$python" "$here/versus_ddp.py" "$name" "$rows" 2 "$(part "$3")" 2>/dev/null >>theirs
    rm -rf run
    on 2 gdtrain "${run[@]}" --steps "$(part "$4")" --plots false --out run >out.txt 2>&1 || { cat out.txt; exit 1; }
    awk -F'[:,]' -v b=$((2 * rows)) '/"samples_per_s"/ { print $2 / b }' run/summary.json >>ours
  done
  on 2 gdtrain bench "${run[@]}" --steps 20 >out.txt 2>&1 || { cat out.txt; exit 1; }
  awk -v n="$name" -v r="$rows" -v a="$(median ours)" -v b="$(median theirs)" -v memory="$(awk '$1 == "memory" { print $2 }' out.txt)" \
    -v theirs="$(awk '{ print $2 }' theirs | sort -g | head -1)" 'BEGIN {
    printf "%-16s %3d samples a rank: gdtrain %8.1f steps/s %9.0f samples/s   PyTorch DDP %6.1f steps/s %7.0f samples/s   %.2f x;   memory %.0f MB, %.0f MB\n",
      n, r, a, 2 * r * a, b, 2 * r * b, a / b, memory, theirs }'
}

[ $# -gt 0 ] || set -- 784-512-256-10 1-512-1 convnet resnet20
for name; do
  case $name in
  784-512-256-10) compare "$name" 64 400 2000 ;;
  1-512-1) compare "$name" 16 1000 30000 ;;
  convnet) compare "$name" 64 100 200 ;;
  *) compare "$name" 64 30 60 ;;
  esac
done
