#!/usr/bin/env bash
# Prints the path of a Python with the newest PyTorch, NumPy, h5py and safetensors, for benches and golden files: PYTHON where
# it has them, else one of a virtual environment in the user's cache folder, made when it is not there. Exit code 77 and
# the reason where it cannot be had.
#
#   python=$(tests/bench/venv.sh) || exit
#
# PyPI's build for Linux on x86 brings CUDA's libraries, 5 GB in all. TORCH_INDEX=URL names another index for torch, such as PyTorch's
# own of builds for CPUs.
set -euo pipefail
has_all() { "$1" -c 'import torch, numpy, h5py, safetensors' 2>/dev/null; }
cannot() { echo "skipped: PyTorch cannot be had: $*" >&2; exit 77; }

if [ "${PYTHON:-}" ]; then
  has_all "$PYTHON" || cannot "PYTHON=$PYTHON has not all of torch, numpy, h5py, safetensors"
  command -v "$PYTHON"
  exit
fi
venv=${XDG_CACHE_HOME:-$HOME/.cache}/gdtrain/venv
if ! has_all "$venv/bin/python"; then
  echo "making $venv ..." >&2
  python3 -m venv "$venv" >&2 || cannot "python3 makes no virtual environment (python3-venv)"
  "$venv/bin/pip" install --quiet torch ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} >&2 || cannot "pip installs no torch"
  "$venv/bin/pip" install --quiet numpy h5py safetensors >&2 || cannot "pip installs not all of numpy, h5py, safetensors"
  has_all "$venv/bin/python" || cannot "what pip installed in $venv cannot be imported"
fi
echo "$venv/bin/python"
