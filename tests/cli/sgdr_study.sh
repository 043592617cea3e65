#!/usr/bin/env bash
# The study of the SGDR paper, in small: from a folder of images to a table, with the snapshots of each schedule as one model;
# the same command again does nothing anew.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 400 --out glyphs.h5 >/dev/null || { fail "data"; finish; }
for part in train test; do
  for class in a b; do
    mkdir -p photos/$part/$class
    for seed in 1 2 3; do
      gdtrain data show glyphs.h5 --seed $seed$([ $class = b ] && echo 7) --n 4 --out photos/$part/$class/$seed.png >out.txt 2>&1 && continue
      grep -q "no libpng" out.txt && skip "this build has no libpng"
      fail "images"
    done
  done
done
study() { "$source_dir/launch/sgdr-study.sh" photos study --per-class 2 --seeds 2 --model "linear:2" >"$1" 2>&1 || { fail "study"; cat "$1"; }; }
study first.txt
equal "$(wc -l <study/study/vary.csv)" 4 "rows: three schedules"
equal "$(cut -d, -f1,2,4 study/ensembles.csv | sort | paste -sd' ')" "1,1,4 1,2,4 5,1,2 5,2,2 t0,seed,snapshots" "snapshots of periods of 1, 2, 4 and 8 epochs, and of 5 and 10"
awk -F, 'NR > 1 && !($5 >= 0 && $5 <= 1 && $5 != "")' study/ensembles.csv | grep -q . && fail "accuracies of ensembles"
grep -qE "^t0 5 +2 snapshots together +[0-9.]+ %" study/table.txt || { fail "table"; cat study/table.txt; }
study again.txt
grep -q "runs to do" again.txt && fail "a finished study ran again"
"$source_dir/launch/sgdr-study.sh" photos study --epochs 3 >out.txt 2>&1
equal $? 2 "exit of a number of epochs at which no period ends"
finish
