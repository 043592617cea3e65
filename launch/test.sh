#!/usr/bin/env bash
# Builds and runs the tests. With --sanitize: the unit tests, and those for GPUs on an emulated one, under
# AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   launch/test.sh [--sanitize] [options of ctest]
set -euo pipefail
cd "$(dirname "$0")/.."
. launch/packages.sh
gd_install_packages

build=build-test
options=(-DCMAKE_BUILD_TYPE=Release -DGD_WERROR=ON -DGD_FAULTS=ON)
tests=()
if [ "${1:-}" = --sanitize ]; then
  shift
  build=build-sanitize
  options=(-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g1" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DGD_WERROR=ON
    -DGD_FAULTS=ON -DGD_SANITIZE=ON -DGD_CUDA=EMULATED)
  tests=(-L 'unit|grad|golden|seeds|gpu|nccl|emulated')
  # Open MPI, oneDNN and libgomp keep memory until the process ends; leaks of our own are found by unit tests.
  export ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=$PWD/tests/leaks.supp:print_suppressions=0
fi
cmake -S . -B "$build" -G Ninja "${options[@]}" -DBUILD_TESTING=ON >/dev/null
ninja -C "$build" --quiet
cd "$build"
ctest --output-on-failure -j "$(nproc)" "${tests[@]}" "$@"
