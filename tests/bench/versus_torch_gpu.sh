#!/usr/bin/env bash
# gdtrain against PyTorch on one GPU: whole steps of the same models, PyTorch's eager and captured in a CUDA graph, medians by
# CUDA events, in turns, medians of ROUNDS (3) of STEPS (400; 4000 where they are short). Needs PyTorch and h5py in PYTHON
# (python3). What PyTorch cannot do is "-" and a failure; without it gdtrain is measured alone, and the test skipped.
#
#   tests/bench/versus_torch_gpu.sh FOLDER_WITH_GDTRAIN [MODEL:BATCH:PRECISION ...]
. "$(dirname "$0")/../lib.sh" "$@"
shift
cases=("$@")
[ $# -gt 0 ] || cases=(784-512-512-10:128:fp32 784-512-512-10:128:tf32
  4096-4096-4096-4096-4096:1024:tf32 4096-4096-4096-4096-4096:1024:bf16)
python=${PYTHON:-python3} # words: may be "env NAME=VALUE python3"
torch="$source_dir/tests/bench/versus_torch_gpu.py"
there= # PyTorch answers
if $python -c "import torch, h5py; assert '${TORCH_DEVICE:-cuda}' == 'cpu' or torch.cuda.is_available(), 'no GPU'"; then
  coproc server { exec $python "$torch" serve; }
  exec {ask}>&"${server[1]}" {answer}<&"${server[0]}" # bash forgets those of a server that ends
  exec {server[1]}>&-
  read -r -t 120 ready <&"$answer" && [ "${ready%% *}" = ready ] && there=1 || fail "PyTorch does not start"
  echo "PyTorch ${ready#ready }"
else
  missing="PyTorch with a GPU, and h5py, are needed in $python"
fi

# theirs MODEL BATCH PRECISION: "EAGER GRAPH", microseconds or nan. One that does not answer is not asked again.
theirs() {
  local line
  [ "$there" ] || { echo "nan nan"; return; }
  { echo "$* $steps" >&"$ask"; } 2>/dev/null && read -r -t 120 line <&"$answer" || return
  echo "$line"
}

# ours MODEL BATCH PRECISION: microseconds, launches, share of the products' ceiling, in-step TFLOP/s
ours() {
  local words
  words=$(echo "$1" | cut -d- -f2- | sed 's/-/ relu linear:/g; s/^/linear:/')
  gdtrain bench --device cuda --data "$1.h5" --model "$words" --batch-size "$2" --precision "$3" --lr 0.01 --momentum 0.9 \
    --steps "$steps" >out.txt 2>err.txt || { cat err.txt >&2; return 1; }
  awk '$1 == "step" { us = $2 } $1 == "kernels" { n = $2 } $1 == "products" { share = $(NF - 3); speed = $(NF - 5) }
    END { print us, (n ~ /^[0-9]+$/ ? n : 0), share, speed }' out.txt
}
median() { grep -v nan "$1" | sort -g | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "-" }'; }
# Without h5py: other numbers, of which the time does not depend.
data() {
  $python "$torch" data "$1" "$2" "$3" "$4" || gdtrain data make blobs --n "$4" --d "$2" --k "$3" --out "$1" >/dev/null
}

for c in "${cases[@]}"; do
  IFS=: read -r model batch precision <<<"$c"
  steps=${STEPS:-$((batch < 512 ? 4000 : 400))}
  widths=(${model//-/ })
  [ -e "$model.h5" ] || data "$model.h5" "${widths[0]}" "${widths[-1]}" $((8 * batch))
  rm -f gdtrain.us eager.us graph.us
  for _ in $(seq "${ROUNDS:-3}"); do
    answers=$(theirs "$model" "$batch" "$precision") || { fail "PyTorch does not answer any more"; there= answers="nan nan"; }
    read -r eager graph <<<"$answers"
    figures=$(ours "$model" "$batch" "$precision") || { fail "gdtrain has no time for $c"; break; }
    read -r us launches share speed <<<"$figures"
    echo "$us" >>gdtrain.us && echo "$eager" >>eager.us && echo "$graph" >>graph.us
  done
  [ -s gdtrain.us ] || continue
  [ "$(median eager.us)" != - ] && { [ "$(median graph.us)" != - ] || [ "${TORCH_DEVICE:-cuda}" = cpu ]; } || [ ! "$there" ] ||
    fail "PyTorch has no time for $c"
  awk -v c="$c" -v us="$(median gdtrain.us)" -v e="$(median eager.us)" -v g="$(median graph.us)" -v n="$launches" -v s="$share" -v v="$speed" \
    'function times(t) { return t == "-" ? sprintf("%9s us %5s x", t, t) : sprintf("%9.1f us %5.2f x", t, t / us) }
    BEGIN { printf "%-40s gdtrain %9.1f us (%d launches, %s TFLOP/s, %s %% of the ceiling)  PyTorch graph %s  eager %s\n",
      c, us, n, v, s, times(g), times(e) }'
done
[ ! "${ask:-}" ] || exec {ask}>&-
[ "$failures" != 0 ] || [ ! "${missing:-}" ] || skip "$missing"
finish
