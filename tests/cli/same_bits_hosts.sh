#!/usr/bin/env bash
# The same bits across hosts, each with a network address of its own, as on one rank.
. "$(dirname "$0")/../lib.sh" "$@"
. "$source_dir/tests/hosts.sh"
need_hosts
some_images
gdtrain data make glyphs --n 53 --out few.h5 >/dev/null || fail "data"
yaml=$source_dir/tests/cli/same_bits.yaml

# across HOSTS RANKS_PER_HOST name options...: compared with one rank alone
across() {
  local hosts=$1 ranks=$2 name=$3
  shift 3
  [ -e "$name.digest" ] || {
    gdtrain "$yaml" --data images.h5 --out "$name" "$@" >out.txt 2>&1 || { fail "$name alone"; cat out.txt; }
    digest "$name" >"$name.digest"
  }
  on_hosts "$ranks" gdtrain "$yaml" --data "$work/images.h5" --out "$work/$name-$hosts-$ranks" "$@" >out.txt 2>&1 ||
    { fail "$name on $hosts hosts"; tail -5 out.txt; }
  grep samples.s out.txt | tail -1
  grep -E "ranks  .*on $hosts hosts" out.txt || { fail "these were not $hosts hosts"; cat out.txt; }
  equal "$(digest "$name-$hosts-$ranks")" "$(cat "$name.digest")" "digest of $name on $hosts hosts of $ranks ranks"
}
for hosts in 2 3; do
  make_hosts $hosts
  across $hosts 2 sgd
  across $hosts 2 adam --optimizer adam --lr 0.002 --momentum 0
  across $hosts 1 short --steps 100 # groups of one: messages alone
  [ $hosts = 2 ] && across 2 2 convnet --data "$work/few.h5" --model "[{avg_pool2d: 4}, resnet20]" --augment "crop:4 flip" --batch-size 20 \
    --micro-batch 5 --steps 60
  [ "${GD_FULL:-}" ] && across $hosts 3 sgd && across $hosts 2 bf16 --precision bf16 && across $hosts 2 threads --threads 2
  remove_hosts
done
finish
