#!/usr/bin/env bash
# --noise-scale: the known figures at frozen weights, the same bits on any number of ranks, and no trace in the parameters.
. "$(dirname "$0")/../lib.sh" "$@"
noise() { awk -F, 'NR > 1 { print $1, $10, $11, $12 }' "$1/metrics.csv"; }

# The quadratic at rate 0, by its moments (datasets/README.md), with an uneven last micro-batch: 16, 16, 16, 2.
gdtrain data make quadratic --condition 20 --out quadratic.h5 >/dev/null
frozen="--data quadratic.h5 --model linear:1024 --sampler replacement --batch-size 50 --micro-batch 16 --lr 0 --steps 1000"
gdtrain $frozen --noise-scale --noise-decay 1 --plots false --out frozen >out.txt 2>&1 || { fail frozen; cat out.txt; }
within "$(last frozen noise_S)" 0.4070 0.0081 "S of the quadratic"
within "$(last frozen noise_G2)" 0.02084 0.0006 "|G|^2 of the quadratic"
within "$(last frozen noise_scale)" 19.54 0.6 "noise scale of the quadratic"

# Training: columns equal on any number of ranks, in one pass and in two; parameters equal with and without.
gdtrain data make glyphs --n 1000 --out glyphs.h5 >/dev/null
for how in "--clip-norm 0" "--clip-norm 0.5" "--optimizer lars"; do
  rm -rf off on-*
  run="--data glyphs.h5 --model linear:64%20relu%20linear:10 --batch-size 300 --micro-batch 64 --epochs 3 --lr 0.1 --log-every 1 $how"
  run=(${run}) && run=("${run[@]//%20/ }")
  gdtrain "${run[@]}" --plots false --out off >out.txt 2>&1 || { fail "off"; cat out.txt; }
  for ranks in 1 2 3; do
    on $ranks gdtrain "${run[@]}" --noise-scale --plots false --out on-$ranks >out.txt 2>&1 || { fail "on-$ranks"; cat out.txt; }
    equal "$(digest on-$ranks)" "$(digest off)" "$how: digest with the noise scale on $ranks ranks"
    equal "$(noise on-$ranks)" "$(noise on-1)" "$how: columns on $ranks ranks"
  done
  equal "$(noise on-1 | awk 'NF == 4 && $3 > 0' | wc -l)" 12 "$how: rows with figures"
  equal "$(noise off | awk 'NF > 1' | wc -l)" 0 "$how: rows with figures when off"
done
grep -q '"noise": {"scale": [0-9]' on-1/summary.json || fail "no noise scale in summary.json"

expect 2 'noise_scale needs sync: ordered' gdtrain --data glyphs.h5 --model linear:10 --noise-scale --sync allreduce --out refused
expect 0 'at least 2 micro-batches' gdtrain --data glyphs.h5 --model linear:10 --batch-size 64 --steps 3 --noise-scale --plots false --out one
equal "$(noise one | awk 'NF > 1' | wc -l)" 0 "rows with figures of single micro-batches"

# Softmax regression on MNIST at W = 0: tr(Sigma) 78.84548, |G|^2 1.0835393060.
[ "$failures" = 0 ] || finish
import_mnist
/usr/bin/env python3 -c 'import h5py' 2>/dev/null && py=python3 || py=/usr/bin/python3
$py -c 'import h5py, numpy as np
f = h5py.File("zero.h5", "w"); f["0.weight"] = np.zeros((10, 784)); f["0.bias"] = np.zeros(10)' 2>/dev/null ||
  skip "python with h5py is needed to write the zero weights"
on 4 gdtrain --data train.h5 --model linear:10 --init zero.h5 --sampler replacement --batch-size 64 --micro-batch 16 --lr 0 \
  --steps 2000 --noise-scale --noise-decay 1 --plots false --out mnist >out.txt 2>&1 || { fail mnist; cat out.txt; }
echo "MNIST at W = 0: S $(last mnist noise_S), |G|^2 $(last mnist noise_G2), B_simple $(last mnist noise_scale)"
within "$(last mnist noise_S)" 78.84548 1.577 "S on MNIST"
within "$(last mnist noise_scale)" 72.77 3.64 "B_simple on MNIST"
finish
