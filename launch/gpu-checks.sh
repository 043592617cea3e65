#!/usr/bin/env bash
# Everything that a GPU host should show, in one command and within BUDGET seconds (530), without network or packages. One line a
# check in LOGS/summary.txt, with its figure; its output in LOGS/NAME.log. Nothing stops at a failure. Exit 1 when one failed, 3
# when none did but time ran out before all were done (LATE): the last line says how to run those.
#
#   launch/gpu-checks.sh --pack BUILD FILE.tar.xz     before, where it was built: the programs that this needs (4 MB)
#   launch/gpu-checks.sh LOGS [BUILD|FILE.tar.xz [BUNDLE]]
#
# BUILD (build-gpu) comes from  cmake -S . -B build-gpu -G Ninja -DGD_CUDA=ON -DGD_NATIVE=OFF -DCMAKE_CUDA_ARCHITECTURES=90.
# BUNDLE/env.sh is sourced: paths of the run-time libraries. GD_MNIST_DIR: MNIST. ONLY=REGEX: checks with such names.
# ARCHIVE=FILE.tar.gz: LOGS in one file at the end, and summary.txt beside it. PYTHON: one with PyTorch.
# A build with GD_CUDA=EMULATED tries this script itself; what needs real hardware is then skipped.
#
# All together take longer than 10 minutes. Three calls that do not, with LOGS, and ARCHIVE, of their own:
#
#   ONLY='^(device|gpu_|mnist|bench_|versus|tune)'    kernels, speed, MNIST
#   ONLY='^(nccl_|overlap_|script_)'                  ranks that share the GPU, the scripts of tests/gpu
#   ONLY='^(memcheck|racecheck)'                      compute-sanitizer
set -u
root=$(cd "$(dirname "$0")/.." && pwd)

# In every bundle, or on every host with a GPU: libraries that the programs name themselves.
at_hand='^(ld-linux.*|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|gomp|mpi|hdf5.*|dnnl|openblas|yaml-0|z|cuda|cudart|nccl|cublas.*))\.so'

# Of cmocka, which hosts do not have, a copy goes along. What else would be missing there is said here.
pack_libraries() { # FOLDER
  local name missing=
  cp -L "$(ldd "$1"/tests/gpu_linear | awk '/libcmocka/ { print $3 }')" "$1/tests/" || return
  for name in $(objdump -p "$1/gdtrain" "$1"/tests/* | awk '$1 == "NEEDED" { print $2 }' | sort -u); do
    [[ $name =~ $at_hand ]] || [ -e "$1/tests/$name" ] || missing="$missing $name"
  done
  [ -z "$missing" ] || { echo "neither packed nor in a bundle:$missing" >&2; return 1; }
}
pack() {
  local from
  from=$(mktemp -d)
  mkdir "$from/tests"
  cp "$1/gdtrain" "$from/" && find "$1/tests" -maxdepth 1 -type f -perm -u+x \( -name 'gpu_*' -o -name 'nccl_*' \) -exec cp {} "$from/tests/" \; &&
    strip "$from/gdtrain" "$from"/tests/* && pack_libraries "$from" && tar -C "$from" -c . | xz -T1 --lzma2=preset=1,dict=256MiB >"$2" && ls -l "$2"
  local code=$?
  rm -rf "$from"
  return $code
}
if [ "${1:-}" = --pack ]; then
  pack "$2" "$3"
  exit
fi

mkdir -p "${1:?usage: gpu-checks.sh LOGS [BUILD [BUNDLE]]}"
logs=$(cd "$1" && pwd)
build=${2:-$root/build-gpu}
export PYTHON="env LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-} ${PYTHON:-python3}" # a bundle's libraries are not for it
if [ -f "$build" ]; then
  rm -rf "$logs/build" && mkdir "$logs/build"
  xz -dc --memlimit=1GiB "$build" | tar -x -C "$logs/build" || python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$build" "$logs/build"
  build=$logs/build
fi
build=$(cd "$build" && pwd) || exit 2
[ -z "${3:-}" ] || . "$3/env.sh"
export LD_LIBRARY_PATH=$build/tests${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} # a pack has cmocka there
. "$root/launch/packages.sh"
[ -d "$root/shared/data/mnist" ] && export GD_MNIST_DIR=${GD_MNIST_DIR:-$root/shared/data/mnist}
[ -d "${GD_MNIST_DIR:-}" ] && GD_MNIST_DIR=$(cd "$GD_MNIST_DIR" && pwd) # checks run elsewhere
[ -z "${ARCHIVE:-}" ] || ARCHIVE=$(realpath -m "$ARCHIVE")
export PATH=$build:$PATH
emulated=
[ -e "$build/tests/emulator/libgd_emulator.so" ] && emulated=1 && export GDTRAIN_EMULATED_GPUS=1
started=$SECONDS
summary=$logs/summary.txt
: >"$summary"

# Ranks that share the GPU: to NCCL each is a host of its own.
share=$logs/share
cat >"$share" <<'S'
#!/bin/sh
export NCCL_HOSTID=r$OMPI_COMM_WORLD_RANK NCCL_SOCKET_IFNAME=lo NCCL_NET=Socket NCCL_IB_DISABLE=1 NCCL_MNNVL_ENABLE=0
export NCCL_RAS_ENABLE=0 NCCL_MAX_CTAS=2
exec "$@"
S
chmod +x "$share"
export GD_RANK_WRAPPER=$share # of the scripts, too
. "$root/launch/gpu-checks-list.sh"

# check NAME SECONDS command...: its exit code (77: skipped) is the verdict, what it writes to fd 3, or else its last line, the
# figure. Not done in its SECONDS it failed; when the budget ends before those do, it is late.
check() {
  local name=$1 limit=$2 code verdict figure left overdue=FAIL
  shift 2
  [[ $name =~ ${ONLY:-.} ]] || return 0
  left=$((${BUDGET:-530} - SECONDS + started))
  if [ "$left" -lt 5 ]; then
    printf 'LATE  %-28s no time is left\n' "$name" | tee -a "$summary"
    return 0
  fi
  [ "$limit" -le "$left" ] || limit=$left overdue=LATE
  mkdir -p "$logs/$name.work"
  local t0=$SECONDS
  (cd "$logs/$name.work" && limited "$limit" "$@") 3>"$logs/$name.figure" >"$logs/$name.log" 2>&1 </dev/null
  code=$?
  figure=$(cat "$logs/$name.figure")
  [ -n "$figure" ] || figure=$(grep -v '^ *$' "$logs/$name.log" | tail -1 | cut -c1-200)
  case $code in 0) verdict=PASS ;; 77) verdict=SKIP ;; 124) verdict=$overdue ;; *) verdict=FAIL ;; esac
  [ "$code" != 124 ] || figure="not done in $limit s; $figure"
  printf '%s  %-28s %s  (%d s)\n' "$verdict" "$name" "$figure" $((SECONDS - t0)) | tee -a "$summary"
  rm -rf "$logs/$name.work" "$logs/$name.figure"
}

# A function of this script or a program, ended with all that it started when its time is over: mpirun has 5 s to end its ranks.
limited() {
  local limit=$1 i
  shift
  set -m
  "$@" &
  local pid=$! until=$((SECONDS + limit))
  set +m
  while kill -0 $pid 2>/dev/null; do
    if [ "$SECONDS" -ge "$until" ]; then
      kill -TERM -- -$pid 2>/dev/null
      for ((i = 0; i < 50; i++)); do kill -0 -- -$pid 2>/dev/null && sleep 0.1; done
      kill -KILL -- -$pid 2>/dev/null
      wait $pid 2>/dev/null
      return 124
    fi
    sleep 0.1
  done
  wait $pid
}

all_checks
echo
count() { grep -c "^$1" "$summary"; }
echo "$(count PASS) passed, $(count FAIL) failed, $(count SKIP) skipped, $(count LATE) late in $((SECONDS - started)) s; logs in $logs" |
  tee -a "$summary"
late=$(awk '$1 == "LATE" { printf "%s%s", sep, $2; sep = "|" }' "$summary")
[ -z "$late" ] || echo "not done for want of time; next: ONLY='^($late)\$' launch/gpu-checks.sh ..." | tee -a "$summary"

# Few files come back from where this runs.
archive() {
  mkdir -p "$(dirname "$ARCHIVE")"
  tar -C "$logs" --exclude=./build --exclude="./$(basename "$ARCHIVE")" -caf "$ARCHIVE" . || return
  [ "$(dirname "$ARCHIVE")" = "$logs" ] || cp "$summary" "$(dirname "$ARCHIVE")/"
}
[ -z "${ARCHIVE:-}" ] || archive
[ "$(count FAIL)" = 0 ] || exit 1
[ -z "$late" ] || exit 3
