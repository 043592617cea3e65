#!/usr/bin/env bash
# Four epochs are two, a stop, and two more: the same bits, also on another number of ranks, and h5py opens the file.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 1500 --out g.h5 >/dev/null || fail "data"
run() { # ranks folder options...
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain --data g.h5 --val-fraction 0.2 --model "linear:32 relu dropout:0.2 linear:10" --batch-size 100 --micro-batch 16 \
    --momentum 0.9 --schedule sgdr --schedule.t0 1 --schedule.t-mult 2 --plots false --out "$out" "$@" >out.txt 2>&1 ||
    { fail "$out $*"; cat out.txt; }
}
run 2 whole --epochs 4
run 2 parts --epochs 2
run 3 parts --epochs 4 --resume auto
equal "$(digest whole)" "$(digest parts)" "digest of 2 + 2 epochs against 4"
equal "$(cut -d, -f1,2,3,4,7,8 whole/metrics.csv | tail -1)" "$(cut -d, -f1,2,3,4,7,8 parts/metrics.csv | tail -1)" "last row"
awk -F, 'NR > 2 && $9 < before { exit 1 } { before = $9 }' parts/metrics.csv || fail "time starts again where a run is resumed"

# What is measured goes on too: killed between two rows of metrics.csv, a run writes the rows of one that was not.
measured() { run $1 $2 --log-every 7 --noise-scale --checkpoint-every 4 --schedule constant "${@:3}"; }
measured 2 whole1 --steps 20
measured 2 parts1 --steps 5
rm parts1/checkpoints/step-00000005.h5 parts1/checkpoints/best.h5
measured 3 parts1 --steps 20 --resume auto
rows() { cut -d, -f1-5,7,8,10- $1/metrics.csv; }
equal "$(rows whole1)" "$(rows parts1)" "rows of a run that was killed"
at_least "$(last whole1 noise_S)" 1e-9 "noise that was measured"

# Every optimizer's state comes back where it belongs, with any number of threads, and a set that was held may be streamed
# from then on.
for rule in "adamw --momentum 0" "rmsprop --optimizer.centered true" "lars --data.memory stream"; do
  rm -rf whole2 parts2
  run 1 whole2 --epochs 2 --lr 0.001 --shuffle full --threads 2 --optimizer $rule
  run 1 parts2 --steps 5 --lr 0.001 --shuffle full --threads 2 --schedule.t0 1 --schedule.total 2 --optimizer ${rule% --data*}
  run 2 parts2 --epochs 2 --lr 0.001 --shuffle full --threads 1 --optimizer $rule --resume auto
  equal "$(digest whole2)" "$(digest parts2)" "digest of 5 steps and the rest against 2 epochs, $rule"
done

# With nothing left to do, the summary stays what it was.
summary() { grep -E '"(train|val|best|digest)":' whole/summary.json; }
before=$(summary)
run 2 whole --epochs 4 --resume auto
equal "$(summary)" "$before" "summary of a run resumed at its end"

expect 2 "is not empty" gdtrain --data g.h5 --model linear:10 --out whole
expect 2 "optimizer.lr: 0.1 -> 0.2" gdtrain --data g.h5 --val-fraction 0.2 --model "linear:32 relu dropout:0.2 linear:10" --batch-size 100 \
  --momentum 0.9 --schedule sgdr --schedule.t0 1 --schedule.t-mult 2 --lr 0.2 --epochs 5 --resume auto --out parts

# Stopped on request: everything saved, exit 75, resumed to the same bits.
(
  on 2 gdtrain --data g.h5 --val-fraction 0.2 --model "linear:32 relu dropout:0.2 linear:10" --batch-size 100 --micro-batch 16 \
    --momentum 0.9 --schedule sgdr --schedule.t0 1 --schedule.t-mult 2 --plots false --out stopped --epochs 4000 >stop.txt 2>&1
  echo $? >code
) &
job=$!
while_runs $job lines stopped/metrics.csv 3
expect 2 "error: stopped: another run is writing to this folder" gdtrain --data g.h5 --model linear:10 --out stopped --resume auto
pkill -USR1 -P $job || fail "nobody to stop" # mpirun, which passes it on
wait
equal "$(cat code)" 75 "exit code of a stopped run"
grep -q "stopped on request after step" stop.txt || fail "no word of the stop"

python=/usr/bin/python3
if $python -c 'import h5py' 2>/dev/null; then
  $python - "$(ls whole/checkpoints/step-*.h5 | tail -1)" <<'P' || fail "layout of the checkpoint in h5py"
import sys, h5py
f = h5py.File(sys.argv[1])
assert f["/model/0.weight"].shape == (32, 784) and f["/model/3.bias"].shape == (10,), list(f["/model"])
assert f["/optim/momentum_buffer/0.weight"].shape == (32, 784)
assert f["/progress"].attrs["epoch"] == 4 and f["/progress"].attrs["step"] == 48
P
fi
# The folder alone says what to continue.
expect 0 "resumed from parts/" gdtrain --resume auto --out parts --epochs 5 --plots false
run 1 whole --epochs 5 --resume auto
equal "$(digest whole)" "$(digest parts)" "digest of a run continued by the name of its folder"

# Resumed at its end: nothing is trained, so there is no rate; what is known of the run stays known, though the best came before.
expect 0 "nothing is left to do" gdtrain --resume auto --out parts --plots false
grep -q "^samples/s" out.txt && fail "a rate of no step"
value() { grep "^$2" "$1" | awk '{ print $3 }'; }
equal "$(value out.txt "train loss")" "$(awk -F, 'END { printf "%.6g", $3 }' parts/metrics.csv)" "train loss"
equal "$(value out.txt "val accuracy")" "$(awk -F, '$8 != "" { v = $8 } END { printf "%.2f", 100 * v }' parts/metrics.csv)" "val accuracy"
equal "$(grep -oE '"best": \{"step": [0-9]+' parts/summary.json)" "\"best\": {\"step\": $(gdtrain inspect parts | awk '$1 == "step" { print $2 }')" "best step"

# Weights of a run begin another; those of another model are refused, with their names.
expect 0 "checkpoint *begun/" gdtrain --data g.h5 --model "linear:32 relu dropout:0.2 linear:10" --init parts --steps 1 --plots false --out begun
expect 5 "error: parts: no array for 2 of the model.s 4: 2.bias ...; --init-map OLD=NEW renames what it has left: 3.bias .10., 3.weight" \
  gdtrain --data g.h5 --model "linear:32 relu linear:10" --init parts --steps 1 --plots false --out other

# A batch smaller than the automatic micro-batch: the run agrees with its own configuration.
small() { gdtrain --data g.h5 --model linear:10 --batch-size 16 --plots false --out small "$@" >out.txt 2>&1; }
small --epochs 1 && small --epochs 2 --resume auto || { fail "resuming with a small batch"; cat out.txt; }
expect 0 "resumed from small/" gdtrain small/config.yaml --epochs 3 --resume auto
finish
