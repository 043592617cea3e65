#!/usr/bin/env bash
# Any settings varied: a run in the study is the run alone; killed half-way and finished on other ranks it comes to the same
# results, and what is finished stays; differences are those of runs of one seed.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 1500 --out g.h5 >/dev/null || fail "data"
gdtrain data make glyphs --n 500 --seed 9 --out v.h5 >/dev/null || fail "data"
setting=(--data g.h5 --val-data v.h5 --model "linear:24 relu linear:10" --batch-size 50 --epochs 6 --momentum 0.9 --lr 0.02 --checkpoint-every 5 --plots false)
schedules="{schedule: {name: multistep, milestones: [0.5, 0.75]}}, {schedule: {name: sgdr, t0: 2}, checkpoint: {snapshots: true}}"
study() { # ranks folder options...
  on "$1" gdtrain compare "${setting[@]}" --vary "$schedules" --vary "seed=${seeds:-1..3}" --out "${@:2}" >"$2.txt" 2>&1
}
runs() { python3 -c 'import csv, sys
for r in csv.DictReader(open(sys.argv[1] + "/runs.csv")): print(*(v for k, v in r.items() if k != "seconds"))' "$1"; }
study 1 whole || { fail "study"; cat whole.txt; }
equal "$(runs whole | wc -l)" 6 "runs"
folder_of() { ls -d "$1"/runs/*"$2"*-s"$3"; } # study, word, seed
gdtrain "${setting[@]}" --schedule sgdr --schedule.t0 2 --seed 2 --micro-batch 50 --out alone >/dev/null 2>&1 || fail "alone"
equal "$(digest "$(folder_of whole sgdr 2)")" "$(digest alone)" "a run of the study against the same alone"
equal "$(ls "$(folder_of whole sgdr 3)"/snapshots | wc -l)" 3 "snapshots of a run"

# The table's difference and interval, from the runs: Student's t of 2 degrees of freedom is within 4.303 with 95 %.
python3 - <<'P' || { fail "differences"; cat whole/vary.csv whole/runs.csv; }
import csv
rows, runs = (list(csv.DictReader(open("whole/" + f))) for f in ("vary.csv", "runs.csv"))
of = [{r["seed"]: float(r["accuracy"]) for r in runs if r["settings"] == row["settings"]} for row in rows]
d = [of[0][s] - of[1][s] for s in "123"]
mean = sum(d) / 3
half = 4.302653 * (sum((x - mean) ** 2 for x in d) / 2 / 3) ** 0.5
for got, want in ((rows[1]["difference"], mean), (rows[1]["low"], mean - half), (rows[1]["high"], mean + half)):
  assert abs(float(got) - want) < 1e-6, (got, want)
assert float(rows[0]["accuracy"]) == sorted(of[0].values())[1] >= float(rows[1]["accuracy"]) and rows[0]["difference"] == ""
assert int(rows[1]["differs"]) == (abs(mean) > half)
P

# Killed when a run is over and others are under way; finished runs stay, the others go on from their checkpoints.
study 2 killed &
job=$!
while_runs $job files 2 "killed/runs/*.csv"
ranks=$(pgrep -P "$(pgrep -P "$job" -d,)") || fail "nobody to kill"
kill -9 $ranks
wait "$job" 2>/dev/null
[ -e killed/vary.csv ] && fail "the study was over before it was killed"
finished=$(cd killed/runs && ls -- *.csv | head -1)
stamp=$(stat -c %i "killed/runs/$finished")
study 3 killed || { fail "restart"; cat killed.txt; }
equal "$(stat -c %i "killed/runs/$finished")" "$stamp" "a finished run was run again"
equal "$(runs killed)" "$(runs whole)" "runs after a kill, on other ranks"
for s in 1 2 3; do equal "$(digest "$(folder_of killed multistep $s)")" "$(digest "$(folder_of whole multistep $s)")" "digest of seed $s after a kill"; done
seeds=1..4 study 2 killed || fail "a seed is added"
grep -q "^2 of 8 runs to do" killed.txt || { fail "an added seed does not run alone"; cat killed.txt; }

# A request to stop saves what is under way.
seeds=1..30 study 1 stopped &
job=$!
while_runs $job files 1 "stopped/runs/*.csv"
kill -TERM "$(pgrep -P "$job" gdtrain || echo "$job")"
wait "$job"
equal $? 75 "exit of a study that is stopped"
grep -q "the same command goes on" stopped.txt || { fail "no word of how to go on"; cat stopped.txt; }

# What diverges counts as worst, and is said. Where micro-batches count, all runs have those of the smallest batch.
small=(--data g.h5 --val-data v.h5 --epochs 1 --plots false)
gdtrain compare "${small[@]}" --model "linear:16 linear:16 linear:10" --vary "lr=0.05,1000" --vary seed=1..2 --out diverged >out.txt 2>&1 ||
  { fail "divergence ended the study"; cat out.txt; }
grep -q "1 over 2: 2 of 2 runs diverged" out.txt || { fail "no word of divergence"; cat out.txt; }
grep -q '^"1000",2,2,,,,' diverged/vary.csv || { fail "diverged runs have numbers"; cat diverged/vary.csv; }
gdtrain compare "${small[@]}" --model "linear:16 batch_norm relu linear:10" --vary "batch_size=200,40" --out held >out.txt 2>&1 || { fail "batch norm"; cat out.txt; }
grep -q "all runs are trained in micro-batches of at most 40 samples" out.txt || { fail "micro-batches are not held"; cat out.txt; }
grep -h "^micro_batch: 40" held/runs/*/config.yaml | wc -l | grep -qx 2 || fail "micro-batches of the runs"

# What cannot run is named.
gdtrain compare "${small[@]}" --model "linear:16 batch_norm relu linear:10" --vary "{batch_size: 1, micro_batch: 1},{micro_batch: 64}" --out refused >out.txt 2>&1
equal $? 2 "exit of a run that cannot be"
grep -q "^{batch_size: 1, micro_batch: 1} seed=1: does not end" out.txt || { fail "no word of the run at fault"; cat out.txt; }

# One clear error that names the key, and nothing is left behind.
refuses() { expect 2 "$1" gdtrain compare "${small[@]}" --model linear:10 --out none "${@:2}"; }
refuses 'error: vary: "lr" is not KEY=VALUE' --vary lr
refuses 'error: vary: lr: an empty value' --vary lr=0.1,
refuses "error: --lr: 'x' is not a number" --vary lr=0.1,x
refuses 'unknown setting "lrr", did you mean "optimizer.lr"' --vary lrr=0.1
refuses 'unknown setting "schedule.tt0", did you mean "schedule.t0"' --vary "schedule={name: sgdr, tt0: 3}"
refuses 'vary: schedule: a bracket or quote that is not closed' --vary "schedule={name: sgdr"
refuses 'vary: seed: 5..1 is empty' --vary seed=5..1
refuses 'vary: lr: 1 is there twice' --vary lr=1,1
refuses 'vary: optimizer.lr is varied twice' --vary lr=1 --vary optimizer.lr=2
refuses 'vary: data.val: all runs of a study have the same' --vary data.val=a.h5
refuses "unknown layer 'linea'" --vary model=linear:10,linea:10
refuses '--target-loss|--target_loss does not go with --vary' --vary lr=1,2 --target-loss 1
expect 2 "no data to compare runs by" gdtrain compare --data g.h5 --model linear:10 --vary lr=1,2 --out none
[ -e none ] && fail "a refused study leaves a folder"
study 1 whole --momentum 0.5
equal $? 2 "exit of a study of other runs"
grep -q "holds a study of other runs" whole.txt || fail "no word of the other study"

if command -v gnuplot >/dev/null; then
  study 1 whole --plots true || fail "figure"
  [ -s whole/vary.svg ] && [ -s whole/vary.png ] || fail "no figure"
fi
finish
