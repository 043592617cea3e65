#!/usr/bin/env bash
# Convnets: the number of ranks and of threads does not change a bit, nor does a kill; what cannot be is told in one line.
. "$(dirname "$0")/../lib.sh" "$@"
some_images
lenet="conv2d:out_channels=6,kernel_size=5,padding=2 relu max_pool2d:2 conv2d:out_channels=16,kernel_size=5 relu max_pool2d:2 \
  flatten linear:120 relu linear:84 relu linear:10"

# same NAME MODEL "RANKS:THREADS ..." options...: all as the first
same() {
  local name=$1 model=$2 runs=$3 run out first=
  shift 3
  for run in $runs; do
    out=$name-$run
    on "${run%:*}" gdtrain --data images.h5 --model "$model" --threads "${run#*:}" --batch-size 150 --micro-batch 20 --lr 0.05 \
      --momentum 0.9 --val-fraction 0.02 --plots false --out "$out" "$@" >"$out.txt" 2>&1 || { fail "$out"; tail -5 "$out.txt"; }
    digest "$out" >"$out.result"
    first=${first:-$out}
    cmp -s "$first.result" "$out.result" || fail "$name: $run (ranks:threads) differs from $first"
  done
}
same lenet "$lenet" "1:1 3:2" --steps 5
# Statistics: of micro-batches, which do not depend on ranks; a short last batch is cut evenly.
same batch_norm "conv2d:out_channels=8,kernel_size=3,padding=1,bias=false batch_norm relu max_pool2d:2 conv2d:out_channels=16,kernel_size=3 \
  batch_norm relu avg_pool2d:2 linear:10" "1:1 2:2" --steps 67
at_least "$(last batch_norm-1:1 val.accuracy)" 0.6 "accuracy with batch norm after 67 steps"
on 2 gdtrain eval batch_norm-1:1 --data images.h5 >eval.txt 2>&1 || { fail "eval"; cat eval.txt; }
at_least "$(awk '/^accuracy/ { print $2 / 100 }' eval.txt)" 0.6 "accuracy by the running statistics"
# Running statistics made anew, on any ranks: here those of the last weights alone, so hardly others.
on 2 gdtrain eval batch_norm-1:1 --data images.h5 --update-bn >anew.txt 2>&1 || { fail "eval --update-bn"; cat anew.txt; }
at_least "$(awk '/^accuracy/ { print $2 / 100 }' anew.txt)" 0.6 "accuracy by statistics made anew"
cmp -s eval.txt anew.txt && fail "--update-bn changes nothing"
gdtrain eval batch_norm-1:1 --data images.h5 --update-bn 2>/dev/null | cmp -s - <(grep -v : anew.txt) || fail "--update-bn on other ranks"
expect 2 "the model has no running statistics" gdtrain eval lenet-1:1 --data images.h5 --update-bn
same fp64 "$lenet" "1:1 3:2" --steps 2 --precision fp64

# The whole recipe of residual networks, small: augmentation, restarts, a last batch of 13 in micro-batches of 7 and 6. Others have 10
# images: more than a convolution takes at once, so that threads share them.
gdtrain data make glyphs --n 113 --out few.h5 >/dev/null || fail "data"
recipe=(--data few.h5 --val-fraction 0 --augment "crop:4 flip" --standardize --batch-size 50 --micro-batch 10 --steps 60 --schedule sgdr
        --schedule.t0 1 --schedule.t_mult 2 --weight-decay 5e-4 --checkpoint-every 5)
resnet="[{avg_pool2d: 5}, {resnet20: {shortcut: conv}}]"
same resnet "$resnet" "1:1 2:1 3:1 5:1 1:2 2:2 3:2 5:2" "${recipe[@]}"
same messages "$resnet" "2:1" "${recipe[@]}" --transport mpi
cmp -s resnet-1:1.result messages-2:1.result || fail "resnet: the transport changes the bits"
# Killed once it has written a checkpoint, on three ranks; it ends on two with the same bits.
again=(gdtrain --model "$resnet" --lr 0.05 --momentum 0.9 --plots false --out killed --resume auto "${recipe[@]}")
mpirun --oversubscribe -n 3 "${again[@]}" --threads 1 >killed.txt 2>&1 &
job=$!
while_runs $job files 1 "killed/checkpoints/step-*.h5"
kill -KILL "$(pgrep -P $job | tail -1)" 2>/dev/null
ended $job
case $? in 137) ;; 0) echo "it ended before it was killed" ;; *) fail "not killed"; tail -3 killed.txt ;; esac
on 2 "${again[@]}" --threads 2 >killed.txt 2>&1 || { fail "after the kill"; tail -3 killed.txt; }
equal "$(digest killed)" "$(cat resnet-1:1.result)" "digest after the kill"

refuses() { expect 2 "$1" gdtrain --data images.h5 --plots false --out bad --model "$2"; }
refuses "a kernel that spans 29 does not fit into images 28 high" "conv2d:out_channels=4,kernel_size=29 linear:10"
refuses "conv2d: 6 input channels cannot be cut into 4 groups" \
  "conv2d:out_channels=6,kernel_size=3 conv2d:out_channels=8,kernel_size=3,groups=4 linear:10"
refuses "padding same keeps the size, which a stride of 2 does not" \
  "conv2d:out_channels=6,kernel_size=3,stride=2,padding=same linear:10"
refuses "padding of 2 must be at most half of the kernel, 3" "max_pool2d:kernel_size=3,padding=2 linear:10"
refuses "conv2d takes images, but its input is \[64\]" "linear:64 conv2d:out_channels=6,kernel_size=3 linear:10"
refuses "kernel_size" "conv2d:6 linear:10"
finish
