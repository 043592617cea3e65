#!/usr/bin/env bash
# Bad input: one clear message from one rank, and the documented exit code, alone and on 4 ranks.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 300 --out g.h5 >/dev/null || fail "data"
gdtrain data make linear --n 100 --d 4 --out lin.h5 >/dev/null || fail "data"
printf 'data: g.h5\nmodel: linear:10\nbatch_sise: 3\n' >unknown.yaml
printf 'data: g.h5\nmodel: [linear: 10\n' >syntax.yaml
printf 'x1,x2,y\n1,2,3\n4,,6\n' >hole.csv
printf '1,2,3\n' >wine.csv
printf '1,2,nan\n4,5,6\n' >nan.csv
printf 'a,b,y\n1,2,3\n' >header.csv
printf 'not a checkpoint' >junk.h5
mkdir full && : >full/something
mkfifo pipe.yaml

for ranks in 1 4; do
  expect 4 "error: nowhere.h5: .*No such file" on $ranks gdtrain --data nowhere.h5 --model linear:10 --out a$ranks
  expect 4 "error: junk.h5: not an HDF5 file" on $ranks gdtrain --data junk.h5 --model linear:10 --out b$ranks
  expect 2 "error: model: 7 outputs, but .*g.h5 has 10 classes" on $ranks gdtrain --data g.h5 --model linear:7 --out c$ranks
  expect 2 "error: model: 3 outputs, but .*lin.h5 has 1 number a sample: end the model with linear:1, or say --target-type labels" on $ranks gdtrain --data lin.h5 --model linear:3 --out d$ranks
  expect 2 "error: loss: mse needs numbers as targets" on $ranks gdtrain --data g.h5 --model linear:10 --loss mse --out e$ranks
  expect 4 "error: lin.h5: its samples are [[][0-9]+[]], but those of g.h5 are [[]28, 28[]]" on $ranks gdtrain --data g.h5 --val-data lin.h5 --model linear:10 --out f$ranks
  expect 2 "error: unknown.yaml:3: unknown setting \"batch_sise\", did you mean \"batch_size\"" on $ranks gdtrain unknown.yaml --out g$ranks
  expect 2 "error: syntax.yaml:[23]" on $ranks gdtrain syntax.yaml --out h$ranks
  expect 2 "error: .*missing.yaml: No such file" on $ranks gdtrain missing.yaml --out i$ranks
  expect 2 "error: pipe.yaml: not a regular file" on $ranks gdtrain pipe.yaml --out o$ranks --deadline 20
  expect 2 "error: --optimizer.lr.*: .*fast" on $ranks gdtrain --data g.h5 --optimizer.lr fast --model linear:10 --out j$ranks
  expect 2 "error: optimizer.groups: a group needs match, as in" on $ranks gdtrain --data g.h5 --model linear:10 --optimizer.groups '[{lr: 1}]' --out p$ranks
  expect 2 "error: .*linaer" on $ranks gdtrain --data g.h5 --model "linaer:10" --out k$ranks
  expect 2 "error: full is not empty" on $ranks gdtrain --data g.h5 --model linear:10 --out full
  expect 6 "error: /proc/nope.*" on $ranks gdtrain --data g.h5 --model linear:10 --out /proc/nope
  expect 5 "error: junk.h5: " on $ranks gdtrain eval junk.h5 --data g.h5
  expect 5 "error: .*g.h5: " on $ranks gdtrain --data g.h5 --model linear:10 --out l$ranks --resume g.h5
  expect 10 "error: .*GPU|error: .*CUDA" on $ranks gdtrain --data g.h5 --model linear:10 --device cuda --out m$ranks
  expect 7 "error: loss or gradient is not finite at step" on $ranks gdtrain --data lin.h5 --model linear:1 --lr 1e9 --epochs 50 --out n$ranks
  expect 0 "warning: [0-9]+ updates were not finite and left out, the last too" on $ranks gdtrain --data lin.h5 --model linear:1 --lr 1e9 --epochs 50 \
    --on-nan skip --plots false --out q$ranks
  equal "$(grep -cE "warning: an update by step [0-9]+ is not finite" out.txt)" 1 "warnings of the first update left out"
done
[ ! -e a1 ] && [ ! -e c4 ] || fail "a run that never began leaves its folder"
expect 4 "error: wine.csv: not an HDF5 file; .*import csv" gdtrain --data wine.csv --model linear:1
expect 4 "error: hole.csv:3" gdtrain data import csv hole.csv --header --out x.h5
expect 0 "line 1 holds names" gdtrain data import csv header.csv --out x.h5
printf '1,2,3\n4,red,6\n' >text.csv
expect 0 "^targets *none$" gdtrain data import csv header.csv --header --target none --out none.h5
expect 4 "error: text.csv:2:2: column 1 holds \"red\", not a number, as 1 of 2 cells are: .*--drop 1" gdtrain data import csv text.csv --out x.h5
expect 6 "error: nowhere/x.h5: cannot be created: No such file or directory" gdtrain data make linear --n 9 --out nowhere/x.h5
expect 4 "error: nan.csv:1" gdtrain data import csv nan.csv --out x.h5
# What is read stays: under its own name, by a link, and as a prediction's data.
ln hole.csv link.h5
for out in hole.csv ./hole.csv link.h5; do
  expect 2 "error: --out $out would replace the file that it is made from" gdtrain data import csv hole.csv --header --out $out
done
equal "$(head -1 hole.csv)" "x1,x2,y" "an input that was to be written over"
expect 4 "error: header.csv:1:1: column 0 holds \"a\"" gdtrain data import csv header.csv --header false --out x.h5
expect 2 "error: --classes: 'maybe' is not true or false" gdtrain data import csv header.csv --classes=maybe --out x.h5
expect 2 "unknown command \"trian\", did you mean \"train\"" gdtrain trian
expect 2 "error: --epochs needs a value" gdtrain --epochs
expect 2 "error: --device: \"gpu\" is not one of: auto cpu cuda$" gdtrain --device gpu
expect 2 "error: --batch_size: 'all' is not a whole number, or full$" gdtrain --data g.h5 --batch-size all
expect 2 "error: \"epochs\" and \"3\": one configuration file at most, and options begin with --" gdtrain --data g.h5 epochs 3
printf 'model: linear:10\nlr: 0.1\n' >dataless.yaml
expect 2 "error: dataless.yaml: no data: " gdtrain dataless.yaml
printf 'data: g.h5\nmodel: linear:10\nshuffle: true\n' >word.yaml
expect 2 "error: word.yaml:3: shuffle: \"true\" is not one of: auto full" gdtrain word.yaml
expect 2 "error: model: word 2, 'linear:ten' at column 6: linear: 'ten' is not" gdtrain --data g.h5 --model "relu linear:ten"
expect 0 "warning: batch_size 999 is more than the 300 samples" gdtrain --data g.h5 --model linear:10 --batch-size 999 --steps 1 --plots false --out big
expect 0 "folder *saved" gdtrain --data g.h5 --model linear:10 --steps 1 --plots false --out saved
expect 2 "error: resume: saved is a folder: .*--resume auto --out saved" gdtrain --data g.h5 --model linear:10 --out more --resume saved
expect 2 "error: --out w.pt: weights are written as .safetensors" gdtrain export saved --out w.pt
expect 2 "error: --out g.h5 would replace" gdtrain predict saved --data g.h5 --out g.h5
expect 4 "error: lin.h5: its samples are .4., but the model was trained on .28, 28." gdtrain eval saved --data lin.h5
expect 0 "folder *reals" gdtrain --data lin.h5 --model linear:1 --steps 1 --plots false --out reals
gdtrain data make blobs --n 100 --d 4 --out blobs.h5 >/dev/null || fail "data"
expect 4 "error: blobs.h5: y are classes, but the model.s loss, mse, compares with numbers" gdtrain eval reals --data blobs.h5
gdtrain predict reals --data blobs.h5 --out reals.npy || fail "predictions need no targets"
expect 4 "error: blobs.h5: y holds labels of [0-9]+ classes, but y of lin.h5 1 number a sample; --target-type" gdtrain --data lin.h5 --val-data blobs.h5 --model linear:1
gdtrain data make linear --n 100 --d 5 --out wide.h5 >/dev/null || fail "data"
expect 5 "error: reals: 0.weight is .1, 4., but the model's is .1, 5." gdtrain --data wide.h5 --model linear:1 --init reals
[ ! -e w.pt ] || fail "weights under a name of another format"

# A label out of range and a NaN inside HDF5 files that others made.
python=/usr/bin/python3
if $python -c 'import h5py' 2>/dev/null; then
  $python - <<'P'
import h5py, numpy as np
x = np.random.default_rng(0).normal(size=(50, 3)).astype("f4")
with h5py.File("nan.h5", "w") as f:
    bad = x.copy(); bad[17, 2] = np.nan
    f["x"], f["y"] = bad, np.zeros(50, "i8")
with h5py.File("label.h5", "w") as f:
    y = np.arange(50) % 3; y[20] = -7
    f["x"], f["y"] = x, y
with h5py.File("ignored.h5", "w") as f:
    f["x"], f["y"] = x, np.full(50, -100)
with h5py.File("bare.h5", "w") as f:
    f["x"] = h5py.File("lin.h5")["x"][()]
with h5py.File("three.h5", "w") as f:
    f["x"], f["y"] = x, np.arange(50) % 3
P
  gdtrain predict reals --data lin.h5 --out known.npy || fail "predictions"
  for ranks in 1 4; do
    expect 4 "error: nan.h5: .*17.*2" on $ranks gdtrain --data nan.h5 --model linear:2 --out o$ranks
    expect 4 "error: ignored.h5: none of its labels is a class" on $ranks gdtrain --data ignored.h5 --model linear:3 --out s$ranks
    expect 4 "error: ignored.h5: none of its labels is a class" on $ranks gdtrain --data three.h5 --val-data ignored.h5 --model linear:3 --out r$ranks
    on $ranks gdtrain predict reals --data bare.h5 --out bare$ranks.npy && cmp bare$ranks.npy known.npy || fail "predictions of samples without targets"
    expect 4 "error: bare.h5: no samples and targets" on $ranks gdtrain eval reals --data bare.h5
    expect 4 "error: label.h5: .*-7 at sample 20" on $ranks gdtrain --data label.h5 --model linear:3 --out p$ranks
  done
fi
expect 2 "error: model: more than 4096" gdtrain --data g.h5 --out many --model "$(printf 'relu %.0s' $(seq 5000)) linear:10"
finish
