#!/usr/bin/env bash
# On GPUs too: the number of ranks, how they pass data, recording and where the data lie do not change a bit of the result,
# nor a digit of the losses. Steps whose data are sent are recorded as well: `--cuda-graphs on` fails where they are not.
. "$(dirname "$0")/../lib.sh" "$@"
need_gpus
[ ! "${GDTRAIN_EMULATED_GPUS:-}" ] || [ "$nccl" ] || fail "emulated GPUs without their NCCL"
gdtrain data make glyphs --n 600 --out g.h5 >/dev/null && gdtrain data make glyphs --n 1 --out one.h5 >/dev/null || fail "data"
gdtrain data make linear --n 300 --d 7 --out lines.h5 >/dev/null || fail "data"
cat >run.yaml <<'Y'
data: {train: g.h5}
model: [linear: 40, relu, dropout: 0.2, linear: 10]
batch_size: 257
micro_batch: 32
steps: 13
optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
clip_norm: 1
schedule: {name: sgdr, t0: 0.25, t_mult: 2, eta_min: 0.001}
device: cuda
log_every: 5
plots: false
Y

# train NAME RANKS options...: a run, its digest and its rows without the times
train() {
  local out=$1 ranks=$2
  shift 2
  on "$ranks" gdtrain run.yaml --out "$out" "$@" >"$out.txt" 2>&1 || { fail "$out"; grep error "$out.txt"; }
  grep "not recorded" "$out.txt" && fail "$out: its steps are no CUDA graph"
  { digest "$out"; cut -d, -f1-5,7,8,10-12 "$out/metrics.csv"; } >"$out.result"
  rm -rf "$out"
}

# same WHAT "WAY ..." options...: all as the first. A way: ranks, how they pass data, one letter a setting
blocks="--data.memory stream --cuda-graphs on" stream="$blocks --data.shuffle full" queued="--cuda-graphs off" late="--overlap false"
same() {
  local what=$1 ways=$2 first= way ranks how
  shift 2
  for way in $ways; do
    IFS=- read -r ranks how <<<"$way"
    [[ $how == *nccl* && ! $nccl ]] && continue
    [[ $how == *tuned* ]] && export GDTRAIN_TUNE=update_share=0,gradient_stream=0,node_priority=0
    [[ $how == *columns* ]] && export GDTRAIN_TUNE=cudnn=0
    # shellcheck disable=SC2086,SC2046
    train "$what-$way" "$ranks" "$@" $([[ $how =~ (shm|mpi|nccl) ]] && echo "--transport ${BASH_REMATCH[1]}") \
      $([[ $how == *stream* ]] && echo "$stream") $([[ $how == *blocks* ]] && echo "$blocks") \
      $([[ $how == *queued* ]] && echo "$queued") $([[ $how == *late* ]] && echo "$late") $([[ $how == *traced* ]] && echo "--trace .")
    unset GDTRAIN_TUNE
    first=${first:-$what-$way}
    cmp -s "$first.result" "$what-$way.result" || { fail "$what: $way differs from $first"; diff "$first.result" "$what-$way.result" | head -4; }
  done
  echo "$what $(head -c 16 "$first.result") on $ways"
}

# Gradients leave in several buckets while backward goes on, which neither buckets nor that may change: by default there is
# one. Blocks of norms lie across the borders of these.
many="--bucket-mb 0.001"
same sgd "1 1-queued 1-traced 1-stream 1-stream-queued 2-shm 3-mpi-stream 3-nccl 2-nccl-queued 3-nccl-stream"
same blocks "1 1-queued 1-blocks 2-shm-blocks 3-nccl-blocks" --data.shuffle block # held, but for a GPU in no order that it knows
same ahead "1 1-stream 2-nccl-stream" --steps 22 --log-every 100 # nothing waits for the GPU but what must
same sgd-many "1 1-late 1-tuned 2-shm 2-mpi 2-nccl 3-nccl 4-nccl 3-nccl-queued 3-nccl-late 2-nccl-stream" $many
same adam "1 1-tuned 2-shm 3-nccl 2-nccl-late" --optimizer adam --momentum 0 --lr 0.002 --clip-norm 0 $many
same ema "1 1-queued 2-shm 3-mpi 3-nccl" --optimizer adam --optimizer.amsgrad true --momentum 0 --lr 0.002 --ema 0.9 --val-fraction 0.2 --eval-every 4 $many
same swa "1 2-shm 2-nccl" --swa.every "2 steps" --swa.start 0.5 --precision bf16 --val-fraction 0.2 --eval-every 4 --clip-norm 0 $many
same cycle "1 1-queued 2-shm 2-nccl" --schedule one_cycle --schedule.cycle-momentum true
same lars "1 2-shm 2-nccl 3-nccl" --optimizer lars $many
same bf16 "1 1-stream 2-shm 2-nccl 3-nccl-queued 3-nccl-stream" --precision bf16 --clip-norm 0 $many
same rounded "1 1-queued 1-stream 1-tuned 2-mpi 3-nccl" --precision bf16 --clip-norm 0 $many \
  --model "linear:64 relu linear:48 gelu linear:33 tanh linear:10"
conv=(--model "conv2d:out_channels=4,kernel_size=3,stride=2 relu conv2d:out_channels=4,kernel_size=3,groups=4 conv2d:out_channels=6,kernel_size=1 flatten linear:10" --steps 5)
same conv "1 1-queued 1-late 1-tuned 2-shm 3-nccl" "${conv[@]}" $many
same conv-bf16 "1 1-queued 2-nccl" "${conv[@]}" --precision bf16
same columns "1-columns 1-columns-late 2-nccl-columns" "${conv[@]}" $many # where there is no cuDNN
same columns-bf16 "1-columns 2-nccl-columns-queued" "${conv[@]}" --precision bf16
resnet=(--model "[{avg_pool2d: 4}, {resnet20: {shortcut: conv}}]" --batch-size 20 --micro-batch 5 --steps 3 --augment "crop:4 flip" --clip-norm 0)
same resnet "1 1-queued 2-nccl 2-nccl-queued" "${resnet[@]}"
same resnet-columns "1-columns-queued 2-nccl-columns" "${resnet[@]}"
same resnet-bf16 "1-queued 2-nccl" "${resnet[@]}" --precision bf16
same tf32 "1 1-queued" --precision tf32
same data "1 1-stream 2-nccl 2-nccl-stream" --standardize true --val-fraction 0.2 --data.sampler replacement --eval-every 4
same augmented "1 1-queued 1-stream 2-shm 3-nccl" --augment "crop:3 flip affine:10 random_erasing mixup cutmix"
same balanced "1 1-stream 2-shm 2-nccl" --data.sampler balanced
awk -v OFS=, 'BEGIN { srand(3); print "a,b,w,y"; for (i = 0; i < 300; i++) print rand(), rand(), int(3 * rand()), i % 3 }' >w.csv
gdtrain data import csv w.csv --classes --weight w --out w.h5 >/dev/null 2>&1 && gdtrain data import csv w.csv --weight w --out wl.h5 >/dev/null 2>&1 || fail "data"
weighted=(--val-fraction 0.2 --eval-every 4 --batch-size 70 --micro-batch 16)
same weighted "1 1-queued 1-stream 2-shm 3-nccl 3-nccl-stream" --data w.h5 "${weighted[@]}" --label-smoothing 0.1
same weighted-mse "1 1-stream 2-nccl" --data wl.h5 "${weighted[@]}" --model "linear:8 tanh linear:1" --loss mse
same noise "1 2-shm 3-nccl" --noise-scale true $many
same idle "1 3-nccl 4-nccl 1-stream 3-nccl-stream 4-nccl-stream" --micro-batch 200 $many
same nothing "1 4-nccl 1-stream 4-nccl-stream" --micro-batch 257 --clip-norm 0 $many
deep=(--model "linear:40 relu linear:30 gelu linear:20 tanh linear:10" --clip-norm 0 $many)
same deep "1 1-late 1-queued 2-shm 3-mpi 2-mpi-queued 3-nccl 2-nccl-queued" "${deep[@]}"
same wide "1 2-shm 2-mpi" --model "linear:800 relu linear:800 relu linear:10" --steps 3 --clip-norm 0 # slices of several pieces
same saved "1 2-nccl" --checkpoint-every 3 --eval-every 7 --val-fraction 0.1 --on-nan skip --audit-every 4
same leaves "1 3-nccl 4-nccl" --batch-size 70 --micro-batch 1 --steps 9 --clip-norm 0 $many
same one "1 3-nccl 1-stream" --data one.h5 --steps 9 --model linear:10
same fp64 "1 2-nccl 1-stream 3-nccl-stream" --data lines.h5 --standardize true --standardize-targets true --precision fp64 --model "linear:16 gelu linear:1" --loss huber --lr 0.01 --batch-size 64 --micro-batch 16
for other in adam-1 lars-1 bf16-1 tf32-1 data-1 idle-1; do
  cmp -s sgd-1.result $other.result && fail "$other is as sgd-1: what was compared?"
done
cmp -s sgd-1.result sgd-many-1.result || fail "buckets change the bits"
[ ! "$nccl" ] || { train allreduce-a 2 "${deep[@]}" --sync allreduce $nccl; train allreduce-b 2 "${deep[@]}" --sync allreduce $nccl --cuda-graphs off --overlap false; }
[ ! "$nccl" ] || cmp -s allreduce-a.result allreduce-b.result || fail "allreduce does not repeat itself"
for width in 1 2 12 13; do # small windows next to each other, each of which is pinned
  train small-$width 2 --model "linear:$width relu linear:10" --momentum 0 --sync allreduce --transport shm
done

# micro_batch: auto is larger than on CPUs, and does not follow the number of ranks while each has work.
train auto-1 1 --batch-size full --micro-batch auto
train auto-2 2 --batch-size full --micro-batch auto --transport shm
grep -q "600 = 1 micro-batch of 600" auto-1.txt || fail "micro_batch: auto on a GPU"
grep -q "micro_batch: auto chose 300" auto-2.txt || fail "a micro-batch for every rank is not announced"
[ "${GDTRAIN_EMULATED_GPUS:-}" ] || { finish; exit; }

# Whatever the order of threads, and whenever queued work runs.
train forward 1
for order in reverse random:7; do
  GDTRAIN_EMULATED_ORDER=$order train "$order" 1
  cmp -s forward.result "$order.result" || fail "the order of threads ($order) changes the bits"
  GDTRAIN_EMULATED_ORDER=$order train "deep-$order" 1 "${deep[@]}"
  cmp -s deep-1.result "deep-$order.result" || fail "the order of threads and branches ($order) changes the bits of a deep model"
done
GDTRAIN_EMULATED_STREAMS=eager train eager 2 $nccl $stream
cmp -s forward.result eager.result || fail "streams that run at once change the bits"
finish
