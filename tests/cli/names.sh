#!/usr/bin/env bash
# Names of columns, targets and classes travel from a table to a checkpoint and its predictions, and are matched there.
. "$(dirname "$0")/../lib.sh" "$@"
awk 'BEGIN { srand(1); print "u,v,w,cls"; for (i = 0; i < 60; i++) { c = i % 3; printf "%.4f,%.4f,%.4f,%s\n",
  3 * (c == 1) - 3 * (c == 2) + rand(), 3 * (c == 0) - 3 * (c == 2) + rand(), rand(), substr("abc", c + 1, 1) } }' >train.csv
awk -F, 'BEGIN { OFS = "," } { print $3, $2, $1, $4 }' train.csv >reordered.csv
awk -F, 'BEGIN { OFS = "," } { print "id" NR, $3, $2, $1 }' train.csv | sed 's/id1,/id,/; s/^id//; 1s/^,/id,/' >more.csv
awk -F, 'BEGIN { OFS = "," } { print $1, $2, $4 }' train.csv >less.csv
import() { gdtrain data import csv "$@" >out.txt 2>&1 || { fail "import $*"; cat out.txt; }; }
for name in train reordered less; do import $name.csv --header --out $name.h5; done
import more.csv --header --target none --out more.h5
quick=(--epochs 20 --plots false)
expect 0 "^folder *run" gdtrain --data train.h5 --model linear:3 "${quick[@]}" --out run
expect 0 "^columns *u, v, w$" gdtrain inspect run
gdtrain predict run --data train.h5 --out here.csv || fail "predictions"
for ranks in 1 2; do
  expect 0 "^accuracy *100" on $ranks gdtrain eval run --data reordered.h5
  expect 0 "reordered.h5: columns are matched by name and taken in the model's order: u, v, w" on $ranks gdtrain eval run --data reordered.h5
  for data in reordered more; do
    on $ranks gdtrain predict run --data $data.h5 --out there.csv 2>/dev/null && cmp here.csv there.csv || fail "predictions of $data"
  done
  expect 4 "error: less.h5: the model was trained on 3 columns; of these the file lacks w. Its 2 are: u, v" on $ranks gdtrain eval run --data less.h5
done
expect 0 "^val accuracy *100.00 %" gdtrain --data train.h5 --val-data reordered.h5 --model linear:3 --epochs 2 --out val --plots false
# A run goes on with the columns in another order, with the bits of one that never saw another.
for out in whole parts; do gdtrain --data train.h5 --model linear:3 "${quick[@]}" --epochs 3 --out $out >/dev/null 2>&1 || fail "$out"; done
gdtrain --data train.h5 --epochs 6 --out whole --resume auto --plots false >/dev/null 2>&1 || fail "whole, resumed"
for ranks in 1 2; do
  cp -r parts parts$ranks
  expect 0 "reordered.h5: columns are matched by name and taken in the model's order: u, v, w" on $ranks gdtrain --data reordered.h5 --epochs 6 \
    --out parts$ranks --resume auto --plots false
  equal "$(digest parts$ranks)" "$(digest whole)" "a run resumed with columns in another order, on $ranks ranks"
done
expect 4 "error: less.h5: the model was trained on 3 columns; of these the file lacks w" gdtrain --data less.h5 --epochs 6 --out parts --resume auto --resume-changed
sed 's/,a$/,d/' train.csv >renamed.csv
import renamed.csv --header --out renamed.h5
expect 4 'error: renamed.h5: its class 0 is "b", but .* was trained on data whose class 0 is "a"' gdtrain --data renamed.h5 --epochs 6 --out parts --resume auto \
  --resume-changed

# Targets: their names head the predictions, and their order is the model's.
printf 'x,p,q\n1,2,-1\n2,4,-2\n3,6,-3\n' >two.csv
import two.csv --header --target p,q --out two.h5
import two.csv --header --target q,p --out turned.h5
expect 0 "^folder *two" gdtrain --data two.h5 --model linear:2 --epochs 300 --lr 0.02 --plots false --out two
gdtrain predict two --data two.h5 --out two-out.csv || fail "predictions of targets"
equal "$(head -1 two-out.csv)" "p,q" "names of predicted targets"
equal "$(gdtrain eval two --data turned.h5 2>/dev/null | grep loss)" "$(gdtrain eval two --data two.h5 | grep loss)" "the loss of targets in another order"

# Any class name is a field of RFC 4180, which the import reads again.
printf '0,0,"red, dark"\n1,0,"say ""hi"""\n0,1,"plain"\n' >odd.csv
import odd.csv --out odd.h5
expect 0 "^folder *odd" gdtrain --data odd.h5 --model linear:3 --epochs 300 --plots false --out odd
gdtrain predict odd --data odd.h5 --out odd-out.csv || fail "predictions of odd classes"
equal "$(head -1 odd-out.csv)" 'class,plain,"red, dark","say ""hi"""' "names of odd classes"
import odd-out.csv --header --target class --out again.h5
expect 0 '^y *labels, 3 classes: plain red, dark say "hi"$' gdtrain data info again.h5

# Classes that are numbers match as numbers.
printf '1,2,1.0\n3,4,2.0\n' >a.csv
printf '1,2,2\n3,4,1\n' >b.csv
import a.csv --classes --out a.h5
import b.csv --classes --out b.h5
expect 0 "^folder *numbers" gdtrain --data a.h5 --model linear:2 --steps 1 --plots false --out numbers
expect 0 "^accuracy" gdtrain eval numbers --data b.h5
printf '1,2,x\n3,4,1\n' >c.csv
import c.csv --classes --out c.h5
expect 4 'error: c.h5: class "x" is none of the model.s classes: "1.0" ...' gdtrain eval numbers --data c.h5
finish
