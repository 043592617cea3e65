#!/usr/bin/env bash
# On a terminal: help within a screen, a progress bar within the line however narrow, results on lines of their own.
. "$(dirname "$0")/../lib.sh" "$@"
for page in "" train data compare eval verify; do
  gdtrain $page --help >help.txt || fail "help $page"
  awk 'length($0) > 80 { wide = 1 } END { exit wide || NR < 5 || NR > 23 }' help.txt || fail "help $page: not 80 columns, 24 lines with the prompt"
done
gdtrain help data | cmp - <(gdtrain data --help) || fail "help data"
gdtrain --help-options | awk 'length($0) > 80 || / $/ { wide = 1 } END { exit wide }' || fail "--help-options: wider than 80 columns, or blanks at an end"

script -qec true /dev/null >/dev/null 2>&1 </dev/null || skip "no script that makes a terminal"
gdtrain data make glyphs --n 3000 --out g.h5 >/dev/null || fail "data"
for ranks in 1 2; do
  for columns in 24 44 100; do
    train="gdtrain --data g.h5 --model 'linear:64 relu linear:10' --epochs 8 --plots false --out run-$ranks-$columns"
    [ $ranks = 1 ] || train="mpirun --oversubscribe -n $ranks $train >/dev/null" # which passes them in any order
    script -qec "stty cols $columns; $train" /dev/null >tty.txt </dev/null || fail "$train"
    tr '\r' '\n' <tty.txt | sed 's/\x1b\[K//g' >lines.txt
    grep -aE 'epoch [0-9.]+  loss' lines.txt >bars.txt || fail "$ranks ranks, $columns columns: no bar"
    awk -v c=$columns 'length($0) >= c { exit 1 }' bars.txt || fail "$ranks ranks: a bar as wide as a terminal of $columns columns"
    [ $ranks = 2 ] || [ "$(grep -ac '^steps  *1' lines.txt)" = 1 ] || { fail "$ranks ranks, $columns columns: results behind the bar"; cat -v tty.txt | tail -9; }
  done
done
grep -aq '\[=* *\] epoch.*samples/s$' bars.txt || fail "a wide terminal has neither bar nor rate"
finish
