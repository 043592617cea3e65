"""Golden values for tests/mpi/losses.c: ten losses and the parameters after them, as PyTorch trains a small model with
parameter groups and frozen parameters. "~" stands for a blank in a setting.

    python3 make_groups.py > groups.txt

Parameters, inputs and targets are sines of their index, as in make_losses.py.
"""
import math

import torch
from torch import nn

ROWS, FEATURES, HIDDEN, OUTPUTS, STEPS = 12, 7, 9, 4, 10


def sines(n, phase, factor):
    return torch.tensor([factor * math.sin(1.7 * i + phase) for i in range(n)], dtype=torch.float64)


Y = sines(ROWS * OUTPUTS, 0.6, 1).reshape(ROWS, OUTPUTS)
W0, B0, W2, B2 = range(4)
SGD = dict(cls=torch.optim.SGD, momentum=0.9)
ADAMW = dict(cls=torch.optim.AdamW)
NO_DECAY = '{match:~"*.bias",~weight_decay:~0}'
CASES = [  # name, optimizer, rate, decay, {parameters: settings}, frozen, settings as gdtrain has them
    ("decay_of_weights", SGD, 0.1, 0.1, {(B0, B2): dict(weight_decay=0)}, (),
     f"optimizer.weight_decay=0.1 optimizer.groups=[{NO_DECAY}]"),
    ("slow_front", SGD, 0.1, 0.05, {(W0,): dict(lr=0.01), (B0,): dict(lr=0.01, weight_decay=0), (B2,): dict(weight_decay=0)}, (),
     f'optimizer.weight_decay=0.05 optimizer.groups=[{NO_DECAY},~{{match:~"0.*",~lr:~0.1x}}]'),
    ("own_rate", SGD, 0.1, 0, {(W2, B2): dict(lr=0.03)}, (), 'optimizer.groups=[{match:~"2.?*",~lr:~0.03}]'),
    ("frozen_front", SGD, 0.1, 0, {}, (W0, B0), "freeze=0.*"),
    ("frozen_adamw", ADAMW, 0.05, 0.02, {(B2,): dict(weight_decay=0)}, (B0, W2),
     f"optimizer.name=adamw optimizer.momentum=0 optimizer.lr=0.05 optimizer.weight_decay=0.02 freeze=0.bias~2.weight "
     f"optimizer.groups=[{NO_DECAY}]"),
]
for name, kind, lr, decay, groups, frozen, settings in CASES:
    net = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, OUTPUTS)).double()
    params = list(net.parameters())
    for i, p in enumerate(params):
        p.data = sines(p.numel(), i + 1, 0.5).reshape(p.shape)
        p.requires_grad = i not in frozen
    x = sines(ROWS * FEATURES, 0.3, 1).reshape(ROWS, FEATURES)
    own = {i: s for of, s in groups.items() for i in of}
    lists = [dict(params=[p], **own.get(i, {})) for i, p in enumerate(params) if i not in frozen]
    rest = {k: v for k, v in kind.items() if k != "cls"}
    optimizer = kind["cls"](lists, lr=lr, weight_decay=decay, **rest)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.MSELoss()(net(x), Y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(name, "numbers", "loss=mse", settings)
    print(" ".join(f"{v:.17g}" for v in Y.flatten().tolist()))
    print(" ".join(f"{v:.17g}" for v in losses))
    print(" ".join(f"{v:.17g}" for p in params for v in (p.sum().item(), p.norm().item())))
