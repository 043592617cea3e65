#!/usr/bin/env bash
# What changes the rate or ends a run: the same on any number of ranks, through a kill and a resume, and said in words.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 1200 --out g.h5 >/dev/null || fail "data"
run() { # ranks folder options...
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain $common --model "linear:32 relu linear:10" --out "$out" "$@" >out.txt 2>&1
}
runs() { run "$@" || { fail "$*"; cat out.txt; }; }
rates() { cut -d, -f1,4 "$1/metrics.csv"; }
common="--data g.h5 --val-fraction 0.2 --batch-size 100 --micro-batch 16 --plots false --log-every 1"

# alike NAME STEPS options...: on 1 and 3 ranks, and killed after some steps and resumed on 2: one digest, one column of rates
alike() {
  local name=$1 kill=$2
  shift 2
  runs 1 $name-1 "$@"
  runs 3 $name-3 "$@"
  runs 2 $name-k "$@" --checkpoint-every $kill --checkpoint.keep 9
  for c in "$name"-k/checkpoints/step-*.h5; do [[ $c == *-$(printf %08d $kill).h5 ]] || rm "$c"; done
  rm -f "$name-k/checkpoints/best.h5"
  runs 2 $name-k "$@" --resume auto
  equal "$(digest $name-1)" "$(digest $name-3)" "$name: digests of 1 and 3 ranks"
  equal "$(digest $name-1)" "$(digest $name-k)" "$name: digest of a run that was killed and resumed"
  equal "$(rates $name-1 | md5sum)" "$(rates $name-k | md5sum)" "$name: its rates"
}
alike multistep 13 --epochs 2.5 --schedule multistep --schedule.milestones "0.25 1.5 20 steps" --momentum 0.9 --warmup "3 steps"
equal "$(rates multistep-1 | awk -F, 'NR > 1 { printf "%.4f\n", $2 }' | uniq -c | tr -s ' \n' ' ')" \
  " 1 0.0333 1 0.0667 4 0.1000 9 0.0100 5 0.0010 5 0.0001 " "rates of multistep"
alike one_cycle 13 --epochs 3 --schedule one_cycle --schedule.cycle-momentum true --schedule.pct-start 0.4 --momentum 0.9
alike one_cycle_adam 13 --epochs 2 --schedule one_cycle --schedule.cycle-momentum true --optimizer adam --optimizer.amsgrad true --lr 0.01
alike plateau 61 --epochs 9 --schedule reduce_on_plateau --schedule.patience 0 --schedule.factor 0.5 --schedule.threshold 0.05 --lr 0.5 --eval-every 3
at_least "$(rates plateau-1 | cut -d, -f2 | sort -u | wc -l)" 4 "falls of the rate on the plateau"
expect 2 "eval_every: 3 -> 4" run 1 plateau-1 --epochs 10 --schedule reduce_on_plateau --schedule.patience 0 --schedule.factor 0.5 \
  --schedule.threshold 0.05 --lr 0.5 --eval-every 4 --resume auto
alike drop_last 5 --epochs 3 --drop-last true --batch-size 250
equal "$(last drop_last-1 step)" 9 "steps of three epochs of 960 samples in whole batches of 250"

# A run continued for longer keeps its milestones where they were; others are refused.
runs 1 multistep-3 --epochs 4 --schedule multistep --schedule.milestones "0.25 1.5 20 steps" --momentum 0.9 --warmup "3 steps" --resume auto
equal "$(head -20 multistep-3/metrics.csv | cut -d, -f4)" "$(head -20 multistep-1/metrics.csv | cut -d, -f4)" "rates of a longer run"
expect 2 "schedule.milestones: " run 1 multistep-3 --epochs 5 --schedule multistep --schedule.milestones "0.5" --momentum 0.9 --warmup "3 steps" --resume auto

# An early stop is said, is exit 0, and is the same stop on any number of ranks and after a kill. More patience goes on.
stops="--epochs 40 --lr 0.5 --early-stop.patience 4 --early-stop.min-delta 0.01 --eval-every 5"
alike early 174 $stops
grep -q "early stop after step" out.txt || fail "an early stop is not said"
at_least 390 "$(last early-1 step)" "steps before the early stop"
expect 0 "early_stop ended it" run 1 early-1 $stops --resume auto
equal "$(digest early-1)" "$(digest early-3)" "digest of a run with nothing left to do"
before=$(last early-1 step)
runs 1 early-1 ${stops/patience 4/patience 8} --resume auto
at_least "$(last early-1 step)" $((before + 1)) "steps with more patience"
expect 2 "early_stop follows validation" gdtrain --data g.h5 --model linear:10 --early-stop.patience 3 --out none

# max_time saves, ends with exit 75, and is resumed to the bits of a run without it.
run 2 timed --epochs 3000 --max-time 1s
equal $? 75 "exit of a run that max_time ended"
[ "$(grep -c "stopped by max_time after step" out.txt)" = 1 ] || fail "max_time is not said"
steps=$(last timed step)
runs 1 timed --steps $((steps + 3)) --resume auto
runs 3 untimed --steps $((steps + 3)) --log-every 100
equal "$(digest timed)" "$(digest untimed)" "digest of a run that max_time ended, resumed"

# What has no effect is refused.
expect 2 "milestones belong to schedule multistep" gdtrain --data g.h5 --model linear:10 --schedule.milestones 0.5 --out none
expect 2 "cycle_momentum needs an optimizer with momentum" gdtrain --data g.h5 --model linear:10 --schedule one_cycle --schedule.cycle-momentum true --out none
expect 2 "cycle_momentum belongs to schedule one_cycle" gdtrain --data g.h5 --model linear:10 --momentum 0.9 --schedule.cycle-momentum true --out none
expect 2 "is not a length" gdtrain --data g.h5 --model linear:10 --schedule multistep --schedule.milestones "0.5 weeks" --out none
expect 2 "max_time does not fit a comparison" gdtrain compare --data g.h5 --model linear:10 --batch-sizes 64 --target-loss 1 --max-time 1h --out refused
finish
