#!/usr/bin/env bash
# Images from a folder to a trained model: imported with their validation part, which is used unasked, and shown as a sheet.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 400 --out glyphs.h5 >/dev/null || { fail "data"; finish; }
gdtrain data show glyphs.h5 --out sheet.png >out.txt 2>&1 || { grep -q "no libpng" out.txt && skip "this build has no libpng"; }
[ "$(head -c 8 sheet.png | xxd -p)" = 89504e470d0a1a0a ] || fail "a sheet that is no PNG"
gdtrain data make linear --n 8 --d 2 --out table.h5 >/dev/null
expect 4 'table.h5: its samples are no images' gdtrain data show table.h5 --out t.png
expect 6 'nowhere/t.png: cannot be written' gdtrain data show glyphs.h5 --out nowhere/t.png
# Sheets of different samples are images too.
for part in train test; do
  for class in few many; do
    mkdir -p "photos/$part/$class"
    for seed in 1 2 3; do
      gdtrain data show glyphs.h5 --seed $seed --n $([ $class = few ] && echo 2 || echo 40) --out "photos/$part/$class/$seed.png" || fail "show"
    done
  done
done
expect 4 'test/few/1.png is .* --size' gdtrain data import images photos/ --out photos.h5
expect 0 '^samples   6, and 6 to validate on' gdtrain data import images photos/ --size 16 --out photos.h5
expect 0 '^samples   4, and 4 to validate on' gdtrain data import images photos/ --size 16 --per-class 2 --out few.h5
expect 2 "per_class: '0' is not a whole number of at least 1" gdtrain data import images photos/ --size 16 --per-class 0 --out few.h5
gdtrain --data photos.h5 --model "linear:2" --steps 3 --out run >out.txt 2>&1 || { fail "training"; cat out.txt; }
grep -q 'x_val and y_val are taken' out.txt || fail "the validation part of the file is used without a word"
at_least "$(last run val.accuracy)" 0 "validation on x_val"
# Kept encoded: the same samples, decoded while training, on any number of ranks and threads.
expect 0 '^encoded .* decoded as they are needed' gdtrain data import images photos/ --size 16 --keep-encoded --out encoded.h5
encoded() { # ranks, folder, more options
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain --model "linear:2" --batch-size 4 --micro-batch 1 --steps 6 --standardize --shuffle full --plots false --out "$out" "$@" >"$out.txt" 2>&1 ||
    { fail "$out"; cat "$out.txt"; }
}
encoded 1 plain --data photos.h5
encoded 2 kept --data encoded.h5 --threads 2
equal "$(digest kept)" "$(digest plain)" "kept encoded, or unpacked"
encoded 1 crops1 --data encoded.h5 --augment "resized_crop flip" --threads 3
encoded 3 crops3 --data encoded.h5 --augment "resized_crop flip" --threads 1
equal "$(digest crops3)" "$(digest crops1)" "windows drawn on 3 ranks"
[ "$(digest crops1)" != "$(digest kept)" ] || fail "resized_crop changes nothing"
encoded 1 smaller --data photos.h5 --data.size 12 --augment resized_crop
encoded 2 smaller2 --data photos.h5 --data.size 12 --augment resized_crop --threads 2
equal "$(digest smaller2)" "$(digest smaller)" "windows of images that are not encoded"
gdtrain eval smaller --data encoded.h5 >out.txt 2>&1 || { fail "eval at another size"; cat out.txt; }
equal "$(gdtrain eval plain --data encoded.h5 | grep loss)" "$(gdtrain eval plain --data photos.h5 | grep loss)" "eval of encoded images"
gdtrain predict kept --data encoded.h5 --out p.csv >/dev/null && [ "$(wc -l <p.csv)" = 7 ] || fail "predict on encoded images"
gdtrain data show encoded.h5 --augment "resized_crop" --out shown.png || fail "a sheet of encoded images"

# What is no image, or no folder of a class, is told in one line and leaves no file.
mkdir -p empty/a empty/b torn/a
cp photos/train/few/1.png empty/a/
expect 4 "error: empty: .*b: a class folder without an image" gdtrain data import images empty --out bad.h5
head -c 300 photos/train/few/1.png >torn/a/1.png
expect 4 "error: torn: it holds no image that can be read; left out: a/1.png: damaged PNG" gdtrain data import images torn --out bad.h5
cp photos/train/few/1.png torn/a/2.png
expect 0 "^samples   1$" gdtrain data import images torn --out torn.h5
expect 0 "warning: left out: a/1.png: damaged PNG" gdtrain data import images torn --out torn.h5
[ ! -e bad.h5 ] || fail "an import that failed leaves its file"
# Images of one pixel are images: padded they can be convolved, and one alone has no variance.
gdtrain data import images photos/ --size 1 --out pixel.h5 >/dev/null 2>&1 || fail "images of one pixel"
convnet() { gdtrain --data pixel.h5 --plots false --out "$1" --model "$2" --steps 2 "${@:3}"; }
expect 2 "error: .*a kernel that spans 3 does not fit into images 1 high" convnet p1 "conv2d:out_channels=4,kernel_size=3 linear:2"
expect 2 "error: .*leaves one of a single sample, which has no variance" convnet p2 "[{conv2d: {out_channels: 4, kernel_size: 1}}, batch_norm, {linear: 2}]" --batch-size 1
expect 0 "folder *p3" convnet p3 "[{conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}, batch_norm, relu, {linear: 2}]"
expect 0 "folder *p4" convnet p4 resnet20
finish
