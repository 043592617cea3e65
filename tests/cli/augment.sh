#!/usr/bin/env bash
# Augmented training has the same bits on any number of ranks and threads, held or streamed, and through a resume in the
# middle of an epoch on another number of ranks; validation data are as they are.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 500 --out glyphs.h5 >/dev/null || { fail "data"; finish; }
augment="crop:3 flip affine:10 random_erasing"
run() { # ranks, folder, more options
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain --data glyphs.h5 --val-fraction 0.1 --shuffle full --model "linear:32 relu linear:10" --augment "$augment" \
    --batch-size 60 --micro-batch 8 --steps 20 --lr 0.05 --momentum 0.9 --plots false --out "$out" "$@" >"$out.txt" 2>&1 ||
    { fail "$out"; cat "$out.txt"; }
}
run 1 one --threads 1
expected=$(digest one)
run 2 two --threads 2
equal "$(digest two)" "$expected" "2 ranks, 2 threads"
run 3 three --threads 1
equal "$(digest three)" "$expected" "3 ranks"
run 2 streamed --threads 1 --data.memory stream
equal "$(digest streamed)" "$expected" "streamed"
run 2 stopped --threads 1 --checkpoint-every 11 --checkpoint.keep 9
rm stopped/checkpoints/step-00000020.h5
run 3 stopped --threads 2 --resume auto
equal "$(digest stopped)" "$expected" "resumed at step 11, in the middle of an epoch, on 3 ranks"
expect 2 'augment' on 1 gdtrain --resume auto --out stopped --augment flip --steps 30 --data glyphs.h5
augment= run 1 plain --threads 1
[ "$(digest plain)" != "$expected" ] || fail "augmentation changes nothing"
# Pairs are of a micro-batch, which is the same wherever it is computed.
augment="flip mixup:0.4 cutmix:1"
run 1 mixed --threads 1
run 3 mixed3 --threads 2 --data.memory stream
equal "$(digest mixed3)" "$(digest mixed)" "mixed, 3 ranks, streamed"
# Nothing is learned at a rate of 0: validation sees the same images with augmentation and without.
augment="cutout:20" run 2 still --lr 0 --threads 1
augment= run 2 still_plain --lr 0 --threads 1
equal "$(last still val.loss)" "$(last still_plain val.loss)" "validation is not augmented"
[ "$(last still train.loss)" != "$(last still_plain train.loss)" ] || fail "training is not augmented"
finish
