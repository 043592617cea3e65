#!/usr/bin/env bash
# gdtrain against PyTorch DDP over gloo: the same models and batches on 2 ranks of one thread, f32, interleaved, medians of
# ROUNDS (5); and the memory that steps take, above what a rank held before the first. PyTorch from PYTHON or venv.sh.
#
#   tests/bench/versus_ddp.sh FOLDER_WITH_GDTRAIN [MODEL ...]      784-512-256-10, 1-512-1, convnet, resnet20; STEPS=0.1: a trial
. "$(dirname "$0")/../lib.sh" "$@"
here=$source_dir/tests/bench
shift
chosen=" ${*:-784-512-256-10 1-512-1 convnet resnet20} "
python=$("$here/venv.sh") || exit # which says why
echo "PyTorch $("$python" -c 'import torch; print(torch.__version__)'), $(gdtrain --version)"
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
part() { awk -v n="$1" -v f="${STEPS:-1}" 'BEGIN { print int(n * f + 0.999) }'; }

gdtrain data make glyphs --n 12800 --out glyphs.h5 >/dev/null
gdtrain data make sine --n 64 --out sine.h5 >/dev/null
"$python" "$here/versus_ddp.py" images colour.h5 2560 32 3

# compare NAME ROWS_PER_RANK TORCH_STEPS STEPS options of gdtrain...
compare() {
  local name=$1 rows=$2 steps i options
  [[ $chosen == *" $name "* ]] || return 0
  steps=$(part "$3") options=("${@:5}" --steps "$(part "$4")" --batch-size $((2 * rows)) --micro-batch "$rows" --lr 0.01 --momentum 0.9 --threads 1)
  : >ours
  : >theirs
  for i in $(seq "${ROUNDS:-5}"); do
    "$python" "$here/versus_ddp.py" "$name" "$rows" 2 "$steps" 2>/dev/null >>theirs
    rm -rf run
    on 2 gdtrain "${options[@]}" --plots false --out run >out.txt 2>&1 || { cat out.txt; exit 1; }
    awk -F'[:,]' -v b=$((2 * rows)) '/"samples_per_s"/ { print $2 / b }' run/summary.json >>ours
  done
  on 2 gdtrain bench "${options[@]}" --steps 20 >out.txt 2>&1 || { cat out.txt; exit 1; }
  awk -v n="$name" -v r="$rows" -v a="$(median ours)" -v b="$(median theirs)" -v memory="$(awk '$1 == "memory" { print $2 }' out.txt)" \
    -v theirs="$(awk '{ print $2 }' theirs | sort -g | head -1)" 'BEGIN {
    printf "%-16s %3d samples a rank: gdtrain %8.1f steps/s %9.0f samples/s   PyTorch DDP %6.1f steps/s %7.0f samples/s   %.2f x;   memory %.0f MB, %.0f MB\n",
      n, r, a, 2 * r * a, b, 2 * r * b, a / b, memory, theirs }'
}

compare 784-512-256-10 64 400 2000 --data glyphs.h5 --model "linear:512 relu linear:256 relu linear:10"
compare 1-512-1 16 1000 30000 --data sine.h5 --model "linear:512 tanh linear:1"
compare convnet 64 100 200 --data glyphs.h5 --model "conv2d:out_channels=32,kernel_size=3,padding=1 relu max_pool2d:2 \
  conv2d:out_channels=64,kernel_size=3,padding=1 relu max_pool2d:2 flatten linear:128 relu linear:10"
compare resnet20 64 30 60 --data colour.h5 --model "[{resnet20: {shortcut: conv}}]"
