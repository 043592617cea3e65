#!/usr/bin/env bash
# A study of batch sizes: killed half-way and finished on other ranks it comes to the same table; a batch size that is
# added runs alone; what diverges, never arrives or lies at the edge of the grid is said.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 1500 --out g.h5 >/dev/null || fail "data"
study() { # ranks folder batches options...
  local ranks=$1 out=$2 batches=$3
  shift 3
  on "$ranks" gdtrain compare --data g.h5 --val-fraction 0.2 --model "linear:16 relu linear:10" --batch-sizes "$batches" \
    --lr-grid 0.1:1.6:3 --target-loss 0.9 --max-epochs 10 --max-updates 200 --seeds 2 --plots false --out "$out" "$@"
}
table() { cut -d, -f1-17 "$1/compare.csv"; } # without seconds and ranks
study 1 whole full,128,16 >whole.txt 2>&1 || { fail "study"; cat whole.txt; }
equal "$(wc -l <whole/compare.csv)" 4 "rows"
equal "$(wc -l <whole/runs.csv)" 19 "runs"
grep -q "B_crit" whole.txt || fail "no fit on the terminal"
awk -F, 'NR > 1 && !($4 > 0 && $14 + $15 + $16 + $17 == 6 && $18 > 0 && $11 > 0)' whole/compare.csv | grep -q . &&
  { fail "a row without updates, counts, noise scale or seconds"; cat whole/compare.csv; }

awk -F, 'NR > 1 && !($7 <= $4 && $7 > $4 / 1.06 - 1)' whole/compare.csv | grep -q . &&
  { fail "a crossing that does not lie just before the measurement at the target"; cat whole/compare.csv; }

# Killed when some runs are done and others under way: locks and half-written files stay behind.
study 2 killed full,128,16 >killed.txt 2>&1 &
job=$!
while_runs $job files 4 "killed/runs/*.csv"
ranks=$(pgrep -P "$(pgrep -P "$job" -d,)") || fail "nobody to kill"
kill -9 $ranks
wait "$job" 2>/dev/null
[ -e killed/compare.csv ] && fail "the study was over before it was killed"
: >killed/runs/b16-lr0.1-s1.lock
before=$(cd killed/runs && ls -- *.csv | head -1)
stamp=$(stat -c %i "killed/runs/$before")
study 3 killed full,128,16 >again.txt 2>&1 || { fail "restart"; cat again.txt; }
equal "$(table killed)" "$(table whole)" "table after a kill, on other ranks"
equal "$(cut -d, -f1-10 killed/runs.csv)" "$(cut -d, -f1-10 whole/runs.csv)" "runs after a kill"
ls killed/runs/*.lock >/dev/null 2>&1 && fail "locks left"
grep -q " of 18 runs to do" again.txt || fail "no word of what was left"

# Without --batch-sizes: the usual ones, as far as the data go.
gdtrain compare --data g.h5 --model linear:10 --target-loss 0.1 --max-epochs 0 --max-updates 9 --plots false --out usual >usual.txt 2>&1
equal "$(cut -d, -f1 usual/compare.csv | tail -n +2 | paste -sd' ')" "1500 512 64 8" "usual batch sizes"

# Two ranks a run, and another order: the same table. An added batch size runs alone.
study 2 pairs 128,16 --ranks-per-run 2 >pairs.txt 2>&1 || { fail "two ranks a run"; cat pairs.txt; }
study 2 pairs full,128,16 >added.txt 2>&1 || { fail "added"; cat added.txt; }
grep -q "^6 of 18 runs to do" added.txt || { fail "an added batch size does not run alone"; cat added.txt; }
equal "$(table pairs)" "$(table whole)" "table with an added batch size"
study 1 pairs full,128,16 2>&1 | grep -q "runs to do" && fail "a finished study ran again"

python=/usr/bin/python3
if $python -c 'import h5py' 2>/dev/null; then
  $python - <<'P' || fail "compare.h5 in h5py"
import h5py
f = h5py.File("whole/compare.h5")
assert len(f["/runs"]) == 18 and f["/fit"].attrs["b_crit"] > 0
r = f["/runs/b128-lr0.4-s1"]
assert r.attrs["batch"] == 128 and r.attrs["outcome"] in (b"reached", "reached"), dict(r.attrs)
assert r["updates"][0] == 0 and r["loss"][-1] < 0.9 <= min(r["loss"][:-1])
P
fi

# Refusals and rare ends.
expect 2 "holds a study of other runs" study 1 whole full --momentum 0.9
expect 2 "no target" gdtrain compare --data g.h5 --model linear:10 --batch-sizes full
expect 2 "lr_grid" gdtrain compare --data g.h5 --model linear:10 --batch-sizes full --target-loss 1 --lr-grid 1:2
gdtrain compare --data g.h5 --model "linear:16 linear:16 linear:10" --batch-sizes 64 --lr-grid 0.05:1000:2 --target-loss 0.9 \
  --max-epochs 20 --max-updates 50 --plots false --out diverged >diverged.txt 2>&1 || { fail "divergence ended the study"; cat diverged.txt; }
grep -q "^64,0.05,1,.*,1,1,0,0," diverged/compare.csv || { fail "one reached at the edge, one diverged"; cat diverged/compare.csv; }
gdtrain compare --data g.h5 --model linear:10 --batch-sizes 64 --lr 0.001 --target-metric accuracy:0.99 --max-epochs 1 --max-updates 9 \
  --plots false --out never >never.txt 2>&1 || fail "never"
equal "$(cut -d, -f4,5 never/runs.csv | tail -1)" never,24 "a run to the end of its budget, by epochs or updates"
equal "$(cut -d, -f4,5 usual/runs.csv | tail -n +2 | sort -u)" never,9 "runs to the end of a budget of a few updates"
grep -qE "^ +64 +0.001 +never" never.txt || { fail "no word of a target never reached"; cat never.txt; }

gdtrain data make linear --n 300 --d 4 --out lines.h5 >/dev/null || fail "data"
expect 0 "^ +64 +0.1 +[0-9.]+ +[0-9.]+ " gdtrain compare --data lines.h5 --model linear:1 --batch-sizes 64 --lr 0.1 --target-metric rmse:0.5 --plots false --out rmse
equal "$(head -1 rmse/runs.csv)" "batch,lr,seed,outcome,updates,epochs,samples,loss,rmse,noise_scale" "columns of a study of rmse"
within "$(awk -F, 'END { print $9 * $9 - $8 }' rmse/runs.csv)" 0 1e-6 "the square of rmse against the loss"
at_least 0.5 "$(awk -F, 'END { print $9 }' rmse/runs.csv)" "rmse at the target"
expect 4 "not a curve of mae" gdtrain compare --data lines.h5 --model linear:1 --batch-sizes 64 --lr 0.1 --target-metric mae:0.5 --plots false --out rmse
expect 2 "error: target_metric: confusion is a table" gdtrain compare --data g.h5 --model linear:10 --target-metric confusion:1
expect 2 "error: metrics: f1 does not fit mse" gdtrain compare --data lines.h5 --model linear:1 --batch-sizes 64 --target-metric f1:0.5 --plots false --out f1

# Where micro-batches are part of what is learned, all batch sizes have those of the smallest: batch norm, mixup.
held() { # folder model options...
  on 2 gdtrain compare --data g.h5 --val-fraction 0.2 --model "conv2d:out_channels=4,kernel_size=3,padding=1 $2 relu max_pool2d:4 linear:10" \
    --batch-sizes 64,24 --lr 0.02 --momentum 0.5 --target-loss 1.8 --max-epochs 1 --max-updates 80 --plots false --out "$1" "${@:3}" >out.txt 2>&1 || { fail "a convnet: $*"; cat out.txt; }
  grep -q "in micro-batches of at most 24 samples" out.txt || { fail "micro-batches are not held: $*"; cat out.txt; }
}
held statistics batch_norm
equal "$(awk -F, 'NR > 1 { n += $14 } END { print n }' statistics/compare.csv)" 2 "batch sizes at which a convnet reaches its target"
held pairs-mixed "" --augment mixup

# Figure and page.
if command -v gnuplot >/dev/null; then
  study 1 whole full,128,16 --plots true --report page.html >page.txt 2>&1 || { fail "page"; cat page.txt; }
  [ -s whole/compare.svg ] && [ -s whole/compare.png ] || fail "figure"
  grep -q "</svg>" page.html || fail "no figure in the page"
  grep -qE "<(img|script|link)" page.html && fail "the page needs other files"
fi

# Scaling.
on 3 gdtrain compare --data g.h5 --model "linear:64 relu linear:10" --batch-size 128 --micro-batch 16 --ranks 1,2,3 --plots false --out scaling \
  >scaling.txt 2>&1 || { fail "scaling"; cat scaling.txt; }
equal "$(cut -d, -f1,2 scaling/scaling.csv | tr '\n' ' ')" "ranks,run 1,1 2,1 3,1 6,0 12,0 " "rows of the scaling study"
awk -F, 'NR > 1 && $2 == 1 && !($4 > 0 && $6 > 0 && $8 > 0)' scaling/scaling.csv | grep -q . && fail "times or held-out predictions"
expect 2 "from 1 to the 1 ranks" gdtrain compare --data g.h5 --model linear:10 --ranks 1,2
finish
