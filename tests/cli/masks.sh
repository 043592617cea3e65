#!/usr/bin/env bash
# Pictures to pictures: a U-Net learns a class for each pixel, with the same bits on any number of ranks and threads, augmented and
# resumed; masks are predicted, judged and drawn; what does not fit is one clear error.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make shapes --n 90 --d 16 --out shapes.h5 >out.txt 2>&1 || { fail "data"; cat out.txt; finish; }
expect 0 "^y +labels \[16, 16\] each, 4 classes: background circle square triangle$" gdtrain data info shapes.h5
net="unet:num_classes=4,width=4,depth=2"
run() { # ranks, folder, more options
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain --data shapes.h5 --val-fraction 0.2 --model "$net" --augment "crop:2 flip affine:10 cutout:4" --class-weights auto \
    --label-smoothing 0.05 --batch-size 24 --micro-batch 6 --steps 7 --optimizer adam --lr 0.01 --plots false --out "$out" "$@" >"$out.txt" 2>&1 ||
    { fail "$out"; cat "$out.txt"; }
}
run 1 one --threads 1
expected=$(digest one)
run 1 threads --threads 2
equal "$(digest threads)" "$expected" "2 threads"
run 2 two --threads 1 --data.memory stream --data.shuffle full
equal "$(digest two)" "$expected" "2 ranks, streamed"
run 3 three --threads 2
equal "$(digest three)" "$expected" "3 ranks, 2 threads"
equal "$(last three val.loss)" "$(last one val.loss)" "loss of pixels on 3 ranks"
equal "$(last three val.mean_iou)" "$(last one val.mean_iou)" "mean IoU on 3 ranks"
run 2 stopped --threads 1 --checkpoint-every 4 --checkpoint.keep 9
rm stopped/checkpoints/step-00000007.h5
run 3 stopped --threads 1 --resume auto
equal "$(digest stopped)" "$expected" "resumed at step 4 on 3 ranks"

# It learns: nothing but background is an IoU of less than a quarter.
gdtrain --data shapes.h5 --val-data shapes.h5 --model "$net" --batch-size 15 --epochs 25 --optimizer adam --lr 0.02 --schedule cosine --plots false \
  --out learned >out.txt 2>&1 || { fail "learning"; cat out.txt; }
at_least "$(last learned val.mean_iou)" 0.3 "mean IoU of what was learned"
expect 0 "^mean_iou +[3-9]" gdtrain eval learned --data shapes.h5
gdtrain predict learned --data shapes.h5 --out masks.npy || fail "masks as .npy"
equal "$(stat -c %s masks.npy)" $((128 + 90 * 16 * 16)) "bytes of 90 masks"
on 2 gdtrain predict learned --data shapes.h5 --out masks2.npy && cmp masks.npy masks2.npy || fail "masks on 2 ranks"
gdtrain predict learned --data shapes.h5 --out masks.h5 || fail "masks as .h5"
expect 2 "error: --out masks.csv: .* are written as .h5 or .npy" gdtrain predict learned --data shapes.h5 --out masks.csv
gdtrain data show shapes.h5 --out sheet.png --n 8 --augment "flip crop:2" && [ "$(head -c 4 sheet.png | tail -c 3)" = PNG ] || fail "a sheet of masks"
gdtrain export learned --out names.safetensors >/dev/null || fail "export"
for name in inc.double_conv.0.weight down2.maxpool_conv.1.double_conv.4.running_var up1.up.bias up2.conv.double_conv.3.weight outc.conv.bias; do
  grep -aq "\"$name\"" names.safetensors || fail "no $name"
done

# Labels of pixels from NumPy; those that a model predicted are such.
expect 0 "^y +labels \[16, 16\] each, [34] classes" gdtrain data import npy masks.npy masks.npy --out again.h5
# What does not fit.
expect 2 "error: model: its output is \[8, 8, 4\], but the labels of a sample in y of shapes.h5 are \[16, 16\]" gdtrain --data shapes.h5 \
  --model "conv2d:out_channels=4,kernel_size=2,stride=2"
expect 2 "error: model: 3 outputs for each label, but y of shapes.h5 has 4 classes" gdtrain --data shapes.h5 --model "unet:num_classes=3,width=2,depth=1"
expect 2 "error: .*images of 16 x 16 cannot be halved 5 times" gdtrain --data shapes.h5 --model "unet:num_classes=4,width=2,depth=5"
expect 2 "error: augment: mixup mixes the classes of whole images" gdtrain --data shapes.h5 --model "$net" --augment mixup
expect 2 "error: .*sampler: balanced" gdtrain --data shapes.h5 --model "$net" --data.sampler balanced
gdtrain data make glyphs --n 20 --out glyphs.h5 >/dev/null
expect 2 "error: model: its output is \[28, 28, 10\], but y of glyphs.h5 has one label a sample" gdtrain --data glyphs.h5 --model "unet:num_classes=10,width=2,depth=1"
finish
