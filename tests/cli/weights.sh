#!/usr/bin/env bash
# Weights of samples: the same bits on any number of ranks, wherever the data lie and after a kill; a weight of k is k times
# the sample; bad ones, and losses that take none, are refused.
. "$(dirname "$0")/../lib.sh" "$@"
# 203 samples, so that the last batch is short; weights are 0 to 3, and the same data with each sample so many times.
awk -v OFS=, 'BEGIN { srand(7); print "a,b,c,kind,count" >"w.csv"; print "a,b,c,kind" >"repeated.csv"
  for (i = 0; i < 203; i++) { row = rand() OFS rand() OFS rand() OFS "c" int(3 * rand()); k = int(4 * rand())
    print row, k >"w.csv"; for (n = 0; n < k; n++) print row >"repeated.csv" } }'
gdtrain data import csv w.csv --target kind --weight count --out w.h5 >info.txt 2>&1 || fail "import"
gdtrain data import csv repeated.csv --target kind --out repeated.h5 >/dev/null 2>&1 || fail "import"
grep -q "^w  *weights of samples" info.txt && grep -qE "^count +weight +number" info.txt || { fail "info"; cat info.txt; }
run() { # ranks folder options...
  on "$1" gdtrain --data w.h5 --val-fraction 0.1 --model "linear:8 tanh linear:3" --batch-size 40 --micro-batch 8 --lr 0.3 --momentum 0.9 \
    --device cpu --epochs 3 --plots false --out "${@:2}" >out.txt 2>&1 || { fail "${*:2}"; cat out.txt; }
}

for way in "one 1" "two 2" "three 3" "five 5" "messages 3 --transport mpi"; do
  read -r name ranks how <<<"$way"
  run "$ranks" "$name" $how
  equal "$(digest one)" "$(digest "$name")" "digest: $way"
  equal "$(last one val.loss)" "$(last "$name" val.loss)" "validation: $way"
done
grep -q "weighted by w" one/log.txt || fail "the start does not say that samples are weighted"
run 2 held --data.shuffle block
run 3 streamed --data.memory stream
equal "$(digest held)" "$(digest streamed)" "digest with streamed data"
for sampler in replacement balanced; do
  run 1 "$sampler-1" --sampler $sampler
  run 3 "$sampler-3" --sampler $sampler
  equal "$(digest $sampler-1)" "$(digest $sampler-3)" "digest with sampler $sampler"
done
run 1 unweighted --data.w none
[ "$(digest unweighted)" != "$(digest one)" ] || fail "weights change nothing"
run 2 killed --checkpoint-every 7 --checkpoint.keep 9
for c in killed/checkpoints/*.h5; do [[ $c == *00007.h5 ]] || rm "$c"; done # in the middle of the second epoch
run 3 killed --resume auto
equal "$(digest one)" "$(digest killed)" "digest of a run that was killed"

# A weight of k is k times the sample, in training and in evaluation.
for data in w repeated; do
  gdtrain --data $data.h5 --model "linear:8 tanh linear:3" --batch-size full --micro-batch 50 --precision fp64 --lr 0.3 --epochs 30 --device cpu \
    --plots false --out whole-$data >out.txt 2>&1 || { fail "$data"; cat out.txt; }
  gdtrain eval whole-w --data $data.h5 >eval-$data.txt || fail "eval"
done
within "$(last whole-w train.loss)" "$(last whole-repeated train.loss)" 1e-9 "loss of repeated samples"
within "$(awk '/loss/ { print $2 }' eval-w.txt)" "$(awk '/loss/ { print $2 }' eval-repeated.txt)" 1e-8 "evaluation of repeated samples"

# All of a batch may weigh nothing: it adds nothing.
awk -v OFS=, 'BEGIN { print "a,y,w"; for (i = 0; i < 40; i++) print i / 40, 2 * i / 40, i < 20 ? 0 : 1 }' >zeros.csv
gdtrain data import csv zeros.csv --target y --weight w --out zeros.h5 >/dev/null 2>&1 || fail "import of zeros"
gdtrain --data zeros.h5 --model linear:1 --batch-size 10 --shuffle none --epochs 3 --log-every 1 --plots false --out zeros >out.txt 2>&1 || { fail "zeros"; cat out.txt; }
equal "$(awk -F, 'NR > 1 && $3 == ""' zeros/metrics.csv | wc -l)" 6 "rows without a loss"
grep -qi nan zeros/metrics.csv zeros/summary.json && fail "NaN"

expect 4 ":5: the weight -1 is below 0" gdtrain data import csv <(sed '5s/[^,]*$/-1/' w.csv) --target kind --weight count --out bad.h5
expect 4 'holds "x", not a number.*--weight names a column of numbers' gdtrain data import csv <(sed '5s/[^,]*$/x/' w.csv) --target kind --weight count --out bad.h5
expect 2 'no column "cuont", did you mean "count"' gdtrain data import csv w.csv --target kind --weight cuont --out bad.h5
expect 2 "column 3 is a target and the weight" gdtrain data import csv w.csv --target kind --weight kind --out bad.h5
expect 4 "no array importance with the weights of its samples" gdtrain --data w.h5 --data.w importance --model linear:3 --out bad
# Losses need weights, predictions do not.
gdtrain predict one --data w.h5 --out p.csv >/dev/null 2>&1 || fail "predict"
finish
