#!/usr/bin/env bash
# gdtrain against PyTorch on one GPU: whole steps of the same models, PyTorch's eager and captured in a CUDA graph, medians by
# CUDA events, in turns, medians of ROUNDS (3). Needs PyTorch and h5py in PYTHON (python3).
#
#   tests/bench/versus_torch_gpu.sh FOLDER_WITH_GDTRAIN [MODEL:BATCH:PRECISION ...]
. "$(dirname "$0")/../lib.sh" "$@"
shift
cases=("$@")
[ $# -gt 0 ] || cases=(784-512-512-10:128:fp32 784-512-512-10:128:tf32
  4096-4096-4096-4096-4096:1024:tf32 4096-4096-4096-4096-4096:1024:bf16)
python=${PYTHON:-python3} # words: may be "env NAME=VALUE python3"
torch="$source_dir/tests/bench/versus_torch_gpu.py"
$python -c "import torch, h5py; assert '${TORCH_DEVICE:-cuda}' == 'cpu' or torch.cuda.is_available()" 2>/dev/null ||
  skip "PyTorch with a GPU, and h5py, are needed in $python"

coproc server { exec $python "$torch" serve; }
read -r -t 120 ready <&"${server[0]}" && [ "${ready%% *}" = ready ] || { fail "PyTorch does not start"; finish; exit; }
echo "PyTorch ${ready#ready }"

# ours MODEL BATCH PRECISION: microseconds, launches, share of the products' ceiling, in-step TFLOP/s
ours() {
  local words
  words=$(echo "$1" | cut -d- -f2- | sed 's/-/ relu linear:/g; s/^/linear:/')
  gdtrain bench --device cuda --data "$1.h5" --model "$words" --batch-size "$2" --precision "$3" --lr 0.01 --momentum 0.9 \
    --steps "$steps" >out.txt 2>err.txt || { cat err.txt >&2; return 1; }
  awk '$1 == "step" { us = $2 } $1 == "kernels" { n = $2 } $1 == "products" { share = $(NF - 3); speed = $(NF - 5) }
    END { print us, (n ~ /^[0-9]+$/ ? n : 0), share, speed }' out.txt
}
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for c in "${cases[@]}"; do
  IFS=: read -r model batch precision <<<"$c"
  steps=${STEPS:-400}
  widths=(${model//-/ })
  [ -e "$model.h5" ] || $python "$torch" data "$model.h5" "${widths[0]}" "${widths[-1]}" $((8 * batch))
  rm -f gdtrain.us eager.us graph.us
  for _ in $(seq "${ROUNDS:-3}"); do
    echo "$model $batch $precision $steps" >&"${server[1]}"
    read -r -t 120 eager graph <&"${server[0]}" || { fail "PyTorch has no time for $c"; break; }
    figures=$(ours "$model" "$batch" "$precision") || { fail "gdtrain has no time for $c"; break; }
    read -r us launches share speed <<<"$figures"
    echo "$us" >>gdtrain.us && echo "$eager" >>eager.us && echo "$graph" >>graph.us
  done
  [ -s gdtrain.us ] || continue
  awk -v c="$c" -v us="$(median gdtrain.us)" -v e="$(median eager.us)" -v g="$(median graph.us)" -v n="$launches" -v s="$share" -v v="$speed" \
    'BEGIN { printf "%-40s gdtrain %9.1f us (%d launches, %s TFLOP/s, %s %% of the ceiling)  PyTorch graph %9.1f us %5.2f x  eager %9.1f us %5.2f x\n",
      c, us, n, v, s, g, g / us, e, e / us }'
done
exec {server[1]}>&-
finish
