#!/usr/bin/env bash
# A model as a tree of YAML goes through the whole program: trained on any ranks, resumed, evaluated, exported, drawn, shown.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 1200 --out t.h5 >/dev/null || { fail "data"; finish; }
cat >run.yaml <<'YAML'
data: {train: t.h5, val_fraction: 0.2}
model:
  - linear: {out_features: 32, name: embed}
  - repeat:
      times: 2
      body:
        - residual:
            body: [{linear: 32}, relu, {linear: 32}]
            after: relu
        - layer_norm
  - concat: {branches: [[], [{linear: 8}, tanh]]}
  - linear: {out_features: 10, name: head}
batch_size: 96
micro_batch: 16
steps: 30
lr: 0.05
plots: false
YAML
for ranks in 1 3; do
  on $ranks gdtrain run.yaml --out r$ranks >out.txt 2>&1 || { fail "training on $ranks ranks"; cat out.txt; }
done
equal "$(digest r3)" "$(digest r1)" "digest on 3 ranks against 1"
on 2 gdtrain run.yaml --steps 17 --out r2 >out.txt 2>&1 || { fail "half"; cat out.txt; }
on 3 gdtrain run.yaml --resume auto --out r2 >out.txt 2>&1 || { fail "the other half"; cat out.txt; }
equal "$(digest r2)" "$(digest r1)" "digest of a resumed run"
expect 2 'model' gdtrain run.yaml --resume auto --out r2 --model linear:10

expect 0 '^accuracy ' gdtrain eval r1 --data t.h5
expect 0 '1\.1\.0\.body\.2\.weight +f32 \[32, 32\]' gdtrain inspect r1
gdtrain predict r1 --data t.h5 --out p.csv >/dev/null 2>&1 || fail "predict"
gdtrain export r1 --out w.safetensors >/dev/null 2>&1 || fail "export"
grep -aq '"head.weight"' w.safetensors || fail "the export has no head.weight"
tied='[{linear: {out_features: 32, name: embed}}, relu, {linear: {out_features: 32, name: first}}, {linear: {out_features: 32, share: first.weight}}, {linear: 10}]'
on 2 gdtrain run.yaml --model "$tied" --out tied >out.txt 2>&1 || { fail "tied"; cat out.txt; }
gdtrain export tied --out tied.safetensors >/dev/null 2>&1 || fail "export of tied weights"
for name in first.weight 3.weight; do grep -aq "\"$name\"" tied.safetensors || fail "the export has no $name"; done
on 2 gdtrain run.yaml --model "$tied" --out begun --init tied.safetensors --steps 1 --lr 0 >out.txt 2>&1 || { fail "--init of it"; cat out.txt; }
equal "$(digest begun)" "$(gdtrain inspect tied --digest)" "digest of what was exported"
on 2 gdtrain verify run.yaml >out.txt 2>&1 || { fail "verify"; cat out.txt; }

gdtrain graph run.yaml >g.dot || fail "graph"
gdtrain graph run.yaml | cmp - g.dot || fail "another process draws it otherwise"
equal "$(grep -c 'subgraph cluster_' g.dot)" 10 "boxes around blocks"
equal "$(grep -c '[{]' g.dot)" "$(grep -c '[}]' g.dot)" "braces of the drawing"
gdtrain model run.yaml --ranks 3 >m.txt || fail "model"
grep -qE '^  embed +Linear +\[32\] +25,120 ' m.txt || fail "the table has no row of embed: $(cat m.txt)"
equal "$(sed -n 's/^parameters *\([0-9,]*\),.*/\1/p' m.txt | tr -d ,)" \
  "$(sed -n 's/.*"parameters": \([0-9]*\).*/\1/p' r1/summary.json)" "parameters of the table and of the run"
[ "$(awk '{ print length }' m.txt | sort -n | tail -1)" -le 80 ] || fail "the table is wider than 80 columns"
expect 0 '^  2 +Linear +\[10\] +330 ' gdtrain model --sample 1x8x8 --model 'linear:32 relu linear:10'
for recompute in false true; do
  expect 0 '^multiply-adds 208 a sample' gdtrain model --sample 8 --model "[{repeat: {times: 2, recompute: $recompute, body: [linear: 8, tanh]}}, {linear: 10}]"
done
expect 0 '^ *residual +' gdtrain --help-layers
expect 0 '^  negative_slope' gdtrain --help-layers leaky_relu
expect 2 "did you mean 'residual'" gdtrain --help-layers resdual
sed 's/relu, /rleu, /' run.yaml >wrong.yaml
expect 2 "wrong.yaml:8: model.1.repeat.0.0.residual.body.1: unknown layer 'rleu': did you mean 'relu'" gdtrain wrong.yaml --out w
expect 2 'model.0: residual: the body gives \[5\], but the input is \[28, 28\]' gdtrain --data t.h5 --out w \
  --model '[{residual: [linear: 5]}, {linear: 10}]'
finish
