#!/usr/bin/env bash
# Softmax regression on MNIST from zero weights, full batch: the published losses, on any number of ranks.
. "$(dirname "$0")/../lib.sh" "$@"
import_mnist
/usr/bin/env python3 -c 'import h5py' 2>/dev/null && py=python3 || py=/usr/bin/python3
$py -c 'import h5py, numpy as np
f = h5py.File("zero.h5", "w"); f["0.weight"] = np.zeros((10, 784)); f["0.bias"] = np.zeros(10)' 2>/dev/null ||
  skip "python with h5py is needed to write the zero weights"
for precision in fp64:1e-9 fp32:1e-5; do
  for ranks in 1 2 3 7; do
    run=${precision%:*}-$ranks
    on $ranks gdtrain --data train.h5 --model linear:10 --init zero.h5 --batch-size full --lr 0.5 --steps 2 --log-every 1 \
      --precision "${precision%:*}" --plots false --out $run >out.txt 2>&1 || { fail "$run"; cat out.txt; }
    first=$(awk -F, 'NR == 2 { print $3 }' $run/metrics.csv) second=$(awk -F, 'NR == 3 { print $3 }' $run/metrics.csv)
    echo "$run: $first $second"
    within "$first" 2.302585092995 "${precision#*:}" "$run, loss before any update"
    within "$second" 1.831771686327 "${precision#*:}" "$run, loss after one update"
  done
  for ranks in 2 3 7; do
    equal "$(digest ${precision%:*}-$ranks)" "$(digest ${precision%:*}-1)" "digest on $ranks ranks against 1"
  done
done
finish
