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
gdtrain --data photos.h5 --model "linear:2" --steps 3 --out run >out.txt 2>&1 || { fail "training"; cat out.txt; }
grep -q 'x_val and y_val are taken' out.txt || fail "the validation part of the file is used without a word"
at_least "$(last run val.accuracy)" 0 "validation on x_val"
finish
