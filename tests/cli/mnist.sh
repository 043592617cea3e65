#!/usr/bin/env bash
# Two ranks, two layers, ten epochs under SGDR: at least 98.0 % on the MNIST test set.
. "$(dirname "$0")/../lib.sh" "$@"
import_mnist
on 2 gdtrain --data train.h5 --val-data test.h5 --model "linear:512 relu linear:10" --batch-size 128 --epochs 10 --lr 0.1 \
  --momentum 0.9 --schedule sgdr --out run >out.txt 2>&1 || { fail "training"; cat out.txt; }
grep -E 'val accuracy|samples/s' out.txt | tail -2
at_least "$(last run val.accuracy)" 0.98 "accuracy"
# The checkpoint gives the same accuracy to eval, on another number of ranks, and to predict.
ckpt=$(ls run/checkpoints/step-*.h5 | tail -1)
on 3 gdtrain eval "$ckpt" --data test.h5 >eval.txt 2>&1 || { fail "eval"; cat eval.txt; }
within "$(awk '/^accuracy/ { print $2 / 100 }' eval.txt)" "$(last run val.accuracy)" 1e-9 "eval"
gdtrain predict "$ckpt" --data test.h5 --out p.csv || fail "predict"
equal "$(wc -l <p.csv)" 10001 "lines of predictions"
finish
