# Sourced by gpu-checks.sh: what is checked, the most important first. Each runs in a folder of its own; fd 3 takes its figure.

figure() { echo "$*" >&3; }
needs_hardware() { [ -z "$emulated" ] || { echo "needs a real GPU"; exit 77; }; }
# needs TOOL: in the PATH, or where CUDA and its tools are installed
needs() {
  local folder
  for folder in /usr/local/cuda/bin /usr/local/cuda/compute-sanitizer /opt/nvidia/* /opt/nvidia/*/bin /opt/nvidia/*/*/bin; do
    command -v "$1" >/dev/null || [ ! -x "$folder/$1" ] || PATH=$PATH:$folder
  done
  command -v "$1" >/dev/null || { echo "no $1 on this host"; exit 77; }
}
some_ranks() { # RANKS command...: ranks that share the GPU
  local n=$1
  shift
  if [ "$n" = 1 ]; then "$@"; else mpirun --oversubscribe --bind-to none -n "$n" "$share" "$@"; fi
}
glyphs() { gdtrain data make glyphs --n "$1" --out train.h5; }
# summary FOLDER NAME: a number of summary.json
number() { awk -F'[:,]' -v k="\"$2\"" '$1 ~ k { print $2 + 0; exit }' "$1/summary.json"; }
holds() { awk "BEGIN { exit !($*) }"; }

# ---- the device, the kernels ----

device() {
  glyphs 256 && gdtrain bench --device cuda --data train.h5 --model "linear:16 relu linear:10" --batch-size 64 --steps 8 || return
  [ -n "$emulated" ] || nvidia-smi
  figure "$(gdtrain bench --device cuda --data train.h5 --model linear:10 --batch-size 64 --steps 8 | sed -n 's/^device *//p')"
}
program() { "$build/tests/$1" && figure "$(grep -ciE '^\[ +OK' "$logs/$1.log") tests"; }
script() { bash "$1" "$build" "$build/tests"; }

# ---- training ----

mnist() {
  local from=${GD_MNIST_DIR:-$root/../shared/data/mnist} epochs=10 train=train samples=60000
  [ -e "$from/train-images-idx3-ubyte.gz" ] || { echo "no MNIST in $from (GD_MNIST_DIR)"; exit $((emulated ? 77 : 1)); }
  [ -z "$emulated" ] || { epochs=1 train=t10k samples=10000; } # the emulator takes a second for what a GPU does in a millisecond
  gdtrain data import idx "$from/$train-images-idx3-ubyte.gz" "$from/$train-labels-idx1-ubyte.gz" --out train.h5 &&
    gdtrain data import idx "$from"/t10k-images-idx3-ubyte.gz "$from"/t10k-labels-idx1-ubyte.gz --out test.h5 &&
    gdtrain --device cuda --data train.h5 --val-data test.h5 --model "linear:512 relu linear:10" --batch-size 128 --epochs $epochs --lr 0.1 \
      --momentum 0.9 --schedule sgdr --plots false --out run || return
  cat run/summary.json
  local accuracy seconds
  accuracy=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "val.accuracy") k = i } NR > 1 && $k != "" { v = $k } END { print v }' run/metrics.csv)
  seconds=$(awk -v n=$((epochs * samples)) -v s="$(number run samples_per_s)" 'BEGIN { print n / s }')
  figure "accuracy $(printf %.4f "$accuracy"); $epochs epochs in $seconds s of training ($(number run samples_per_s) samples/s)"
  [ -n "$emulated" ] || holds "$accuracy >= 0.98 && $seconds < 5"
}

# ---- speed ----

# The models that speed is judged by.
small=(--model "linear:512 relu linear:512 relu linear:10" --batch-size 128 --steps 4000)
wide=(--model "linear:4096 relu linear:4096 relu linear:4096 relu linear:4096" --batch-size 1024 --precision bf16 --steps 200)
wide_data() { gdtrain data make blobs --n 2048 --d 4096 --k 10 --out wide.h5; }

# bench options...
bench() {
  needs_hardware
  gdtrain bench --device cuda --lr 0.01 --momentum 0.9 "$@" >bench.txt || return
  cat bench.txt
  figure "$(awk '$1 == "step" { s = $2 } $1 == "kernels" { k = $2 } $1 == "products" { p = $(NF - 3); t = $(NF - 5) }
    END { printf "%s us a step, %s launches, %s TFLOP/s, %s %% of the ceiling", s, k, t, p }' bench.txt)"
}
bench_small() { glyphs 16384 && bench --data train.h5 "${small[@]}" "$@" &&
  holds "$(awk '$1 == "step" { print $2 }' bench.txt) <= 60"; }

# The issue of speed against PyTorch: every case a line; the verdict by what was asked for. Without PyTorch (77) gdtrain is judged
# alone.
versus_torch() {
  needs_hardware
  ROUNDS=${ROUNDS:-3} bash "$root/tests/bench/versus_torch_gpu.sh" "$build" >versus.txt 2>&1
  local code=$?
  cat versus.txt
  figure "$(awk '/PyTorch graph/ { printf "%s%s %.0f us, graph %s x, eager %s x, %s %%", sep, $1, $3, $(NF - 6), $(NF - 1), $9; sep = "; " }' versus.txt)"
  [ $code = 0 ] || [ $code = 77 ] || return $code
  awk -v alone=$code '/^784.*fp32/ { small = $3 <= 60 && (alone || ($(NF - 6) >= 1 && $(NF - 1) >= 3)) } /^4096.*bf16/ { wide = $9 >= 70 }
    END { exit !(small && wide) }' versus.txt && return $code
}

# step_us RANKS options...: microseconds of a step, of ranks that share the GPU
step_us() { some_ranks "$1" gdtrain bench --device cuda --lr 0.01 --momentum 0.9 "${@:2}" 2>bench.err | awk '$1 == "step" { print $2 }'; }
# least FILE NAME: the smallest number after NAME
least() { awk -v n="$2" '$1 == n && $2 > 0 && (!m || $2 < m) { m = $2 } END { print m ? m : "-" }' "$1"; }

# What overlap hides on one GPU: updates beside backward. In turns, the best of three each. No verdict.
bench_overlap() {
  needs_hardware
  wide_data || return
  local overlap
  for _ in 1 2 3; do
    for overlap in true false; do echo "$overlap $(step_us 1 --data wide.h5 "${wide[@]}" --overlap $overlap)"; done
  done | tee steps.txt
  figure "wide: $(least steps.txt true) us with overlap, $(least steps.txt false) without"
  [ "$(awk 'NF == 2' steps.txt | wc -l)" = 6 ] || { cat bench.err; return 1; }
}

# The same where two ranks pass gradients through host memory. No verdict.
bench_staged() {
  needs_hardware
  wide_data || return
  local by overlap
  for by in shm mpi; do
    for overlap in true false; do
      echo "$by-$overlap $(step_us 2 --data wide.h5 "${wide[@]}" --steps 60 --micro-batch 512 --transport $by --overlap $overlap --threads 4)"
    done
  done | tee steps.txt
  figure "$(awk '{ printf "%s%s %s us", sep, $1, $2; sep = "; " }' steps.txt)"
  [ "$(awk 'NF == 2' steps.txt | wc -l)" = 4 ] || { cat bench.err; return 1; }
}
# What data cost that are sent for every step. No verdict.
bench_streamed() {
  needs_hardware
  glyphs 16384 || return
  local memory
  for memory in auto stream; do echo "$memory $(step_us 1 --data train.h5 "${small[@]}" --data.memory $memory)"; done | tee steps.txt
  figure "small: $(least steps.txt auto) us on the GPU, $(least steps.txt stream) us streamed"
  [ "$(awk 'NF == 2' steps.txt | wc -l)" = 2 ] || { cat bench.err; return 1; }
}

# The knobs of src/device/cuda/tuning.h: every value on the two models that speed is judged by, in two rounds, of which the better
# one counts. No verdict, a table to choose from.
knobs="gradient_stream 0 1
node_priority 0 1
relu_by_product 0 1
update_share 0 1 2 3 4 6 8 12 16 33"
tune() {
  needs_hardware
  glyphs 16384 && wide_data || return
  local knob values value tuned=()
  while read -r knob values; do
    for value in $values; do tuned+=("$knob=$value"); done
  done <<<"$knobs"
  for _ in 1 2; do
    for GDTRAIN_TUNE in "${tuned[@]}"; do
      export GDTRAIN_TUNE
      echo "$GDTRAIN_TUNE $(step_us 1 --data train.h5 "${small[@]}")" >>small.txt
      echo "$GDTRAIN_TUNE $(step_us 1 --data wide.h5 "${wide[@]}")" >>wide.txt
    done
  done
  printf '%-20s %12s %12s\n' knob "small, us" "wide, us" >tune.txt
  for value in "${tuned[@]}"; do printf '%-20s %12s %12s\n' "$value" "$(least small.txt "$value")" "$(least wide.txt "$value")"; done >>tune.txt
  cat tune.txt
  figure "$(awk 'NR > 1 && $3 > 0 && (!best || $3 < best) { best = $3; knob = $1 } END { printf "wide: %s us with %s", best, knob }' tune.txt); the table is in the log"
  ! grep -q -- ' -' tune.txt || { cat bench.err; return 1; }
}

# ---- ranks ----

# nccl RANKS PROGRAM: what it skips where NCCL cannot be had is a failure where it must be
nccl() {
  some_ranks "$1" "$build/tests/nccl_$2"
  local code=$?
  [ $code != 77 ] || [ -n "$emulated" ] || { echo "NCCL was not used"; code=1; }
  return $code
}
# lost CODE ARGUMENTS: three ranks pass data, and one of them is lost; the others' abort ends, too
lost() {
  local expected=$1 code t0=$SECONDS
  shift
  some_ranks 3 "$build/tests/nccl_job" "$@" 2>&1 | tee job.txt
  code=${PIPESTATUS[0]}
  figure "exit $code after $((SECONDS - t0)) s"
  [ "$code" = "$expected" ] && [ $((SECONDS - t0)) -lt 30 ] && ! grep "does not let go" job.txt
}
# Parameters after 60 steps on 1, 2 and 3 ranks by NCCL, and on 2 that pass by MPI.
same_bits() {
  local ranks by digests
  glyphs 1000 || return
  for ranks in 1 2 3 2m; do
    by=auto
    [ $ranks = 1 ] || by=nccl
    [ $ranks = 2m ] && by=mpi
    some_ranks ${ranks%m} gdtrain --device cuda --data train.h5 --model "linear:64 relu dropout:0.2 linear:10" --batch-size 96 --micro-batch 16 --steps 60 \
      --lr 0.05 --momentum 0.9 --transport $by --threads 1 --plots false --out run$ranks || return
    gdtrain inspect "$(ls run$ranks/checkpoints/step-*.h5 | tail -1)" --digest | tee -a digests
  done
  figure "$(sort -u digests | wc -l) digest of 1, 2, 3 ranks by NCCL and 2 by MPI: $(head -c 16 digests)"
  [ "$(sort -u digests | wc -l)" = 1 ]
}
comm() {
  local most=16
  [ -z "$emulated" ] || most=1
  glyphs 4096 && some_ranks 2 gdtrain bench --comm --device cuda --transport nccl --data train.h5 --model "linear:64 relu linear:10" --batch-size 256 \
    --micro-batch 64 --steps 16 --max-mb $most --lr 0.01 --threads 1 >comm.txt || return
  cat comm.txt
  figure "$(grep '^sizes' comm.txt) $(awk '$4 == "us" { a = $0 } END { print a }' comm.txt)"
}

# ---- sanitizers, a trace ----

sanitize() {
  local tool=$1 code of others=()
  shift
  needs_hardware
  needs compute-sanitizer
  # Kernels of libraries know what they do with shared memory. Newer versions can leave them out.
  if [ "$tool" = racecheck ] && compute-sanitizer --help | grep -q -e --kernel-name-exclude; then
    for of in nvjet cutlass cublas gemm splitK; do others+=(--kernel-name-exclude "kernel_substring=$of"); done
  fi
  compute-sanitizer --tool "$tool" --report-api-errors no --error-exitcode 99 --print-limit 20 "${others[@]}" "$@"
  code=$?
  ! grep -q "Device not supported" "$logs/$name.log" || { echo "compute-sanitizer does not know this GPU"; exit 77; }
  figure "$(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$logs/$name.log" | tail -1 | sed 's/=* *//')"
  return $code
}
short_training() {
  glyphs 512 && sanitize "$1" "$build/gdtrain" --device cuda --data train.h5 --model "linear:64 gelu dropout:0.2 linear:10" --batch-size 96 --micro-batch 32 \
    --steps 24 --lr 0.05 --momentum 0.9 --clip-norm 5 --plots false --out run
}
overlap() { # ordered|allreduce
  needs_hardware
  needs nsys
  glyphs 16384 || return
  cat >profiled <<'S'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exec "$@"
exec nsys profile -t cuda --cuda-graph-trace=node -o trace --force-overwrite true "$@"
S
  chmod +x profiled
  some_ranks 2 ./profiled gdtrain --device cuda --data train.h5 --model "linear:2048 relu linear:2048 relu linear:2048 relu linear:10" --batch-size 4096 \
    --micro-batch 2048 --steps 30 --sync $1 --bucket-mb 4 --transport nccl --lr 0.01 --threads 1 --plots false --out run || return
  nsys stats --report cuda_gpu_trace --format csv --output . trace.nsys-rep && cp trace*.csv "$logs/" || return
  $PYTHON "$root/tests/bench/overlap_trace.py" trace*cuda_gpu_trace.csv >trace.txt || return
  cat trace.txt
  figure "$(tail -1 trace.txt)"
}

# ---- all ----

kernels=(elementwise reduce loss linear matmul update record checksum batch dropout)
all_checks() {
  local k ranks tool
  check device 60 device
  for k in "$build"/tests/gpu_*; do [ -x "$k" ] && [ -f "$k" ] && check "$(basename "$k")" 60 program "$(basename "$k")"; done
  check mnist 120 mnist
  check bench_small 60 bench_small
  check bench_tf32 60 bench_small --precision tf32
  check versus_torch 240 versus_torch
  check bench_overlap 60 bench_overlap
  check bench_staged 90 bench_staged
  check bench_streamed 60 bench_streamed
  check tune 240 tune
  check nccl_same_bits 90 same_bits
  for ranks in 1 2 3; do check nccl_transport_$ranks 60 nccl $ranks transport; done
  for ranks in 1 2 3; do check nccl_ordered_$ranks 60 nccl $ranks ordered; done
  for ranks in 2 3; do check nccl_staged_$ranks 60 some_ranks $ranks "$build/tests/nccl_staged"; done
  check nccl_sharing 40 nccl 2 sharing
  check nccl_killed_rank 40 lost 137 20 50 kill 20
  check nccl_stopped_rank 40 lost 9 4 50 stop 20
  check nccl_stopped_recorded 40 lost 9 4 50 stop 20 recorded
  check nccl_comm 60 comm
  for k in ordered allreduce; do check overlap_$k 60 overlap $k; done
  for k in "$root"/tests/gpu/*.sh; do check "script_$(basename "$k" .sh)" 240 script "$k"; done
  for tool in memcheck racecheck; do
    check "${tool}_training" 100 short_training $tool &
    for k in "${kernels[@]}"; do check "${tool}_$k" 100 sanitize $tool "$build/tests/gpu_$k" & done
    wait
  done
}
