#!/usr/bin/env bash
# A hundred steps on a GPU are those of a CPU but for the rounding of sums, and what was trained on the one is used on the
# other. Sums of products have up to 784 terms in another order, so one is off by u sqrt(784), u the unit roundoff: 3e-15 in
# fp64, 2e-6 in fp32. Clipped steps of this size do not amplify it more than 30-fold in a hundred. In bf16 an activation
# whose fp32 sum is off may round to its neighbour, 2^-8 away.
. "$(dirname "$0")/../lib.sh" "$@"
need_gpus
gdtrain data make glyphs --n 600 --out g.h5 >/dev/null || fail "data"

train() { # folder ranks options...
  on "$2" gdtrain --data g.h5 --model "linear:40 relu dropout:0.2 linear:10" --batch-size 100 --micro-batch 32 --steps 100 --lr 0.05 \
    --momentum 0.9 --clip-norm 1 --val-fraction 0.2 --noise-scale true --log-every 5 --eval-every 20 --plots false --out "$1" "${@:3}" >out.txt 2>&1 ||
    { fail "$*"; tail -3 out.txt; }
}
# columns A B N TOLERANCE: the largest relative difference of column N in two metrics.csv; NaN and missing rows fail
columns() {
  local worst
  worst=$(paste -d, "$1/metrics.csv" "$2/metrics.csv" | awk -F, -v n="$3" -v t="$4" 'NR > 1 && $n != "" {
    d = ($n - $(n + 12)) / $n; if (d < 0) d = -d; if (!($n ~ /^[-+0-9.e]+$/ && $(n + 12) ~ /^[-+0-9.e]+$/ && d <= t)) bad = 1
    if (d > m) m = d; rows++ } END { print (bad || !rows ? "FAIL" : "ok"), m, rows }')
  echo "$2, column $3: off by ${worst#* } rows"
  [ "${worst%% *}" = ok ] || fail "$2: column $3 is not within $4 of $1's"
}
for precision in fp64:1e-13 fp32:6e-5 bf16:1.2e-1; do
  tolerance=${precision#*:} precision=${precision%:*}
  train "cpu-$precision" 1 --device cpu --precision "$precision"
  train "gpu-$precision" 1 --device cuda --precision "$precision"
  for column in 3 5 7 11 12; do columns "cpu-$precision" "gpu-$precision" $column "$tolerance"; done
done

# A convnet amplifies more than that.
for device in cpu cuda; do
  gdtrain --data g.h5 --model "[{avg_pool2d: 4}, {resnet20: {shortcut: conv}}]" --batch-size 20 --micro-batch 5 --steps 3 --lr 0.1 --log-every 1 \
    --device $device --plots false --out "resnet-$device" >out.txt 2>&1 || { fail "resnet20 on $device"; tail -3 out.txt; }
done
within "$(last resnet-cuda train.loss)" "$(last resnet-cpu train.loss)" 1e-4 "loss of resnet20 after 3 steps"

# The same weights: the same loss, as many right, the same predictions.
for device in cpu cuda; do
  gdtrain eval gpu-fp32 --data g.h5 --device $device >eval-$device.txt || fail "eval on $device"
  gdtrain predict gpu-fp32 --data g.h5 --device $device --out predicted-$device.csv >/dev/null || fail "predict on $device"
done
on 2 gdtrain eval gpu-fp32 --data g.h5 --device cuda 2>/dev/null >eval-2.txt || fail "eval on 2 ranks"
cmp -s eval-cuda.txt eval-2.txt || fail "2 ranks evaluate other bits"
within "$(awk '/loss/ { print $2 }' eval-cuda.txt)" "$(awk '/loss/ { print $2 }' eval-cpu.txt)" 1e-6 "loss of eval"
equal "$(grep accuracy eval-cuda.txt)" "$(grep accuracy eval-cpu.txt)" "accuracy of eval"
paste -d, predicted-cpu.csv predicted-cuda.csv | awk -F, 'NR > 1 { n++; if ($1 != $12) bad++; for (i = 2; i <= 11; i++) {
  d = $i - $(i + 11); if (!(d < 1e-5 && d > -1e-5)) bad++ } } END { exit !(n == 600 && !bad) }' || fail "predictions differ"

# The commands that train by themselves.
for ranks in 1 3; do
  on $ranks gdtrain verify --data g.h5 --model "linear:12 relu dropout:0.2 linear:10" --batch-size 200 --micro-batch 32 --device cuda --progress none \
    >out.txt 2>&1 || { fail "verify on $ranks"; cat out.txt; }
  equal "$(grep -cE '^[a-z -]+ (PASS|SKIP)  .' out.txt)" 9 "checks on $ranks ranks"
done
on 2 gdtrain compare --data g.h5 --val-fraction 0.2 --model linear:10 --batch-sizes full,16 --target-loss 1.5 --lr 0.2 --max-epochs 4 --noise-scale true --device cuda --plots false --progress none \
  --out compared >out.txt 2>&1 || { fail "compare"; tail -3 out.txt; }
expect 0 "^step  +[0-9.]+ [mu]s" gdtrain bench --data g.h5 --model linear:10 --batch-size 64 --steps 8 --device cuda
finish
