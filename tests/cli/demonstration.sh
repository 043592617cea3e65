#!/usr/bin/env bash
# `mpirun -n 8 gdtrain` without arguments learns to read drawn digits; a linear model stays behind.
. "$(dirname "$0")/../lib.sh" "$@"
on 8 gdtrain --out mlp >out.txt 2>&1 || { fail "the demonstration"; cat out.txt; }
on 8 gdtrain --out linear --model linear:10 >out.txt 2>&1 || { fail "the linear model"; cat out.txt; }
mlp=$(last mlp val.accuracy) linear=$(last linear val.accuracy)
echo "accuracy on unseen glyphs: network $mlp, linear model $linear"
at_least "$mlp" 0.97 "accuracy of the network"
at_least "$(awk "BEGIN { print $mlp - $linear }")" 0.03 "distance to the linear model"
for f in config.yaml metrics.csv summary.json log.txt; do [ -s mlp/$f ] || fail "no $f in the run folder"; done
if command -v gnuplot >/dev/null; then for f in loss.svg loss.png; do [ -s mlp/$f ] || fail "no $f"; done; fi
finish
