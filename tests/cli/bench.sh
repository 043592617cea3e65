#!/usr/bin/env bash
# The products that bench compares a step with are those that the step recorded: in branches, in bodies that are recomputed,
# of shared weights, and of layers that need fewer because they are frozen or see only data. The table by layer has each of them.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 300 --out g.h5 >/dev/null || fail "data"
# products FLOPS MODEL options...: time times speed of the bare products, within the digits that are printed
products() {
  local flops=$1 model=$2 found
  shift 2
  gdtrain bench --data g.h5 --model "$model" --batch-size 100 --micro-batch 20 --steps 3 "$@" >out.txt 2>&1 || { fail "$model"; tail -3 out.txt; }
  found=$(awk '$1 == "products" { print 1e-6 * $2 * 1e9 * $5 }' out.txt)
  awk -v a="$found" -v b="$flops" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 <= (0.03 * b) ^ 2) }' || fail "$model: $found floating-point operations, not $flops"
  awk '$1 == "products" { all = $2 } $1 == "sum" && NF == 7 { sum = $3 + $5 + $6 } END { exit !(all > 0 && (all - sum) ^ 2 <= 0.1) }' out.txt ||
    { fail "$model: the layers' products are not all products"; cat out.txt; }
}
# bare LAYER FORWARD DATA WEIGHTS: 1 where the last table has a time, 0 where it has a dash
bare() {
  local found
  found=$(awk -v l="$1" '$1 == l && NF >= 7 { print $1, ($(NF - 4) > 0) + 0, ($(NF - 2) > 0) + 0, ($(NF - 1) > 0) + 0 }' out.txt)
  equal "$found" "$*" "bare passes of $1"
}
first=$((2 * 784 * 128)) inner=$((2 * 128 * 128)) last=$((2 * 128 * 10)) # of a sample, forward
products $((100 * (2 * first + 3 * last))) "linear:128 relu linear:10"
products $((100 * (2 * first + 6 * inner + 3 * last))) "[linear: 128, {residual: [{linear: 128}, relu, {linear: 128}]}, layer_norm, {linear: 10}]"
products $((100 * (2 * first + 6 * inner + 3 * last))) "[linear: 128, {repeat: {times: 2, recompute: true, body: [{linear: 128}, tanh]}}, {linear: 10}]"
products $((100 * (2 * first + 6 * inner + 3 * last))) \
  "[linear: 128, relu, {linear: {out_features: 128, name: a}}, {linear: {out_features: 128, share: a.weight}}, {linear: 10}]"
products $((100 * (2 * first + 2 * inner + 3 * last))) "linear:128 relu linear:128 linear:10" --freeze "2.*"
bare 0 1 0 1
bare 2 1 1 0
bare 3 1 1 1
# Convolutions are those of the library: what they take is that of no product. Products in branches and strides count once.
small=$((2 * 28 * 28 * 8 * 9)) grouped=$((2 * 14 * 14 * 8 * 2 * 9)) head=$((2 * 8 * 10))
products $((100 * (2 * small + 3 * grouped + 3 * head))) "[{conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}, {residual: {body: [batch_norm, relu]}}, \
  {conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1, groups: 4}}, global_avg_pool, {linear: 10}]"
bare 0 1 0 1
bare 1.body.0 0 0 0
bare 2 1 1 1
bare 4 1 1 1
bare loss 0 0 0
strided=$((2 * 14 * 14 * 4 * 9)) transposed=$((2 * 14 * 14 * 4 * 3 * 9)) wide=$((2 * 16 * 16 * 3 * 10))
products $((100 * (2 * strided + 3 * transposed + 3 * wide))) \
  "[{conv2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}}, {conv_transpose2d: {out_channels: 3, kernel_size: 3}}, {linear: 10}]" --precision fp64
finish
