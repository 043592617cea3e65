#!/usr/bin/env bash
# A study of batch sizes against theory: the noisy quadratic of datasets/README.md, whose S_min and E_min are known. Three
# regimes, slope -1 within 5 % at small batch, flat at large batch, and a fit within 10 % of both. 7 minutes of processor time.
#
#   tests/bench/quadratic.sh FOLDER_WITH_GDTRAIN     (RANKS=2 SEEDS=3 OUT=folder that remembers)
. "$(dirname "$0")/../lib.sh" "$@"
condition=10 noise=0.03 target=1e-5
out=${OUT:-$work/study}

# S_min and E_min, from the formulas of datasets/README.md.
theory() {
  awk -v c="$condition" -v s="$noise" -v e="$target" 'BEGIN {
    l = 1 / c; p = 100 + l / 3; q = 1 / 3; best = 1e9
    for (a = 1; a < 2; a += 1e-4) {
      u = p + q
      for (t = 1; t <= best + 1; t++) {
        v = p * (1 - a * l) ^ (2 * t) + q * (1 - a) ^ (2 * t)
        if (v < e) { at = t - 1 + (u - e) / (u - v); if (at < best) best = at; break }
        u = v
      }
    }
    low = 0; high = 1
    for (i = 0; i < 100; i++) {
      y = (low + high) / 2
      if (y == 1 || y / (1 - y) + log(1 - y) > log(p / e)) high = y; else low = y
    }
    printf "%.8g %.8g\n", best, (c + 1) * s * s / (4 * e * (1 - y))
  }'
}

gdtrain data make quadratic --condition $condition --noise $noise --n 4096 --out quadratic.h5 >/dev/null &&
  gdtrain data make quadratic --condition $condition --noise 0 --n 2 --out excess.h5 >/dev/null || { fail "data"; finish; }
mpirun --oversubscribe --bind-to none -n "${RANKS:-2}" gdtrain compare --data quadratic.h5 --val-data excess.h5 \
  --model linear:1024 --sampler replacement --batch-sizes full,1024,256,128,64,32,16,8,4,2,1 --lr-grid 7.93:1015:50 \
  --target-loss $target --max-updates 200 --max-epochs 2 --seeds "${SEEDS:-3}" --plots false \
  --out "$out" >study.txt 2>&1 || { fail "study"; tail -5 study.txt; finish; }
sed -n '/^ *batch  *rate/,/noise scale at the target/p' study.txt

read -r s_theory e_theory < <(theory)
read -r s s_lo s_hi < <(awk '$1 == "S_min" { gsub(/[][,]/, ""); print $2, $3, $4 }' study.txt)
read -r e e_lo e_hi < <(awk '$1 == "E_min" { gsub(/[][,]/, ""); print $2, $3, $4 }' study.txt)
# Of log updates over log batch, from a batch to four times that.
slope() { awk -F, -v a="$1" '$1 == a { x = $7 } $1 == 4 * a { y = $7 } END { printf "%.3f\n", log(y / x) / log(4) }' "$out/compare.csv"; }
small=$(slope 1) large=$(slope 1024)

echo
line() {
  awk -v n="$1" -v m="$2" -v t="$3" -v lo="$4" -v hi="$5" 'BEGIN {
    printf "%s  measured %-8s theory %-8.4g %+.1f %%   the interval [%s, %s] %s\n", n, m, t, 100 * (m / t - 1), lo, hi,
      lo <= t && t <= hi ? "holds it" : "does not hold it" }'
}
line S_min "$s" "$s_theory" "$s_lo" "$s_hi"
line E_min "$e" "$e_theory" "$e_lo" "$e_hi"
echo "slope  $small from batch 1 to 4, $large from 1024 to 4096"
within "$s" "$s_theory" "$(awk -v t="$s_theory" 'BEGIN { print t / 10 }')" "S_min"
within "$e" "$e_theory" "$(awk -v t="$e_theory" 'BEGIN { print t / 10 }')" "E_min"
within "$small" -1 0.05 "slope at small batch"
within "$large" 0 0.1 "slope at large batch"
for regime in halving diminishing flat; do
  grep -q ",$regime," "$out/compare.csv" || fail "no batch size is $regime"
done
finish
