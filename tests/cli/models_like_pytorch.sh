#!/usr/bin/env bash
# resnet18 with weights of PyTorch's default initialisation: a batch in training mode with a rate of 0, which the running statistics
# follow, then the logits, as PyTorch's to 1e-4.
#
#   GD_PYTHON=python3 (with torch, safetensors and h5py)
. "$(dirname "$0")/../lib.sh" "$@"
python=${GD_PYTHON:-/usr/bin/python3}
$python -c 'import h5py, safetensors, torch' 2>/dev/null || skip "$python has no torch, safetensors and h5py (GD_PYTHON)"
cat >by_torch.py <<'P'
import sys

import h5py
import torch
from safetensors.torch import save_file

from make_models import BasicBlock, ResNet

torch.manual_seed(1)
net, x = ResNet(BasicBlock, (2, 2, 2, 2), 1000), torch.rand(8, 3, 64, 64)
save_file(net.state_dict(), "resnet18.safetensors")
with torch.no_grad(), h5py.File("images.h5", "w") as f:
    net(x)
    f["x"], f["y"] = x.numpy(), net.eval()(x).numpy()
P
PYTHONPATH=$source_dir/tests/golden PYTHONDONTWRITEBYTECODE=1 $python by_torch.py || fail "PyTorch"
gdtrain --data images.h5 --model resnet18 --init resnet18.safetensors --steps 1 --lr 0 --batch-size 8 --loss mse --plots false --out run \
  >out.txt 2>&1 || { fail "a batch"; cat out.txt; }
gdtrain predict run --data images.h5 --out ours.h5 >out.txt 2>&1 || { fail "predict"; cat out.txt; }
$python -c '
import h5py
with h5py.File("images.h5") as a, h5py.File("ours.h5") as b:
    [ours] = [d for d in b.values() if d.shape == a["y"].shape]
    error = abs(a["y"][()] - ours[()]).max()
print("largest difference of a logit:", error)
assert error <= 1e-4' || fail "other logits"
finish
