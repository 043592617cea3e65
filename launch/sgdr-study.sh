#!/usr/bin/env bash
# The comparison of the SGDR paper (Loshchilov and Hutter 2017) within an hour on two cores: multistep decay against two
# schedules of warm restarts, on a small wide residual network and 10 000 images of CIFAR-10, and what the snapshots at
# the ends of their periods are good for as one model (Huang et al. 2017). The same command continues what was stopped.
#
#   launch/sgdr-study.sh IMAGES FOLDER [--per-class 1000] [--epochs 15|63] [--seeds 4] [--ranks 2] [--model MODEL]
#
# IMAGES: CIFAR-10, a folder or archive with train/ and test/ of class folders. --per-class 100 takes a tenth of the time,
# --epochs 63 four times as much: both schedules end a period then. gdtrain: of build/, else of the PATH.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/launch/packages.sh" # Open MPI as root
PATH=$here/build:$PATH
usage() { sed -n '6s/^# *//p' "$0" >&2; exit 2; }

[ $# -ge 2 ] || usage
images=$1 folder=$2 epochs=15 per_class=1000 seeds=4 ranks=2 model="{wide_resnet: {depth: 10, width: 2}}"
shift 2
while [ $# -ge 2 ]; do
  case $1 in
  --epochs) epochs=$2 ;;
  --per-class) per_class=$2 ;;
  --seeds) seeds=$2 ;;
  --ranks) ranks=$2 ;;
  --model) model=$2 ;;
  *) usage ;;
  esac
  shift 2
done
[ $# = 0 ] && { [ "$epochs" = 15 ] || [ "$epochs" = 63 ]; } || usage

mkdir -p "$folder"
data=$folder/cifar-$per_class.h5
[ -e "$data" ] || gdtrain data import images "$images" --per-class "$per_class" --out "$data"

# The paper's rates and places of its decays; its periods of 1, 2, 4 ... epochs, and longer ones: a third of the run, then the rest.
sgdr() { echo "{schedule: {name: sgdr, t0: $1, t_mult: 2}, checkpoint: {snapshots: true}}"; }
mpirun --oversubscribe -n "$ranks" gdtrain compare --data "$data" --model "$model" --augment "crop:4 flip" --standardize --batch-size 128 \
  --epochs "$epochs" --lr 0.05 --momentum 0.9 --nesterov --weight-decay 5e-4 --checkpoint-every 2min --out "$folder/study" \
  --vary "{schedule: {name: multistep, milestones: [0.3, 0.6, 0.8], gamma: 0.2}},$(sgdr 1),$(sgdr $((epochs / 3)))" --vary "seed=1..$seeds" |
  tee "$folder/table.txt"

# Of every run with restarts: what its snapshots say together. The last columns of runs.csv are seed, accuracy, best, updates,
# epochs, seconds, diverged, folder; before them are the settings, in quotes.
echo "t0,seed,last,snapshots,ensemble" >"$folder/ensembles.csv"
awk -F, '/sgdr/ && $(NF - 1) == 0 { split($0, part, "t0: "); print $NF, part[2] + 0, $(NF - 7), $(NF - 6) }' "$folder/study/runs.csv" |
  while read -r run t0 seed last; do
    accuracy=$(mpirun --oversubscribe -n "$ranks" gdtrain eval "$folder/study/$run" --ensemble --data "$data" --data.x x_val --data.y y_val \
      </dev/null 2>/dev/null | awk '$1 == "accuracy" { print $2 / 100 }')
    echo "$t0,$seed,$last,$(ls "$folder/study/$run/snapshots" | wc -l),$accuracy"
  done >>"$folder/ensembles.csv"

sort -t, -k1,1g -k5,5g "$folder/ensembles.csv" | awk -F, '
  function show(m) { if (n) { m = int((n + 1) / 2); printf "t0 %-8.4g %d snapshots together %6.2f %%  (%.2f to %.2f; median of %d seeds)\n", t0, k, n % 2 ? v[m] : (v[m] + v[m + 1]) / 2, v[1], v[n], n } }
  $1 == "t0" { next }
  $1 != t0 { show(); n = 0; t0 = $1; k = $4 }
  { v[++n] = 100 * $5 }
  END { show() }' | tee -a "$folder/table.txt"
echo "table   $folder/table.txt, ensembles.csv; figure study/vary.svg"
