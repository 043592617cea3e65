#!/usr/bin/env bash
# State that is not trained lives through the whole trainer: the same bits on any number of ranks, through kill and resume
# on other numbers, --init, export and import; an audit finds one flipped bit in it.
. "$(dirname "$0")/../lib.sh"
tracked=$2/faults_running
$tracked data make glyphs --n 1500 --out train.h5 >/dev/null
$tracked data make glyphs --n 200 --seed 9 --out val.h5 >/dev/null
train=("$tracked" --data train.h5 --val-data val.h5 --model "linear:24 running relu linear:10" --momentum 0.9 --batch-size 200
       --micro-batch 24 --steps 24 --seed 3 --data.shuffle none --audit-every 5 --checkpoint-every 4 --progress none --plots false)
bits() { "$tracked" inspect "$1" --digest; }

# Any number of ranks and hosts; the last batch of the epoch, 100 samples, is cut evenly.
for ranks in 1 2 3 7; do
  on $ranks "${train[@]}" --out run$ranks >out.txt 2>&1 || { fail "$ranks ranks"; tail -5 out.txt; }
  equal "$(bits run$ranks/checkpoints/step-00000024.h5)" "$(bits run1/checkpoints/step-00000024.h5)" "digest of $ranks ranks"
  equal "$(bits run$ranks/checkpoints/best.h5)" "$(bits run1/checkpoints/best.h5)" "digest of the best model of $ranks ranks"
done
on 3 "${train[@]}" --transport mpi --out messages >out.txt 2>&1 || fail "messages"
equal "$(bits messages/checkpoints/step-00000024.h5)" "$(bits run1/checkpoints/step-00000024.h5)" "digest over messages"
"$tracked" inspect run1 >inspected.txt
grep -q "1.running_mean .* buffer" inspected.txt && grep -q "1.scale .* buffer" inspected.txt || fail "buffers are not listed"
[ "$(bits run1/checkpoints/step-00000024.h5)" != "$(bits run1/checkpoints/step-00000020.h5)" ] || fail "nothing moved"

# Stopped and continued on other numbers of ranks.
on 3 "${train[@]}" --steps 9 --out moved >out.txt 2>&1 || fail "first part"
on 2 "${train[@]}" --steps 17 --out moved --resume auto >out.txt 2>&1 || { fail "second part"; tail -3 out.txt; }
on 1 "${train[@]}" --out moved --resume auto >out.txt 2>&1 || fail "third part"
equal "$(bits moved/checkpoints/step-00000024.h5)" "$(bits run1/checkpoints/step-00000024.h5)" "digest after resuming"

# A rank that is killed, twice: resumed on two ranks, and on one, to the quiet run's last and best model.
long=("${train[@]}" --steps 2000 --checkpoint-every 40 --eval-every 500)
newest() { ls "$1"/checkpoints/step-*.h5 2>/dev/null | tail -1; }
killed() { # RANKS OUT: once it has written one checkpoint more
  local job before
  before=$(newest "$2")
  mpirun --oversubscribe -n "$1" "${long[@]}" --out "$2" --resume auto >out.txt 2>&1 &
  job=$!
  while_runs $job other_than "$before" newest "$2"
  kill -KILL "$(pgrep -P $job | tail -1)"
  ended $job
  equal $? 137 "exit code of a run of which a rank was killed"
}
on 2 "${long[@]}" --out quiet >out.txt 2>&1 || { fail "the quiet run"; tail -3 out.txt; }
killed 3 killed
killed 2 killed
on 1 "${long[@]}" --out killed --resume auto >out.txt 2>&1 || { fail "after two kills"; tail -3 out.txt; }
equal "$(bits "$(newest killed)")" "$(bits "$(newest quiet)")" "digest after two kills"
equal "$(bits killed/checkpoints/best.h5)" "$(bits quiet/checkpoints/best.h5)" "digest of the best model after two kills"

# --init takes buffers too, from a checkpoint and from what is exported: a step at rate 0 moves them as it does after
# resuming (samples come in the order of the file).
last=run1/checkpoints/step-00000024.h5
"$tracked" export $last --out out.safetensors >out.txt 2>&1 || fail "export"
on 1 "${train[@]}" --resume $last --resume-changed --lr 0 --steps 25 --out resumed >out.txt 2>&1 || { fail "a step more"; tail -3 out.txt; }
for from in $last out.safetensors; do
  rm -rf begun
  expect 0 "$from: 7 of 7 arrays of the model are loaded" on 2 "${train[@]}" --init $from --lr 0 --steps 1 --out begun
  equal "$(bits begun/checkpoints/step-00000001.h5)" "$(bits resumed/checkpoints/step-00000025.h5)" "digest after --init $from"
done

# What the run says of its last validation, eval says of its last checkpoint.
"$tracked" eval run1/checkpoints/step-00000024.h5 --data val.h5 >eval1.txt 2>&1 || { fail "eval"; cat eval1.txt; }
on 3 "$tracked" eval run1/checkpoints/step-00000024.h5 --data val.h5 2>/dev/null >eval3.txt
cmp -s eval1.txt eval3.txt || fail "eval differs between numbers of ranks"

# A batch that leaves a single sample has no variance.
expect 2 "one of a single sample" "${train[@]}" --batch-size 1499 --micro-batch 1499 --out refused
expect 0 "only 1[0-9] samples" "${train[@]}" --batch-size 100 --micro-batch 12 --steps 1 --out few
for check in micro-batches batches; do
  expect 0 "^$check +SKIP.*statistics of each micro-batch" "$tracked" verify --data train.h5 --model "linear:24 running relu linear:10" \
    --batch-size 200 --micro-batch 24
done

# A comparison of batch sizes cuts all of them alike: other micro-batches would be other models.
compare=("$tracked" compare --data train.h5 --val-fraction 0.2 --model "linear:24 running relu linear:10" --target-loss 1.5 --lr 0.2
         --max-epochs 4 --plots false --progress none)
expect 0 "micro-batches of at most 48 samples" on 2 "${compare[@]}" --batch-sizes full,400,48 --out compared
expect 0 "micro-batches of at most 30 samples" "${compare[@]}" --batch-sizes full,400,48 --micro-batch 30 --out compared30
expect 2 "leaves one of a single sample" "${compare[@]}" --batch-sizes 400,1 --out refused

[ "${GD_FAULTS:-}" = 1 ] || { finish; exit; }
for how in "--transport shm" "--transport mpi" "--sync allreduce"; do
  rm -rf flipped
  GDTRAIN_FAULT=flip_statistic@1:14 expect 8 "statistics differ: tensor 1.running_var, .*rank 1 on host .* at step 15" \
    on 2 "${train[@]}" $how --out flipped
done
# That run ended without a farewell: what it had saved goes on on three ranks.
rm -rf flipped
GDTRAIN_FAULT=flip_statistic@1:14 on 2 "${train[@]}" --out flipped >out.txt 2>&1
[ -e flipped/checkpoints/step-00000012.h5 ] || fail "no checkpoint before the flip"
on 3 "${train[@]}" --out flipped --resume auto >out.txt 2>&1 || { fail "after the flip"; tail -3 out.txt; }
equal "$(bits flipped/checkpoints/step-00000024.h5)" "$(bits run1/checkpoints/step-00000024.h5)" "digest after the flip"
finish
