#!/usr/bin/env bash
# How near steps of convnets are to their bare convolutions and products (asked: at most 1.35 times those), and what bf16 gains of
# what it gains for those alone (asked: 80 % of the time). 2 ranks of one thread, 64 samples each, interleaved, medians of ROUNDS (3).
# Where bf16 makes the bare ones no faster, that is said. `gdtrain bench` lists the layers; LAYERS=1 prints the last list of each.
#
#   tests/bench/ceiling.sh FOLDER_WITH_GDTRAIN [MODEL ...]          784-512-256-10, convnet, resnet20; STEPS=5: a trial
. "$(dirname "$0")/../lib.sh" "$@"
. "$source_dir/tests/bench/models.sh"
shift
python=$("$source_dir/tests/bench/venv.sh") || exit # which says why

# measure NAME STEPS
measure() {
  local precision
  use "$1"
  rm -f ./*.step ./*.bare
  for _ in $(seq "${ROUNDS:-3}"); do
    for precision in fp32 bf16; do
      on 2 gdtrain bench "${run[@]}" --precision $precision --steps "${STEPS:-$2}" --batch-size 128 --micro-batch 64 >$precision.txt 2>err.txt ||
        { cat err.txt; exit 1; }
      awk '$1 == "step" { print $2 }' $precision.txt >>$precision.step
      awk '$1 == "products" { print $2 }' $precision.txt >>$precision.bare
    done
  done
  awk -v n="$1" -v s="$(median fp32.step)" -v b="$(median fp32.bare)" -v s16="$(median bf16.step)" -v b16="$(median bf16.bare)" 'BEGIN {
    printf "%-16s f32: step %9.0f us, bare %9.0f us, %.2f x;   bf16: step %9.0f us, bare %9.0f us, %.2f x;   ", n, s, b, s / b, s16, b16, s16 / b16
    if (b / b16 < 1.05) print "bf16 makes the bare ones no faster here"
    else printf "bf16 saves %.0f %% of what it saves of the bare ones (%.2f x and %.2f x as fast)\n", 100 * (s - s16) / (b - b16), s / s16, b / b16 }'
  [ -z "${LAYERS:-}" ] || for precision in fp32 bf16; do echo "$precision:"; sed -n '/^by layer/,$p' $precision.txt; done
}

[ $# -gt 0 ] || set -- 784-512-256-10 convnet resnet20
for name; do
  case $name in
  784-512-256-10) measure "$name" 400 ;;
  convnet) measure "$name" 100 ;;
  *) measure "$name" 40 ;;
  esac
done
