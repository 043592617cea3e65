#!/usr/bin/env bash
# The balanced sampler draws every class equally often, the same samples on any number of ranks, with data held or streamed,
# and after a kill.
. "$(dirname "$0")/../lib.sh" "$@"
# 900 samples of one class, 90 and 10 of two others, in random places; the class is in the first feature.
awk -v OFS=, 'BEGIN { srand(5); print "a,b,kind"; for (i = 0; i < 1000; i++) { r = rand(); k = r < 0.01 ? 2 : r < 0.1; print k, rand(), "c" k } }' >d.csv
gdtrain data import csv d.csv --header --target kind --out d.h5 >/dev/null 2>&1 || fail "data"
run() { # ranks folder options...
  on "$1" gdtrain --data d.h5 --val-fraction 0.2 --sampler balanced --model "linear:8 relu linear:3" --batch-size 30 --micro-batch 8 --plots false --out "${@:2}" >out.txt 2>&1 ||
    { fail "${*:2}"; cat out.txt; }
}
run 1 one --epochs 2 --trace .
run 3 three --epochs 2
run 2 streamed --epochs 2 --data.memory stream
equal "$(digest one)" "$(digest three)" "digests of 1 and 3 ranks"
equal "$(digest one)" "$(digest streamed)" "digest with streamed data"
run 2 killed --epochs 2 --checkpoint-every 11 --checkpoint.keep 9
for c in killed/checkpoints/*.h5; do [[ $c == *00022.h5 ]] || rm "$c"; done
run 2 killed --epochs 2 --resume auto
equal "$(digest one)" "$(digest killed)" "digest of a run that was killed"
# Of the samples that steps used, a third is of each class, in every batch of 30 ten.
awk -F, 'NR == FNR { if (FNR > 1) class[FNR - 2] = $3; next } { n[$1 "," class[$3]]++; steps[$1] } END { for (s in steps) for (k = 0; k < 3; k++)
  if (n[s "," "c" k] != 10) { full++; if (n[s "," "c" k] < 6) bad++ } exit !(!bad && full <= 6) }' d.csv samples-*.csv || fail "classes are not drawn equally often"
expect 0 "samples +SKIP +drawn class by class" on 2 gdtrain verify --data d.h5 --sampler balanced --model "linear:8 relu linear:3" --batch-size 100 --micro-batch 16 --progress none
gdtrain data make linear --n 20 --d 2 --out l.h5 >/dev/null || fail "data"
expect 2 "balanced draws classes equally often" gdtrain --data l.h5 --model linear:1 --sampler balanced --out refused
finish
