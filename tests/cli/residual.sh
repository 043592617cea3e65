#!/usr/bin/env bash
# A residual MLP from YAML has the same bits on any number of ranks and threads, also when it is resumed on others.
# GD_FULL=1: every combination. (Its accuracy: tests/bench/residual_mlp.sh.)
. "$(dirname "$0")/../lib.sh" "$@"
some_images
# train NAME RANKS options...
train() {
  on "$2" gdtrain "$source_dir/tests/cli/residual.yaml" --data images.h5 --epochs 0 --steps 30 --log-every 5 --out "$1" "${@:3}" >"$1.txt" 2>&1 ||
    { fail "$1"; tail -5 "$1.txt"; }
}
combinations="1:1 2:1 3:2 5:1 8:1"
[ ! "${GD_FULL:-}" ] || combinations="1:1 2:1 3:1 5:1 8:1 1:2 2:2 3:2 5:2 8:2"
for run in $combinations; do
  train "run-$run" "${run%:*}" --threads "${run#*:}"
  equal "$(digest "run-$run")" "$(digest run-1:1)" "digest with ranks:threads $run"
  equal "$(cut -d, -f1-5 "run-$run/metrics.csv")" "$(cut -d, -f1-5 run-1:1/metrics.csv)" "rows with ranks:threads $run"
done
train parts 2 --steps 12
train parts 3 --resume auto
equal "$(digest parts)" "$(digest run-1:1)" "digest after a resume"
expect 0 "^  3.body.2.weight +f32 .256, 256.$" gdtrain inspect parts

# A row of the same layers, without the additions, is another network: what was compared was the blocks.
train row 1 --model "linear:256 linear:256 relu linear:256 linear:256 relu linear:256 linear:256 relu linear:256 linear:10"
cmp -s <(cut -d, -f3 row/metrics.csv) <(cut -d, -f3 run-1:1/metrics.csv) && fail "the blocks add nothing"

gdtrain eval parts --data images.h5 >eval.txt || fail "eval"
gdtrain predict parts --data images.h5 --out p.csv >/dev/null && equal "$(wc -l <p.csv)" 10001 "predictions"
finish
