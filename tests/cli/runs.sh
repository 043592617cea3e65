#!/usr/bin/env bash
# A run that is continued in another way than it was begun: the rate follows what was agreed to, samples are kept, a folder tells
# one story, and what does not fit is said. tests/unit/train_random_stories.c tries random sequences of this.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 400 --out g.h5 >/dev/null && gdtrain data make glyphs --n 100 --seed 7 --out v.h5 >/dev/null || fail "data"
run() { gdtrain --data g.h5 --model "linear:16 relu linear:10" --batch-size 40 --micro-batch 20 --plots false --log-every 1 "$@"; }
ok() { run "$@" >out.txt 2>&1 || { fail "$*"; tail -5 out.txt; }; }
rates() { cut -d, -f1,4 "$1/metrics.csv"; }
in_folder() { echo $(cd "$1/checkpoints" && ls); }
best_of() { sed -n 's/.*"best": {"step": \([0-9]*\).*/\1/p' "$1/summary.json"; }
step_of() { gdtrain inspect "$1" | awk '$1 == "step" { print $2 }'; }
# consistent FOLDER: what summary.json names exists and is what it says
consistent() {
  local checkpoint
  checkpoint=$(sed -n 's/.*"checkpoint": "\(.*\)",/\1/p' "$1/summary.json")
  [ -e "$checkpoint" ] || fail "$1/summary.json names $checkpoint, which is not there"
  equal "$(sed -n 's/.*"digest": "\(.*\)"/\1/p' "$1/summary.json")" "$(gdtrain inspect "$checkpoint" --digest)" "digest in $1/summary.json"
  equal "$(sed -n 's/.*"steps": \([0-9]*\),/\1/p' "$1/summary.json")" "$(last "$1" step)" "steps in $1/summary.json"
  equal "$(cut -d, -f1 "$1/metrics.csv" | sort -n | uniq -d | wc -l)" 0 "rows of $1 that come twice"
  [ "$(best_of "$1")" = 0 ] || equal "$(step_of "$1/checkpoints/best.h5")" "$(best_of "$1")" "best of $1"
}

# A schedule that is as long as the run: a longer run is another schedule, unless its length was given.
for schedule in "cosine:schedule.total" "one_cycle:schedule.total" "sgdr:schedule.t0"; do
  name=${schedule%:*} key=${schedule#*:}
  ok --schedule $name --epochs 2 --out $name
  grep -q "^  ${key#*.}: 0 # 2$" $name/config.yaml || fail "$name/config.yaml does not tell what was found out"
  expect 2 "$key: 2 -> 4, because schedule $name is as long as the run .--$key 2 keeps the rate as it was.*--resume-changed" run --schedule $name --epochs 4 --resume auto --out $name
  cp -r $name $name-kept
  ok --schedule $name --epochs 4 --resume auto --out $name --resume-changed
  ok --schedule $name --epochs 4 --out $name-4
  equal "$(rates $name | tail -20)" "$(rates $name-4 | tail -20)" "rates of the new length, $name"
  ok --schedule $name --epochs 4 --resume auto --out $name-kept --$key 2
  ok --schedule $name --epochs 4 --out $name-given --$key 2
  equal "$(digest $name-kept)" "$(digest $name-given)" "a length that was given, $name"
  # Its configuration begins another run as it was begun, not as it was found out.
  gdtrain $name/config.yaml --epochs 3 --out $name-again >out.txt 2>&1 || { fail "$name again"; tail -3 out.txt; }
  ok --schedule $name --epochs 3 --out $name-3
  equal "$(digest $name-again)" "$(digest $name-3)" "from the configuration of a finished run, $name"
done
grep -q "^  lr: auto # 0.1$" cosine/config.yaml && grep -q "^micro_batch: 20$" cosine/config.yaml || fail "config.yaml: what was given, what was not"
expect 0 "schedule cosine ends after 1 epochs and the run after 2: from then on the rate stays at 0" run --schedule cosine --schedule.total 1 --epochs 2 --out ends
expect 0 "the warm-up takes 3 epochs and the run 2: the rate does not reach 0.1" run --warmup 3 --epochs 2 --out warm

# An older checkpoint: what the run had gone on to is set aside whole, and never pruned.
ok --epochs 2 --val-fraction 0.2 --checkpoint-every 4 --checkpoint.keep 9 --out older
before=$(digest older) steps=$(last older step)
expect 0 "what older had gone on to is set aside in older/aside-1: [0-9]+ checkpoints, with rows and summary" \
  run --epochs 2 --val-fraction 0.2 --checkpoint.keep 2 --checkpoint-every 4 --resume older/checkpoints/step-00000008.h5 --lr 0.02 --resume-changed --out older
consistent older
equal "$(last older step)" $steps "last step after a second way"
equal "$(digest older/aside-1)" "$before" "digest of what was set aside"
[ "$(digest older)" != "$before" ] || fail "another rate changed nothing"
equal "$(ls older/checkpoints | grep -c step)" 2 "checkpoints that stay"
expect 0 "resumed from older/checkpoints/step-000000$steps.h5" run --epochs 2 --val-fraction 0.2 --lr 0.02 --resume auto --out older
equal "$(digest older/aside-1)" "$before" "digest of what was set aside, later"
# Which is a run folder: it can be continued itself.
ok --epochs 3 --val-fraction 0.2 --resume auto --out older/aside-1
ok --epochs 3 --val-fraction 0.2 --out quiet
equal "$(digest older/aside-1)" "$(digest quiet)" "what was set aside, continued"
consistent older/aside-1

# From best.h5, which is older than the rest.
ok --epochs 6 --val-fraction 0.2 --lr 2 --checkpoint-every 1 --checkpoint.keep 50 --out peak
best=$(best_of peak)
[ "$best" -lt "$(last peak step)" ] || fail "the best is the last one"
ok --epochs 6 --val-fraction 0.2 --lr 0.001 --resume peak/checkpoints/best.h5 --resume-changed --checkpoint.keep 1 --out peak
consistent peak
equal "$(cut -d, -f1 peak/metrics.csv | tail -n +2 | tr '\n' ' ')" "$(seq -s ' ' "$(last peak step)") " "rows of peak"

# In a new folder: the best, the rows and the checkpoint come along.
ok --epochs 6 --val-fraction 0.2 --lr 2 --checkpoint-every 1 --checkpoint.keep 50 --out source
ok --epochs 6 --val-fraction 0.2 --lr 0 --resume-changed --resume "source/checkpoints/step-000000$(last source step).h5" --steps $(($(last source step) + 2)) --out new
consistent new
equal "$(head -9 new/metrics.csv)" "$(head -9 source/metrics.csv)" "rows that come along"
cp source/checkpoints/best.h5 lone.h5
ok --epochs 6 --val-fraction 0.2 --lr 2 --resume lone.h5 --out lone
consistent lone
equal "$(digest lone)" "$(digest source)" "from a file that lies alone"

# Only best.h5 is left: it is a checkpoint too.
ok --epochs 6 --val-fraction 0.2 --lr 2 --out only
rm only/checkpoints/step-*.h5
expect 0 "resumed from only/checkpoints/best.h5 at step $(step_of only/checkpoints/best.h5)" run --epochs 6 --val-fraction 0.2 --lr 2 --resume auto --out only
equal "$(digest only)" "$(digest source)" "from the best alone"
consistent only
rm only/checkpoints/*.h5 && : >only/checkpoints/best.h5
expect 5 "none of its 1 checkpoints is valid" run --epochs 6 --val-fraction 0.2 --lr 2 --resume auto --out only

# Other validation data are nothing to compare with.
gdtrain data make glyphs --n 60 --noise 3 --seed 11 --out w.h5 >/dev/null
ok --epochs 3 --val-data v.h5 --lr 0.5 --out val
expect 0 "validation is on other data, or by another metric, than up to step 30: the best begins anew" run --epochs 4 --val-data w.h5 --lr 0.5 --resume auto --out val
consistent val
equal "$(best_of val)" 40 "best on other data"

# Equal accuracies: the lower loss is the best.
ok --epochs 4 --val-data v.h5 --lr 1e-5 --eval-every 1 --out equal
equal "$(best_of equal)" "$(awk -F, 'NR > 1 && $8 != "" { if (n++ == 0 || $8 > a || ($8 == a && $7 < l)) { a = $8; l = $7; s = $1 } } END { print s }' equal/metrics.csv)" "best of equals"
at_least "$(best_of equal)" 2 "best of equals"

# Another batch size: the samples are kept, so that none is left out, and the steps are counted on.
ok --steps 13 --trace . --out batches && mv samples-*.csv first.csv
expect 0 "samples that were seen are kept, in other batches: epoch 1 goes on at sample 100 of 400" \
  run --batch-size 50 --trace . --epochs 3 --resume auto --resume-changed --out batches && mv samples-*.csv second.csv
grep -q "20 samples before it come again: no batch begins where they end" out.txt || fail "no word of the samples that come again"
equal "$(awk -F, '$1 < 13 || FILENAME == "second.csv" { print $2 "," $3 }' first.csv second.csv | sort -u | wc -l)" 1200 "samples of three epochs, each seen"
equal "$(last batches step)" 27 "steps: 13 of 40 samples, then those of 50"
equal "$(cut -d, -f2 batches/metrics.csv | tail -1)" 3.000000 "epochs after another batch size"
equal "$(awk -F, 'NR > 2 && $2 < b { n++ } { b = $2 } END { print n + 0 }' batches/metrics.csv)" 0 "epochs that go back"
ok --batch-size 50 --epochs 4 --resume auto --out batches
equal "$(last batches step)" 35 "and on, in the new batches"

# No way on is said with one.
expect 5 "its optimizer state is not that of adam: to go on from its weights alone, begin a new run with --init .* instead of --resume" \
  run --optimizer adam --epochs 4 --resume auto --resume-changed --out equal
# What is taken is said.
expect 0 "lr_scale: the rate is scaled by the 400 samples there are, not by batch_size 1000" run --lr-scale linear --batch-size 1000 --epochs 1 --out scaled
for last in sigmoid relu tanh softplus; do
  expect 0 "cross_entropy takes logits, which are any real numbers: end the model without $last" \
    gdtrain --data g.h5 --model "linear:10 $last" --steps 1 --plots false --out last-$last
done
# Targets that a loss cannot take: it would fall without end. Whole numbers 0 and 1 are targets too.
targets() { # FILE TARGETS...: five samples of two columns, the last of these targets
  awk -v t="${*:2}" 'BEGIN { n = split(t, y, " "); print "a,b,y"; for (i = 1; i <= n; i++) print sin(i) "," cos(i) "," y[i] }' >t.csv
  gdtrain data import csv t.csv --target y --out "$1" >/dev/null 2>&1 || fail "import of $1"
}
targets outside.h5 0.5 1 0 1.25 0 0.75
targets inside.h5 0.5 1 0 0.25 0 0.75
targets negative.h5 0.5 1 0 0.25 -0.5 0.75
bce() { gdtrain --model linear:1 --loss bce_with_logits --epochs 5 --batch-size 2 --plots false "$@"; }
expect 4 "outside.h5: y is 1.25 at sample 3, column 0: bce_with_logits takes targets from 0, no, to 1, yes; --loss mse learns other numbers" bce --data outside.h5 --out bce1
expect 4 "outside.h5: y is 1.25 at sample 3" bce --data outside.h5 --data.memory stream --out bce2
expect 4 "negative.h5: y is -0.5 at sample 4" bce --data inside.h5 --val-data negative.h5 --out bce3
expect 0 "^checkpoint" bce --data inside.h5 --out bce4
expect 4 "outside.h5: y is 1.25 at sample 3" gdtrain eval bce4 --data outside.h5
python=/usr/bin/python3
if $python -c 'import h5py' 2>/dev/null; then
  $python -c 'import h5py, numpy as np
f = h5py.File("binary.h5", "w"); f["x"] = np.arange(12, dtype="f4").reshape(6, 2); f["y"] = np.array([0, 1, 1, 0, 1, 0])'
  expect 0 "^checkpoint" bce --data binary.h5 --out bce5
fi

# An optimizer counts its own updates: a batch that is left out changes nothing after it.
line() { awk -v bad="$1" 'BEGIN { print "x,y"; for (i = 1; i <= 24; i++) print sin(i) "," (bad && i <= 4 ? 1e30 : cos(i)) }'; }
line 1 >bad.csv && line 0 | sed 2,5d >good.csv
for f in bad good; do gdtrain data import csv $f.csv --target y --out $f.h5 >/dev/null 2>&1 || fail "import of $f"; done
skip_run() { on "$1" gdtrain --model "linear:5 tanh linear:1" --batch-size 4 --micro-batch 2 --shuffle none --on-nan skip --steps 5 --lr 0.05 --plots false "${@:2}" >out.txt 2>&1 || { fail "${*:2}"; tail -3 out.txt; }; }
for rule in "--optimizer adam" "--optimizer adamw --optimizer.amsgrad true" "--momentum 0.9 --optimizer.dampening 0.5" "--ema 0.5" "--optimizer lars"; do
  rm -rf good bad parts
  # shellcheck disable=SC2086
  {
    skip_run 1 --data good.h5 $rule --out good
    skip_run 2 --data bad.h5 $rule --steps 6 --out bad
    skip_run 1 --data bad.h5 $rule --steps 3 --out parts
    skip_run 3 --data bad.h5 $rule --steps 6 --out parts --resume auto
  }
  equal "$(digest good)" "$(digest bad)" "digest with a batch that was left out, $rule"
  equal "$(digest good)" "$(digest parts)" "the same, resumed, $rule"
done

# One counting of steps: the row that would be of the step at fault.
gdtrain data make linear --n 100 --d 3 --out l.h5 >/dev/null
expect 7 "not finite at step [0-9]+ " gdtrain --data l.h5 --model linear:1 --lr 1e9 --epochs 50 --log-every 1 --plots false --out nan
equal "$(grep -o 'at step [0-9]*' out.txt | cut -d' ' -f3)" "$(($(last nan step) + 1))" "step at fault"
finish
