#!/usr/bin/env bash
# How near steps of convnets are to their bare convolutions and products (asked: at most 1.35 times those), and what bf16 gains of
# what it gains for those alone (asked: 80 % of the time). 2 ranks of one thread, 64 samples each, interleaved, medians of ROUNDS (3).
# Where bf16 makes the bare ones no faster, that is said. `gdtrain bench` lists the layers; LAYERS=1 prints the last list of each.
#
#   tests/bench/ceiling.sh FOLDER_WITH_GDTRAIN [MODEL ...]          784-512-256-10, convnet, resnet20; STEPS=5: a trial
. "$(dirname "$0")/../lib.sh" "$@"
shift
chosen=" ${*:-784-512-256-10 convnet resnet20} "
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

gdtrain data make glyphs --n 12800 --out glyphs.h5 >/dev/null
python=$("$source_dir/tests/bench/venv.sh") && "$python" "$source_dir/tests/bench/versus_ddp.py" images colour.h5 2560 32 3

# measure NAME STEPS options of gdtrain...
measure() {
  local name=$1 steps=${STEPS:-$2} precision
  [[ $chosen == *" $name "* ]] || return 0
  rm -f ./*.step ./*.bare
  for _ in $(seq "${ROUNDS:-3}"); do
    for precision in fp32 bf16; do
      on 2 gdtrain bench "${@:3}" --precision $precision --steps "$steps" --batch-size 128 --micro-batch 64 --lr 0.01 --momentum 0.9 --threads 1 \
        >$precision.txt 2>err.txt || { cat err.txt; exit 1; }
      awk '$1 == "step" { print $2 }' $precision.txt >>$precision.step
      awk '$1 == "products" { print $2 }' $precision.txt >>$precision.bare
    done
  done
  awk -v n="$name" -v s="$(median fp32.step)" -v b="$(median fp32.bare)" -v s16="$(median bf16.step)" -v b16="$(median bf16.bare)" 'BEGIN {
    printf "%-16s f32: step %9.0f us, bare %9.0f us, %.2f x;   bf16: step %9.0f us, bare %9.0f us, %.2f x;   ", n, s, b, s / b, s16, b16, s16 / b16
    if (b / b16 < 1.05) print "bf16 makes the bare ones no faster here"
    else printf "bf16 saves %.0f %% of what it saves of the bare ones (%.2f x and %.2f x as fast)\n", 100 * (s - s16) / (b - b16), s / s16, b / b16 }'
  [ -z "${LAYERS:-}" ] || for precision in fp32 bf16; do echo "$precision:"; sed -n '/^by layer/,$p' $precision.txt; done
}

measure 784-512-256-10 400 --data glyphs.h5 --model "linear:512 relu linear:256 relu linear:10"
measure convnet 100 --data glyphs.h5 --model "conv2d:out_channels=32,kernel_size=3,padding=1 relu max_pool2d:2 \
  conv2d:out_channels=64,kernel_size=3,padding=1 relu max_pool2d:2 flatten linear:128 relu linear:10"
[ ! -e colour.h5 ] || measure resnet20 40 --data colour.h5 --model "[{resnet20: {shortcut: conv}}]"
