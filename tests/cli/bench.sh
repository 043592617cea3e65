#!/usr/bin/env bash
# The products that bench compares a step with are those that the step recorded: in branches, in bodies that are recomputed,
# of shared weights, and of layers that need fewer because they are frozen or see only data.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 300 --out g.h5 >/dev/null || fail "data"
# products FLOPS MODEL options...: time times speed of the bare products, within the digits that are printed
products() {
  local flops=$1 model=$2 found
  shift 2
  gdtrain bench --data g.h5 --model "$model" --batch-size 100 --micro-batch 20 --steps 3 "$@" >out.txt 2>&1 || { fail "$model"; tail -3 out.txt; }
  found=$(awk '$1 == "products" { print 1e-6 * $2 * 1e9 * $5 }' out.txt)
  awk -v a="$found" -v b="$flops" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 <= (0.03 * b) ^ 2) }' || fail "$model: $found floating-point operations, not $flops"
}
first=$((2 * 784 * 128)) inner=$((2 * 128 * 128)) last=$((2 * 128 * 10)) # of a sample, forward
products $((100 * (2 * first + 3 * last))) "linear:128 relu linear:10"
products $((100 * (2 * first + 6 * inner + 3 * last))) "[linear: 128, {residual: [{linear: 128}, relu, {linear: 128}]}, layer_norm, {linear: 10}]"
products $((100 * (2 * first + 6 * inner + 3 * last))) "[linear: 128, {repeat: {times: 2, recompute: true, body: [{linear: 128}, tanh]}}, {linear: 10}]"
products $((100 * (2 * first + 6 * inner + 3 * last))) \
  "[linear: 128, relu, {linear: {out_features: 128, name: a}}, {linear: {out_features: 128, share: a.weight}}, {linear: 10}]"
products $((100 * (2 * first + 2 * inner + 3 * last))) "linear:128 relu linear:128 linear:10" --freeze "2.*"
finish
