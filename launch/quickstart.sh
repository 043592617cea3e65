#!/usr/bin/env bash
# From a fresh Debian or Ubuntu to a trained network: installs what is missing, builds, runs the demonstration on as
# many ranks as there are cores (at least 2).
#
#   launch/quickstart.sh [options of gdtrain]
set -euo pipefail
cd "$(dirname "$0")/.."
. launch/packages.sh
gd_install_packages

gpu=-DGD_CUDA=OFF # kernels take minutes to compile: only for the GPU that is here
if nvidia-smi -L >/dev/null 2>&1; then gpu=-DCMAKE_CUDA_ARCHITECTURES=native; fi
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF "$gpu" >build.log 2>&1 || { cat build.log; exit 1; }
ninja -C build >>build.log 2>&1 || { cat build.log; exit 1; }
mv build.log build/build.log

ranks=$(nproc)
[ "$ranks" -ge 2 ] || ranks=2
echo "+ mpirun --oversubscribe -n $ranks build/gdtrain $*"
exec mpirun --oversubscribe -n "$ranks" build/gdtrain "$@"
