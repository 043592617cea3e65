#!/usr/bin/env bash
# A checkpoint of an older gdtrain is read, evaluated and resumed as it was by the program that wrote it: to the same bits
# on the same kind of processor and libraries, to the same losses on any. tests/data/make_old_checkpoint.sh made the files.
. "$(dirname "$0")/../lib.sh" "$@"
cp "$source_dir"/tests/data/old_* .
old=old_step_5.h5

equal "$(gdtrain inspect "$old" --digest)" 0f543f0a788360b00e2ecad546599ec698a1e5e85d1a4737c531fdc6113e7cb0 "digest"
expect 0 "^model +linear:6 tanh dropout:0.2 linear:1$" gdtrain inspect "$old"
machine=$(sed -n 's/^made by .* on //p' out.txt)
expect 0 "^loss  " gdtrain eval "$old" --data old_data.h5
within "$(awk '$1 == "loss" { print $2 }' out.txt)" 1.922686 2e-6 "loss"
gdtrain export "$old" --out old.safetensors >/dev/null || fail "export"

# What the writer of the checkpoint went on to: train.loss, grad_norm and val.loss of steps 6 to 12.
cat >rows.txt <<'R'
6 1.7828091979026794 1.5953284342013985 1.566607157389323
7 1.6547540575265884 1.5580520411949808 1.522908369700114
8 2.1333288997411728 1.9943563499575614 1.490056832631429
9 2.0899436622858047 2.2413354205495195 1.4799459775288899
10 2.9981167800724506 2.2785991114316689 1.443003495534261
11 1.2224388867616653 1.1812308547087882 1.4160345395406086
12 1.8019953668117523 1.7749054427709465 1.4060653050740559
R
# resumes RANKS NAME options...: to the same rows
resumes() {
  on "$1" gdtrain --log-every 1 --eval-every 1 --plots false --resume-changed --out "$2" "${@:3}" >out.txt 2>&1 || { fail "$2"; grep -v "^ *$" out.txt; return; }
  awk -F, 'NR > 1 && $1 > 5 { print $1, $3, $5, $7 }' "$2/metrics.csv" | paste -d' ' rows.txt - | awk '{ for (i = 1; i <= 4; i++) {
    d = $i / $(i + 4) - 1; if (!($(i + 4) ~ /^[0-9.e+-]+$/ && d < 1e-6 && d > -1e-6)) bad = 1 } n++ } END { exit bad || n != 7 }' ||
    { fail "$2: other losses"; cat "$2/metrics.csv"; }
  if gdtrain inspect "$2" | grep -qF "on $machine"; then
    equal "$(digest "$2")" 5730c80846902a9ab2644d95dce3c03f52395bfa670d22ca754b59e9ae5d9864 "digest after $2"
  else
    echo "$2: another machine, so only its losses were compared"
  fi
}
settings=(--data old_data.h5 --val-fraction 0.2 --model "linear:6 tanh dropout:0.2 linear:1" --batch-size 16 --micro-batch 4 --epochs 4 --optimizer adamw --momentum 0
  --lr 0.01 --clip-norm 1 --schedule sgdr --schedule.t0 1)
resumes 1 alone "${settings[@]}" --resume "$old"
resumes 3 ranks "${settings[@]}" --resume "$old"
mkdir -p folder/checkpoints && cp "$old" folder/checkpoints/step-00000005.h5 && cp old_config.yaml folder/config.yaml
resumes 2 folder --resume auto --steps 12 # by its own settings

# Its weights begin another run, of other rows of layers with the same names too.
expect 0 "^checkpoint *begun/" gdtrain --data old_data.h5 --model "linear:6 relu flatten linear:1" --init "$old" --steps 1 --plots false --out begun
finish
