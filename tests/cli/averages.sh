#!/usr/bin/env bash
# Averages of the parameters (ema, swa): the same bits on any number of ranks and after a kill, validated while training,
# and what eval, predict, export and --init use.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 900 --out g.h5 >/dev/null || fail "data"
run() { # ranks folder options...
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain --data g.h5 --val-data g.h5 --model "linear:300 relu linear:10" --batch-size 100 --micro-batch 16 --plots false --out "$out" "$@" >out.txt 2>&1 ||
    { fail "$out $*"; cat out.txt; }
}
weights() { # FOLDER WHICH: digest of what is exported
  gdtrain export "$(ls "$1"/checkpoints/step-*.h5 | tail -1)" --weights "$2" --out w.safetensors >/dev/null || fail "export of $1 $2"
  sha256sum <w.safetensors
}
loss() { gdtrain eval "$(ls "$1"/checkpoints/step-*.h5 | tail -1)" --data g.h5 "${@:2}" 2>/dev/null | awk '/loss/ { print $2 }'; }

# kept NAME AVERAGE options...: on 1 rank and 3, over messages as between hosts, by all-reduce on one; killed and resumed
kept() {
  local name=$1 average=$2
  shift 2
  run 1 $name-1 "$@"
  run 3 $name-3 "$@"
  GDTRAIN_FAKE_HOSTS=3 run 4 $name-h "$@"
  run 2 $name-k "$@" --checkpoint-every 11 --checkpoint.keep 9
  for c in "$name"-k/checkpoints/*.h5; do [[ $c == *00022.h5 ]] || rm "$c"; done
  run 2 $name-k "$@" --resume auto
  for other in 3 h k; do
    equal "$(weights $name-1 $average)" "$(weights $name-$other $average)" "$name: the average of $name-$other"
    equal "$(last $name-1 val.loss)" "$(last $name-$other val.loss)" "$name: validation of $name-$other"
  done
  [ "$(weights $name-1 trained)" != "$(weights $name-1 $average)" ] || fail "$name: the average is the parameters"
  # What was validated is what eval uses; what was trained is another loss.
  within "$(loss $name-1)" "$(last $name-1 val.loss)" 1e-8 "$name: loss of eval against validation"
  within "$(loss $name-1 --weights $average)" "$(last $name-1 val.loss)" 1e-8 "$name: loss of eval of $average"
  [ "$(loss $name-1 --weights trained)" != "$(loss $name-1)" ] || fail "$name: eval does not tell the two apart"
}
kept ema ema --epochs 4 --ema 0.9 --momentum 0.9
kept swa swa --epochs 4 --swa.start 0.5 --swa.every "3 steps" --optimizer adamw --lr 0.003
# So few parameters that one host owns them all.
run 1 few-1 --epochs 1 --ema 0.9 --model linear:10
GDTRAIN_FAKE_HOSTS=3 run 4 few-4 --epochs 1 --ema 0.9 --model linear:10
grep -q "4 on 3 hosts" out.txt || fail "hosts were not faked"
equal "$(last few-1 val.loss)" "$(last few-4 val.loss)" "validation where a host owns everything"
run 2 all --epochs 4 --ema 0.9 --momentum 0.9 --sync allreduce
within "$(last all val.loss)" "$(last ema-1 val.loss)" 1e-5 "validation of an average under all-reduce"
run 1 none --epochs 4 --momentum 0.9
equal "$(digest ema-1)" "$(digest none)" "digest of the parameters with and without an average"

# It is said, in the file by its name, and what --init takes.
expect 0 "weights: the average ema" gdtrain eval ema-1 --data g.h5
expect 0 "optimizer state: momentum_buffer, ema" gdtrain inspect ema-1
run 1 begun --steps 1 --lr 0 --init "$(ls ema-1/checkpoints/step-*.h5 | tail -1)"
equal "$(weights ema-1 ema)" "$(weights begun trained)" "what --init takes"

# What cannot be is refused.
expect 5 "holds no average \"swa\"" gdtrain eval ema-1 --data g.h5 --weights swa
expect 2 "unknown weights 'eam'" gdtrain eval ema-1 --data g.h5 --weights eam
expect 2 "choose one" gdtrain --data g.h5 --model linear:10 --ema 0.9 --swa.every 1 --out refused
expect 2 "ema: the decay 1 is not" gdtrain --data g.h5 --model linear:10 --ema 1 --out refused
expect 2 "swa.start: the first sample" gdtrain --data g.h5 --model linear:10 --swa.every 1 --swa.start 11 --out refused
expect 2 "ema: 0.9 -> 0.8" gdtrain --data g.h5 --val-data g.h5 --model "linear:300 relu linear:10" --batch-size 100 --micro-batch 16 --plots false \
  --out ema-1 --epochs 5 --ema 0.8 --momentum 0.9 --resume auto
# An average may begin in a run that is continued, from its parameters.
run 2 none --epochs 5 --momentum 0.9 --ema 0.9 --resume auto --resume-changed true
[ "$(weights none ema)" != "$(weights none trained)" ] || fail "an average that began later"
finish
