#!/usr/bin/env bash
# Tables as people bring them: what was guessed is said, a glance at the summary is enough, and messages say what to type.
. "$(dirname "$0")/../lib.sh" "$@"
printf 'rooms;year;kind;price\n3;1990;flat;250000,50\n4;2001;house;310000,00\n2;1975;flat;180000,25\n' >houses.csv
import() { gdtrain data import csv "$@" --out t.h5; }
expect 0 '^note: delimiter ";": 4 fields in every line .else --delimiter.$' import houses.csv --categorical one-hot
expect 0 '^note: decimal sign ",", as in "250000,50" in line 2 .else --decimal \..$' import houses.csv --categorical one-hot
expect 0 '^note: line 1 holds names: text stands over numbers .else --header false.$' import houses.csv --categorical one-hot
expect 4 'error: houses.csv:2:3: column 2 .kind. holds "flat", not a number, and all its cells are text: --categorical one-hot' import houses.csv

# The summary: after the import, and again from the file, in 80 columns.
import houses.csv --categorical one-hot --drop year >once.txt 2>/dev/null || fail "import"
gdtrain data info t.h5 >again.txt
cmp <(sed 1d once.txt) <(sed 1d again.txt) || fail "data info prints another summary"
[ "$(wc -L <again.txt)" -le 80 ] || fail "the summary is wider than 80 columns"
expect 0 '^kind +feature one-hot +0 +2$' cat again.txt
expect 0 '^price +target +number +0 +180000 +246667 +310000 +3$' cat again.txt
expect 0 '^year +dropped' cat again.txt
expect 0 '^columns *rooms, kind=flat, kind=house$' cat again.txt

# From a pipe, packed, and in the encoding of Windows.
for text in plain packed; do
  if [ $text = packed ]; then gzip -c houses.csv; else cat houses.csv; fi | import - --categorical one-hot --drop year 2>/dev/null |
    sed 1d | cmp - <(sed 1d once.txt) || fail "a $text table from standard input"
done
printf 'x,y\n1,Z\xfcrich\n2,Bern\n' >latin.csv
expect 0 '^y *labels, 2 classes: Bern Zürich$' import latin.csv
expect 0 '^note: encoding ISO-8859-1: it is not UTF-8 .else --encoding.$' import latin.csv

# What can be read in two ways is asked for, and options that are wrong are said with what is right.
printf '1.5;2\n2,5;3\n' >both.csv
expect 4 'error: both.csv:2:1: column 0 holds "2,5", not a number, as 1 of 2 cells are: --decimal , if the comma' import both.csv
expect 2 'error: --drop: no column "yaer", did you mean "year"\?: 4 columns' import houses.csv --drop yaer
expect 2 'error: --categorical "kind": one-hot or index' import houses.csv --categorical kind
expect 2 'error: --dates "yes": number or drop' import houses.csv --dates yes
expect 2 'error: --delimiter ";;": one character, or tab' import houses.csv --delimiter ";;"
expect 4 'error: houses.csv: not an HDF5 file; "gdtrain data import csv houses.csv --out DATA.h5" makes one of it' gdtrain --data houses.csv --model linear:1
printf 'a,b\n' >names.csv
expect 4 'error: names.csv: nothing follows the header' import names.csv
head -c 3000 "$bin/gdtrain" >program.csv
expect 4 'error: program.csv:[0-9]+: a NUL byte: this is no text' import program.csv

# Data to predict on get the categories of those that were trained on.
import houses.csv --categorical one-hot --drop year 2>/dev/null >/dev/null && mv t.h5 train.h5
printf 'kind,rooms\nflat,2\nflat,3\n' >new.csv
expect 0 "^folder *run" gdtrain --data train.h5 --model linear:1 --standardize --steps 1 --plots false --out run
import new.csv --target none --categorical one-hot >/dev/null 2>&1 && mv t.h5 new.h5
expect 4 'error: new.h5: the model was trained on 3 columns; of these the file lacks kind=house. .*--like' gdtrain predict run --data new.h5 --out p.csv
import new.csv --target none --categorical one-hot --like train.h5 >/dev/null 2>&1 && mv t.h5 new.h5
gdtrain predict run --data new.h5 --out p.csv 2>/dev/null || fail "predictions with the categories of the training data"
equal "$(wc -l <p.csv)" 3 "lines of predictions"
finish
