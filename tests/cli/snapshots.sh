#!/usr/bin/env bash
# Snapshots: what each period of sgdr ends with stays, whatever is pruned or killed, and together they are one model, whose
# probabilities are the mean of theirs.
. "$(dirname "$0")/../lib.sh" "$@"
awk 'BEGIN { srand(3); print "a,b,kind"; for (i = 0; i < 600; i++) { a = rand(); b = rand();
  print a "," b "," (a * a + b + 0.4 * rand() > 1.1 ? "far" : a > b + 0.3 * rand() ? "right" : "left") } }' >d.csv
gdtrain data import csv d.csv --header --target kind --out d.h5 >/dev/null || fail "data"
run() { # ranks folder options...
  on "$1" gdtrain --data d.h5 --val-data d.h5 --model "linear:20 tanh linear:3" --batch-size 60 --micro-batch 16 --lr 0.5 --schedule sgdr \
    --schedule.t0 1 --schedule.t-mult 2 --checkpoint.snapshots true --checkpoint.keep 1 --plots false --out "${@:2}" >out.txt 2>&1 || { fail "${*:2}"; cat out.txt; }
}
run 2 whole --epochs 7
equal "$(echo $(cd whole/snapshots && ls))" "step-00000010.h5 step-00000030.h5 step-00000070.h5" "snapshots of periods of 1, 2 and 4 epochs"
# Killed after a period, before or after its snapshot had its name.
run 1 parts --steps 10 --schedule.total 7
rm parts/snapshots/*
run 3 parts --epochs 7 --resume auto --schedule.total 7
for s in 10 30 70; do
  equal "$(gdtrain inspect parts/snapshots/step-000000$s.h5 --digest)" "$(gdtrain inspect whole/snapshots/step-000000$s.h5 --digest)" "snapshot $s of a run that was killed"
done

# The mean of their probabilities is what the ensemble predicts, and is measured by.
for s in 10 30 70; do gdtrain predict whole/snapshots/step-000000$s.h5 --data d.h5 --out $s.csv >/dev/null || fail "predict $s"; done
gdtrain predict whole --ensemble --data d.h5 --out all.csv >/dev/null || fail "predict --ensemble"
paste -d, all.csv 10.csv 30.csv 70.csv | awk -F, 'NR > 1 { n++; for (c = 2; c <= 4; c++) { m = ($(c + 4) + $(c + 8) + $(c + 12)) / 3; d = $c - m
  if (!(d < 2e-6 && d > -2e-6)) bad++ } } END { exit !(n == 600 && !bad) }' || fail "predictions of the ensemble are not the mean"
header=$(head -1 all.csv)
expected=$(paste -d, d.csv all.csv | awk -F, -v names="$header" 'BEGIN { k = split(names, name, ","); for (i = 1; i <= k; i++) at[name[i]] = i + 3 }
  NR > 1 { n++; loss -= log($at[$3]); right += $4 == $3 } END { printf "%.6f %.4f", loss / n, 100 * right / n }')
for ranks in 1 3; do
  on $ranks gdtrain eval whole --ensemble --data d.h5 2>/dev/null >eval-$ranks.txt || fail "eval --ensemble on $ranks ranks"
done
cmp -s eval-1.txt eval-3.txt || fail "3 ranks evaluate other bits"
within "$(awk '$1 == "loss" { print $2 }' eval-1.txt)" "${expected% *}" 1e-5 "loss of the ensemble"
within "$(awk '$1 == "accuracy" { print $2 }' eval-1.txt)" "${expected#* }" 1e-3 "accuracy of the ensemble"

# Numbers are averaged as they are.
gdtrain data make linear --n 200 --d 3 --out l.h5 >/dev/null || fail "data"
gdtrain --data l.h5 --model linear:1 --epochs 3 --lr 0.001 --schedule sgdr --schedule.t0 1 --checkpoint.snapshots true --plots false --out numbers >/dev/null 2>&1 || fail "numbers"
for s in numbers/snapshots/*.h5; do gdtrain predict $s --data l.h5 --out "$(basename $s .h5).csv" >/dev/null || fail "predict $s"; done
gdtrain predict numbers --ensemble --data l.h5 --out n.csv >/dev/null || fail "predict --ensemble of numbers"
paste -d, n.csv step-*.csv | awk -F, 'NR > 1 { n++; s = 0; for (i = 2; i <= NF; i++) s += $i; d = $1 - s / (NF - 1); if (!(d < 1e-4 && d > -1e-4) || NF < 4) bad++ }
  END { exit !(n == 200 && !bad) }' || fail "predictions of numbers are not the mean"

mkdir empty
expect 5 "holds no snapshots" gdtrain eval empty --ensemble --data d.h5
expect 5 "holds no snapshots" gdtrain eval d.h5 --ensemble --data d.h5
expect 2 "checkpoint.snapshots are of the periods of schedule sgdr" gdtrain --data d.h5 --model linear:3 --checkpoint.snapshots true --out refused
finish
