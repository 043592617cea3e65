#!/usr/bin/env bash
# Builds gdtrain and tests it; says at the end what could not be tested here, and why.
#
#   launch/test.sh [options of ctest]                     what tells whether this build can be trusted, in at most 5 minutes
#   launch/test.sh --all [options of ctest]               everything, on the GPUs that are here
#   launch/test.sh --all --sanitize [options of ctest]    everything with AddressSanitizer and UndefinedBehaviorSanitizer, on
#                                                         an emulated GPU, but for what tests/CMakeLists.txt says (unsanitized)
#
# GD_TEST_COUNT=full runs random tests in full instead of a twentieth, GD_TEST_SEED=N draws others. ccache is used where it is.
set -euo pipefail
cd "$(dirname "$0")/.."
. launch/packages.sh

all= sanitize=
while :; do
  case ${1:-} in
  --all) all=1 ;;
  --sanitize) sanitize=1 ;;
  *) break ;;
  esac
  shift
done

gd_install_packages
# What some tests look at files with, make faults with, and stop ranks with: skipped where it cannot be had.
[ ! "$all" ] || (gd_install_packages python3-h5py python3-pandas zstd strace iproute2 procps bsdutils) || true

options=(-DGD_WERROR=ON -DGD_FAULTS=ON -DBUILD_TESTING=ON)
tests=()
if [ "$sanitize" ]; then
  build=build-sanitize
  options+=(-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g1" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DGD_SANITIZE=ON -DGD_CUDA=EMULATED)
  # Open MPI, oneDNN and libgomp keep memory until the process ends; leaks of our own are found by unit tests.
  export ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=$PWD/tests/leaks.supp:print_suppressions=0
elif [ "$all" ]; then
  build=build-all
  options+=(-DCMAKE_BUILD_TYPE=Release)
  # The kernels are built where there is nvcc: for the GPU that is here, else for the oldest and the newest.
  if nvidia-smi -L >/dev/null 2>&1; then options+=(-DCMAKE_CUDA_ARCHITECTURES=native); else options+=(-DCMAKE_CUDA_ARCHITECTURES="75-real;100"); fi
else
  build=build-test
  options+=(-DCMAKE_BUILD_TYPE=Release)
  # Kernels take minutes to compile: only those for the GPU that is here.
  if nvidia-smi -L >/dev/null 2>&1; then options+=(-DCMAKE_CUDA_ARCHITECTURES=native); else options+=(-DGD_CUDA=OFF); fi
fi
[ "$all" ] || tests=(-L quick)
[ ! "$sanitize" ] || tests+=(-LE unsanitized)
! command -v ccache >/dev/null || options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache)

cmake -S . -B "$build" -G Ninja "${options[@]}" >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
mv "$build.log" "$build/cmake.log"
ninja -C "$build" --quiet
cd "$build"
status=0
jobs=$(($(nproc) * 3 / 2)) # tests wait for mpirun, deadlines and disks half of the time
# An mpirun of Open MPI 4.1 waits for ever once in a long while: a test that runs out of time, and no other, is tried once more.
ctest --progress --output-on-failure --repeat after-timeout:2 -j "$jobs" "${tests[@]}" "$@" || status=$?

# Reasons as the tests gave them, each with those that gave it.
awk '/^[0-9]+\/[0-9]+ Testing: / { name = $3 }
  /^skipped: / { add(substr($0, 10)) }
  /^\[  SKIPPED \] [a-z0-9_]+$/ { add("a part of the test, " $4) }
  function add(why) { if (!((why, name) in seen)) { seen[why, name]; tests[why] = tests[why] " " name } }
  END { for (why in tests) { if (!n++) print "\nNot tested here:"; print "  " why ":" tests[why] } }' Testing/Temporary/LastTest.log
exit $status
