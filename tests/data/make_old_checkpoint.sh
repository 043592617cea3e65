#!/usr/bin/env bash
# Made the files of tests/cli/old_checkpoint.sh, with the program of commit a665c2a (version 0.1.0: models were rows of layers):
#
#   make_old_checkpoint.sh GDTRAIN FOLDER      old_data.h5, old_step_5.h5, old_config.yaml; what that program says of them and of the steps after
set -euo pipefail
gdtrain=$1
mkdir -p "$2" && cd "$2"
"$gdtrain" data make linear --n 60 --d 3 --out old_data.h5 >/dev/null
run=(--data old_data.h5 --val-fraction 0.2 --model "linear:6 tanh dropout:0.2 linear:1" --batch-size 16 --micro-batch 4 --epochs 4
  --optimizer adamw --momentum 0 --lr 0.01 --clip-norm 1 --schedule sgdr --schedule.t0 1 --log-every 1 --eval-every 1 --plots false)
"$gdtrain" "${run[@]}" --steps 5 --checkpoint-every 5 --checkpoint.best false --out old >/dev/null 2>&1
cp old/checkpoints/step-00000005.h5 old_step_5.h5
cp old/config.yaml old_config.yaml
"$gdtrain" inspect old_step_5.h5 | grep '^made by'
echo "step 5     $("$gdtrain" inspect old_step_5.h5 --digest)"
"$gdtrain" eval old_step_5.h5 --data old_data.h5
"$gdtrain" "${run[@]}" --resume old_step_5.h5 --out whole >/dev/null 2>&1
echo "step 12    $("$gdtrain" inspect whole/checkpoints/step-00000012.h5 --digest)"
cut -d, -f1-3,5,6,7 whole/metrics.csv
