#!/usr/bin/env bash
# What targets are: classes or numbers, said where it was a guess; numbers far from 1, standardised and given back in their own unit.
. "$(dirname "$0")/../lib.sh" "$@"
import() { gdtrain data import csv "$@" >out.txt 2>&1 || { fail "import $*"; cat out.txt; }; }
quick=(--plots false --lr 0.5 --epochs 20)

# Three groups of points: their class as a real number, as columns of one 1, and by its name.
awk 'BEGIN { srand(1); print "u,v,cls,red,green,blue,name"; for (i = 0; i < 60; i++) { c = i % 3; printf "%.4f,%.4f,%d.0,%d,%d,%d,%s\n",
  3 * (c == 1) - 3 * (c == 2) + rand(), 3 * (c == 0) - 3 * (c == 2) + rand(), c, c == 0, c == 1, c == 2, substr("rgb", c + 1, 1) } }' >points.csv
import points.csv --target cls --features u,v --out real.h5
import points.csv --target red,green,blue --features u,v --out hot.h5
import points.csv --target name --features u,v --out named.h5
sed 's/,0\.0,/,0.5,/' points.csv >half.csv
import half.csv --target cls --features u,v --out half.h5
expect 0 "real.h5: y holds real numbers: taken as labels, as the loss needs .else --target-type numbers.$" gdtrain --data real.h5 --model linear:3 \
  --loss cross_entropy "${quick[@]}" --out real
expect 0 "^accuracy *100" gdtrain eval real --data real.h5
expect 0 "^val accuracy *100" gdtrain --data real.h5 --val-data real.h5 --target-type labels --model linear:3 "${quick[@]}" --out asked
equal "$(digest asked)" "$(digest real)" "labels that were asked for"
expect 4 "error: half.h5: y is 0.5 at sample 0, but labels are whole numbers: --target-type numbers takes it as it is" gdtrain --data half.h5 --target-type labels --model linear:3
expect 0 "hot.h5: y is one-hot: taken as labels .else --target-type numbers.$" gdtrain --data hot.h5 --model linear:3 "${quick[@]}" --out hot
equal "$(digest hot)" "$(digest real)" "one-hot targets against labels"
gdtrain predict hot --data hot.h5 --out p.csv || fail "predictions of one-hot targets"
equal "$(head -1 p.csv)" "class,red,green,blue" "columns of one-hot targets as classes"
expect 0 "^accuracy *100" gdtrain eval hot --data hot.h5
expect 0 "^accuracy *100" gdtrain eval real --data hot.h5
on 2 gdtrain --data hot.h5 --model linear:3 "${quick[@]}" --micro-batch 20 --data.memory stream --out streamed >/dev/null 2>&1 || fail "one-hot targets from a stream"
gdtrain --data hot.h5 --model linear:3 "${quick[@]}" --micro-batch 20 --data.shuffle block --out held >/dev/null 2>&1 || fail "one-hot targets, held"
equal "$(digest streamed)" "$(digest held)" "one-hot targets from a stream"
expect 0 "^folder" gdtrain --data hot.h5 --target-type numbers --model linear:3 "${quick[@]}" --out numbers
expect 0 "^r2" gdtrain eval numbers --data hot.h5
# Both ways out are said.
expect 2 "error: model: 1 output, but y of named.h5 has 3 classes: end the model with linear:3$" gdtrain --data named.h5 --model linear:1
expect 2 "error: loss: mse needs numbers as targets, but y of named.h5 are 3 classes with names: .*--loss cross_entropy, or import" gdtrain --data named.h5 \
  --model linear:1 --loss mse
expect 4 "error: named.h5: y are classes, as the file itself says, and no numbers" gdtrain --data named.h5 --model linear:1 --target-type numbers
expect 2 "error: model: 3 outputs, but y of real.h5 has 1 number a sample: end the model with linear:1, or say --target-type labels if" gdtrain \
  --data real.h5 --model linear:3
expect 2 'error: --target_type: "classes" is not one of: auto labels numbers' gdtrain --data real.h5 --model linear:3 --target-type classes
python=/usr/bin/python3
if $python -c 'import h5py' 2>/dev/null; then
  $python - <<'P'
import h5py, numpy as np
r = np.random.default_rng(0)
with h5py.File("age.h5", "w") as f:
    f["x"], f["y"] = r.normal(size=(24, 3)), r.integers(20, 90, 24)
P
  expect 2 "error: model: 1 output, but y of age.h5 has [0-9]+ classes: end the model with linear:[0-9]+, or say --target-type numbers" \
    gdtrain --data age.h5 --model linear:1
  expect 0 "age.h5: y holds whole numbers: taken as numbers, as the loss needs .else --target-type labels.$" gdtrain --data age.h5 --model linear:1 \
    --loss l1 --steps 1 --plots false --out age
  expect 0 "^mae" gdtrain eval age --data age.h5
fi

# Yes or no for every output: probabilities, and what they decide.
expect 0 "^folder" gdtrain --data hot.h5 --loss bce_with_logits --model linear:3 --plots false --lr 0.5 --steps 3 --out yes # none is sure yet
gdtrain predict yes --data hot.h5 --out p.csv || fail "predictions of yes and no"
equal "$(head -1 p.csv)" "label.red,label.green,label.blue,red,green,blue" "columns of predictions of yes and no"
wrong=$(awk -F, 'NR > 1 { for (i = 1; i <= 3; i++) if (!($(i + 3) > 0 && $(i + 3) < 1) || $i != ($(i + 3) > 0.5)) n++ } END { print n + 0 }' p.csv)
equal "$wrong" 0 "labels that are not those of their probabilities"
right=$(paste -d, points.csv p.csv | awk -F, 'NR > 1 { for (i = 4; i <= 6; i++) right += $i == $(i + 4) } END { print 100 * right / (3 * (NR - 1)) }')
within "$(gdtrain eval yes --data hot.h5 2>/dev/null | awk '/^binary_accuracy/ { print $2 }')" "$right" 0.001 "accuracy of yes and no, and of their predictions"

expect 4 "error: real.h5: y is 2 at sample 2, column 0: bce_with_logits takes targets from 0, no, to 1, yes; --loss mse" gdtrain --data real.h5 \
  --loss bce_with_logits --model linear:1
expect 4 "error: real.h5: y is 2 at sample 2, column 0: bce_with_logits takes targets from 0" gdtrain --data real.h5 --loss bce_with_logits \
  --model linear:1 --data.memory stream

# Houses: targets near 300000, on which plain training diverges, with the reason and the remedy.
awk 'BEGIN { srand(2); print "rooms,age,price,tax"; for (i = 0; i < 80; i++) { r = 1 + int(6 * rand()); a = 60 * rand();
  printf "%d,%.2f,%.2f,%.6f\n", r, a, 150000 + 60000 * r - 1000 * a, 0.001 * r + 0.0001 * a } }' >houses.csv
import houses.csv --target price,tax --out houses.h5
house=(--data houses.h5 --model "linear:2" --standardize --batch-size 16 --micro-batch 4 --lr 0.1 --plots false)
expect 7 "error: .*not finite at step [0-9]+ .*: y of sample [0-9]+ of houses.h5 is [0-9]+ in column 0 .price.: --standardize-targets brings" \
  gdtrain "${house[@]}" --lr 3 --epochs 100 --out diverged
expect 7 "error: .*: x of sample [0-9]+ of houses.h5 is .* in column 1 .age.: --standardize brings" gdtrain --data houses.h5 --model "linear:2" --lr 1e9 \
  --standardize-targets --out diverged2
expect 0 "^folder" gdtrain "${house[@]}" --standardize-targets --lr 0.3 --epochs 100 --val-fraction 0.2 --metrics "rmse mae r2" --out price
at_least "$(last price val.r2)" 0.999 "R2 of standardised targets"
at_least 3000 "$(last price val.rmse)" "their error in their own unit"
at_least "$(last price val.rmse)" 0.01 "their error in their own unit"
expect 0 "the loss is of standardised targets, as in training; metrics are in their own unit$" gdtrain eval price --data houses.h5
gdtrain predict price --data houses.h5 --out p.csv || fail "predictions of prices"
equal "$(head -1 p.csv)" "price,tax" "names of predicted targets"
mae=$(paste -d, houses.csv p.csv | awk -F, 'NR > 1 { a = $3 - $5; b = $4 - $6; s += (a < 0 ? -a : a) + (b < 0 ? -b : b); n += 2 } END { print s / n }')
within "$(gdtrain eval price --data houses.h5 2>/dev/null | awk '/^mae/ { print $2 }')" "$mae" 0.05 "MAE by eval and by its predictions"
expect 0 "^targets *2, standardised$" gdtrain inspect price

# The same bits on ranks, from a stream, and with a resume.
bits=("${house[@]}" --standardize-targets --epochs 4 --data.shuffle block)
train() { on "$2" gdtrain "${bits[@]}" --out "$1" "${@:3}" >"$1.txt" 2>&1 || { fail "$1"; tail -3 "$1.txt"; }; }
train one 1
train three 3
train stream 2 --data.memory stream
train part 2 --epochs 2
train part 1 --epochs 4 --resume auto
for run in three stream part; do equal "$(digest $run)" "$(digest one)" "standardised targets: $run"; done

# What is needed to use the weights elsewhere is exported with them, and is no part of the model.
expect 0 "^y  *standardised: the outputs times standardize_targets.std . standardize_targets.mean$" gdtrain export price --out price.safetensors
for key in standardize.mean standardize.std standardize_targets.mean standardize_targets.std '"columns":"\[\\"rooms\\", \\"age\\"\]"' '"targets":"\[\\"price\\", \\"tax\\"\]"'; do
  head -c 2000 price.safetensors | grep -aq "$key" || fail "the export lacks $key"
done
expect 0 "price.safetensors: 2 of 2 arrays of the model are loaded" gdtrain "${house[@]}" --standardize-targets --init price.safetensors --steps 1 --out again
if python3 -c 'import safetensors.numpy' 2>/dev/null; then
  python3 - <<'P' || fail "the exported weights give other predictions"
import csv, numpy as np, safetensors.numpy as s
w = s.load_file("price.safetensors")
x = np.array([[float(v) for v in r[:2]] for r in list(csv.reader(open("houses.csv")))[1:]])
p = np.array([[float(v) for v in r] for r in list(csv.reader(open("p.csv")))[1:]])
x = (x - w["standardize.mean"]) / w["standardize.std"]
y = (x @ w["0.weight"].T + w["0.bias"]) * w["standardize_targets.std"] + w["standardize_targets.mean"]
assert (abs(y - p) <= 1e-5 * abs(p).max(axis=0)).all()
P
fi

expect 2 "error: standardize_targets: real.h5 holds labels, which have no mean" gdtrain --data real.h5 --target-type labels --standardize-targets --model linear:3
expect 2 "error: standardize_targets: the loss bce_with_logits does not take" gdtrain --data hot.h5 --standardize-targets --loss bce_with_logits --model linear:3
finish
