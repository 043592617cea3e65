#!/usr/bin/env bash
# Layers of images on GPUs: the same bits on any number of ranks, recorded or not; the CPU's numbers but for the rounding
# of sums; and what was trained there is evaluated alike on both.
. "$(dirname "$0")/../lib.sh" "$@"
need_gpus
gdtrain data make glyphs --n 200 --out g.h5 >/dev/null || fail "data"
cat >run.yaml <<'Y'
data: {train: g.h5}
model: [max_pool2d: 2, batch_norm, relu, zero_pad2d: 1, upsample: 2, {max_pool2d: {kernel_size: 3, stride: 2, padding: 1}},
        reflection_pad2d: 2, {avg_pool2d: {kernel_size: 3, stride: 2}}, {residual: [batch_norm, relu]}, adaptive_avg_pool2d: 5,
        linear: 20, batch_norm, relu, linear: 10]
val_fraction: 0.2
batch_size: 46
micro_batch: 16
steps: 5
optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
device: cuda
log_every: 1
eval_every: 2
plots: false
Y
# run OUT RANKS options...: its digest and its rows without the times
run() {
  on "$2" gdtrain run.yaml --out "$1" "${@:3}" >out.txt 2>&1 || { fail "$*"; tail -3 out.txt; }
  { digest "$1"; cut -d, -f1-5,7,8 "$1/metrics.csv"; } >"$1.result"
}
for precision in fp32 fp64; do
  run one 1 --precision $precision
  for way in "1 --cuda-graphs off" "2 --transport shm" "3 --transport mpi --cuda-graphs off" ${nccl:+"2 $nccl"}; do
    # shellcheck disable=SC2086
    run other ${way%% *} --precision $precision ${way#* }
    cmp -s one.result other.result || { fail "$precision: $way"; diff one.result other.result | head -4; }
    rm -rf other
  done
  run cpu 1 --precision $precision --device cpu
  tolerance=$([ $precision = fp64 ] && echo 1e-12 || echo 1e-5)
  for column in train.loss val.loss; do within "$(last one $column)" "$(last cpu $column)" "$tolerance" "$precision: $column on a GPU and on a CPU"; done
  for device in cpu cuda; do gdtrain eval one --data g.h5 --device $device >eval-$device.txt || fail "eval on $device"; done
  within "$(awk '/loss/ { print $2 }' eval-cuda.txt)" "$(awk '/loss/ { print $2 }' eval-cpu.txt)" 1e-6 "loss of eval"
  rm -rf one cpu
done
finish
