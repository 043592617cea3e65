#!/usr/bin/env bash
# bench --comm measures every size for both ways to synchronise and the three ways to step, on any transport.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 600 --out train.h5 >/dev/null
bench=(gdtrain bench --comm --data train.h5 --model "linear:32 relu linear:10" --batch-size 64 --micro-batch 16 --threads 1 --steps 6)

# measures RANKS HOSTS options...: sizes, bandwidths by their definition, the ways to step
measures() {
  local ranks=$1 hosts=$2 sizes
  shift 2
  GDTRAIN_FAKE_HOSTS=$hosts on "$ranks" "${bench[@]}" --max-mb 1 "$@" >out.txt 2>err.txt || { fail "$ranks ranks, $hosts hosts, $*"; cat err.txt; }
  sizes=$(awk '$4 == "us" && $8 == "us" && $3 > 0 && $7 > 0 { print $1 $2 }' out.txt | paste -sd' ')
  equal "$sizes" "4B 16B 64B 256B 1KB 4KB 16KB 64KB 256KB 1MB" "sizes on $ranks ranks"
  awk -v n="$ranks" '$2 == "MB" && $4 == "us" { a = 1048576 / $3 / 1e3; d = $5 - a; e = a * 2 * (n - 1) / n - $6
    ok = d * d < (0.001 * a + 0.0006) ^ 2 && e * e < (0.001 * a + 0.0012) ^ 2 } END { exit !ok }' out.txt || { fail "bandwidths on $ranks ranks"; cat out.txt; }
  equal "$(grep -cE '^  (no communication|sent after backward|sent during backward) +[0-9.]+ ms' out.txt)" 3 "ways on $ranks ranks"
}
"${bench[@]}" --max-mb 1 >out.txt 2>&1 || fail "one rank alone"
measures 2 1
measures 2 2
measures 3 3 --sync allreduce
expect 2 "max_mb" "${bench[@]}" --max-mb 0
finish
