#!/usr/bin/env bash
# Models by name: as many outputs as the data have classes, in training and in use; the same bits on any number of ranks.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 120 --out images.h5 >/dev/null || fail "data"
for model in wide_resnet:depth=10,width=1,dropout=0.2 "[{zero_pad2d: 2}, {mobilenet_v2: {width_mult: 0.05}}]"; do
  for ranks in 1 3; do
    on $ranks gdtrain --data images.h5 --model "$model" --batch-size 50 --micro-batch 16 --threads 1 --steps 3 --lr 0.01 --momentum 0.9 \
      --plots false --out "run$ranks" >out.txt 2>&1 || { fail "$model on $ranks ranks"; tail -5 out.txt; }
  done
  equal "$(digest run1)" "$(digest run3)" "digest of $model"
  gdtrain predict run1 --data images.h5 --out p.csv >out.txt 2>&1 || { fail "predict by $model"; cat out.txt; }
  equal "$(head -1 p.csv | awk -F, '{ print NF }')" 11 "columns of the predictions by $model: the class, and ten probabilities"
  rm -rf run1 run3
done
expect 2 "vgg11.features.20: max_pool2d: a kernel that spans 2 does not fit into images 1 high" \
  gdtrain --data images.h5 --model vgg11 --out bad
finish
