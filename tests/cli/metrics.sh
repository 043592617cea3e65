#!/usr/bin/env bash
# Metrics: the same digits on any number of ranks, columns that follow a resume, tables and pictures, clear refusals.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 1500 --out g.h5 >/dev/null || fail "data"
gdtrain data make linear --n 700 --d 4 --out l.h5 >/dev/null || fail "data"
gdtrain data make moons --n 600 --out m.h5 >/dev/null || fail "data"
run() { # ranks folder options...
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain --batch-size 96 --micro-batch 16 --steps 20 --val-fraction 0.3 --plots false --out "$out" "$@" >out.txt 2>&1 ||
    { fail "$out $*"; cat out.txt; }
}
glyphs=(--data g.h5 --model linear:10 --metrics "f1 top5 confusion recall precision")
for ranks in 1 3; do
  run $ranks g$ranks "${glyphs[@]}"
  run $ranks l$ranks --data l.h5 --model linear:1 --lr 0.01 --metrics "rmse mae r2"
  run $ranks m$ranks --data m.h5 --model "linear:8 tanh linear:2" --metrics "auc"
done
values() { grep -oE '"val": \{[^}]*' "$1/summary.json" | head -1; }
for data in g l m; do equal "$(values ${data}1)" "$(values ${data}3)" "metrics on 1 and 3 ranks, $data"; done
cmp g1/confusion.csv g3/confusion.csv || fail "confusion matrix on 1 and 3 ranks"
equal "$(head -1 g1/metrics.csv | cut -d, -f7,8,13-)" "val.loss,val.accuracy,val.f1,val.top5,val.recall,val.precision" "columns"
equal "$(awk -F, 'NR > 1 { for (i = 2; i <= NF; i++) n += $i } END { print n }' g1/confusion.csv)" 450 "samples in the matrix"
at_least "$(last l1 val.r2)" 0.3 "R2 of a line"
at_least "$(last m1 val.auc)" 0.8 "AUC of the moons"

# What eval says of the same part is what training said of it; all that fits, in a table for each class too.
gdtrain data make glyphs --n 450 --seed 9 --out v.h5 >/dev/null
on 2 gdtrain eval g1 --data v.h5 --out tables >eval.txt 2>/dev/null || fail "eval"
for name in loss accuracy top5 precision recall f1; do grep -qE "^$name +[0-9]" eval.txt || fail "eval: no $name"; done
grep -qE "^class +samples +precision +recall +F1" eval.txt || fail "eval: no table of classes"
[ -s tables/confusion.csv ] || fail "eval: no confusion.csv"
if command -v gnuplot >/dev/null; then for f in svg png; do [ -s tables/confusion.$f ] || fail "no confusion.$f"; done; fi
on 1 gdtrain eval l1 --data l.h5 >eval.txt 2>/dev/null || fail "eval of numbers"
for name in mae rmse r2; do grep -qE "^$name +[0-9]" eval.txt || fail "eval: no $name"; done

# Resumed with other metrics: rows that stay are in the new columns, and the best is judged anew.
run 2 g1 "${glyphs[@]:0:4}" --metrics "top5 f1" --steps 30 --resume auto
equal "$(head -1 g1/metrics.csv | cut -d, -f13-)" "val.top5,val.f1" "columns after a resume"
equal "$(awk -F, '$1 == 20 { print $13 "," $14 }' g1/metrics.csv)" "$(awk -F, '$1 == 20 { print $14 "," $13 }' g3/metrics.csv)" "kept cells"

expect 2 "metrics: top5 does not fit" on 2 gdtrain --data m.h5 --model linear:2 --val-fraction 0.2 --metrics top5 --out e1
expect 2 "unknown metric 'acuracy': did you mean 'accuracy'" on 1 gdtrain --data m.h5 --model linear:2 --metrics acuracy --out e2
expect 2 "metrics: auc does not fit" on 1 gdtrain eval l1 --data l.h5 --metrics auc
gdtrain --help-metrics | grep -q "^auc" || fail "--help-metrics"
gdtrain --help-losses huber | grep -q "huber_delta" || fail "--help-losses"

# Rare classes: pointed at, judged by themselves, and weighed.
awk 'BEGIN { srand(4); for (i = 0; i < 66; i++) { c = i % 11 == 0; printf "%.4f,%.4f,%s\n", c + 2 * rand(), rand(), c ? "rare" : "usual" } }' >uneven.csv
gdtrain data import csv uneven.csv --out uneven.h5 >/dev/null 2>&1 || fail "import"
rare=(--data uneven.h5 --model linear:2 --plots false --epochs 30 --lr 0.5)
expect 0 'uneven.h5: y: classes are uneven: 60 of 66 samples are "usual", 6 "rare"; --class-weights auto' gdtrain "${rare[@]}" --out uneven
expect 0 '^note: y: classes are uneven' gdtrain data info uneven.h5
gdtrain eval uneven --data uneven.h5 --out uneven/test >eval.txt 2>&1 || fail "eval of uneven classes"
recall() { awk -v c="$1" '$1 == c { print $4 }' eval.txt; }
within "$(awk '/^balanced_accuracy/ { print $2 }' eval.txt)" "$(awk -v a="$(recall rare)" -v b="$(recall usual)" 'BEGIN { print 50 * (a + b) }')" 0.01 "balanced accuracy"
gdtrain "${rare[@]}" --class-weights auto --out weighed >weighed.txt 2>&1 || fail "weighed classes"
grep "uneven:" weighed.txt && fail "weighed classes are pointed at"
at_least "$(gdtrain eval weighed --data uneven.h5 | awk '/^balanced_accuracy/ { print $2 }')" "$(awk '/^balanced_accuracy/ { print $2 }' eval.txt)" "balanced accuracy with weights"
finish
