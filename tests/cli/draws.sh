#!/usr/bin/env bash
# Dropout in bodies that are recomputed, and on rows that are tokens of samples: the same draws on any number of ranks, and
# recomputing changes no bit.
. "$(dirname "$0")/../lib.sh" "$@"
program=$2/faults_running
"$program" data make glyphs --n 300 --out g.h5 >/dev/null || fail "data"
# train OUT RANKS RECOMPUTE options...
train() {
  on "$2" "$program" --data g.h5 --batch-size 75 --micro-batch 10 --steps 8 --lr 0.05 --momentum 0.9 --plots false --out "$1" \
    --model "[{linear: 24}, {repeat: {times: 2, recompute: $3, body: [{dropout: 0.3}, {linear: 24}, tanh]}},
      {tokens: {count: 4, body: [{dropout: 0.3}, {linear: 6}]}}, {linear: 10}]" "${@:4}" >out.txt 2>&1 || { fail "$*"; tail -5 out.txt; }
}
train quiet 1 false
for ranks in 1 2 3; do
  train r$ranks $ranks true
  equal "$(digest r$ranks)" "$(digest quiet)" "digest of $ranks ranks, recomputed"
done
train moved 3 true --steps 5
train moved 2 true --resume auto
equal "$(digest moved)" "$(digest quiet)" "digest of 3 ranks, then 2"
finish
