#!/usr/bin/env bash
# A recipe of recipes/*.yaml, three seeds, the accuracy after the last epoch: fashion at least 92.4 %, mnist 99.2 %, cifar within a point
# of PyTorch's. TORCH=1 trains the same recipe in PyTorch, too (convnets.py), from the same file.
#
#   tests/bench/accuracy.sh FOLDER_WITH_GDTRAIN fashion|mnist|cifar      SEEDS="1 2 3" RANKS=2 TORCH=1; STEPS=20: a trial
. "$(dirname "$0")/../lib.sh" "$@"
here=$source_dir/tests/bench
recipe=${2:?fashion, mnist or cifar}
python=
[ -z "${TORCH:-}" ] || python=$("$here/venv.sh") || exit # which says why
least=0 theirs_less=

case $recipe in
fashion)
  least=0.924 mnist=/usr/share/datasets/fashion-mnist
  gd_install_packages dataset-fashion-mnist || skip "no Fashion-MNIST: Debian's dataset-fashion-mnist cannot be installed"
  ;;
mnist) least=0.992 ;;
cifar)
  theirs_less=0.01
  archive=${GD_CIFAR10:-$source_dir/../shared/data/cifar10/cifar10-jpeg.tar.xz}
  [ -e "$archive" ] || skip "no CIFAR-10 at $archive (GD_CIFAR10: the archive of JPEG files)"
  gdtrain data import images "$archive" --out train.h5 >import.txt 2>&1 || { cat import.txt; exit 1; }
  ;;
*) skip "recipes are fashion, mnist and cifar, not $recipe" ;;
esac
[ "$recipe" = cifar ] || import_mnist
test=$([ -e test.h5 ] && echo test.h5 || echo train.h5)

printf '%-8s %8s %9s %-18s %s\n' "$recipe" gdtrain seconds digest "${python:+ PyTorch  seconds}"
for seed in ${SEEDS:-1 2 3}; do
  began=$SECONDS
  on "${RANKS:-2}" gdtrain "$here/recipes/$recipe.yaml" --data train.h5 $([ $test = test.h5 ] && echo --val-data test.h5) --seed "$seed" \
    ${STEPS:+--steps $STEPS} --plots false --out "seed-$seed" >out.txt 2>&1 || { fail "seed $seed"; tail -5 out.txt; finish; exit 1; }
  ours=$(last "seed-$seed" val.accuracy) line=$(printf 'seed %-3s %8.2f %9d %.16s' "$seed" "$(last "seed-$seed" val.accuracy)e2" $((SECONDS - began)) "$(digest "seed-$seed")")
  began=$SECONDS theirs=
  [ -z "$python" ] || theirs=$(OMP_NUM_THREADS=${RANKS:-2} "$python" "$here/convnets.py" "$recipe" train.h5 $test "$seed" ${STEPS:-}) || fail "PyTorch, seed $seed"
  echo "$line   $([ -z "$theirs" ] || printf '%8.2f %8d' "${theirs}e2" $((SECONDS - began)))"
  echo "$ours $theirs" >>accuracies
done
mean() { awk -v c="$1" '{ s += $c } END { print s / NR }' accuracies; }
printf 'mean     %8.2f %28s %s\n' "$(mean 1)e2" "" "$([ -z "$python" ] || printf '%8.2f' "$(mean 2)e2")"
[ -z "${STEPS:-}" ] || { finish; exit; }
at_least "$(mean 1)" "$least" "mean accuracy"
[ -z "$python" ] || [ -z "$theirs_less" ] || at_least "$(mean 1)" "$(awk -v a="$(mean 2)" -v b=$theirs_less 'BEGIN { print a - b }')" "mean accuracy beside PyTorch's"
finish
