"""Golden values for tests/mpi/losses.c: ten losses and the parameters after them, as PyTorch trains a small model under
losses with settings.

    python3 make_losses.py > losses.txt

Parameters, inputs and targets are sines of their index, as in make_nn.py.
"""
import math

import torch
from torch import nn

ROWS, FEATURES, HIDDEN, OUTPUTS, STEPS = 12, 7, 9, 4, 10
WEIGHTS = [0.5, 2, 1.25, 0.75]
BALANCED = None  # from the labels


def sines(n, phase, factor):
    return [factor * math.sin(1.7 * i + phase) for i in range(n)]


def f64(values):
    return torch.tensor(values, dtype=torch.float64)


LABELS = torch.tensor([-100 if i == 5 else i * i % OUTPUTS if i % 3 else i % OUTPUTS for i in range(ROWS)])
SOFT = torch.softmax(3 * f64(sines(ROWS * OUTPUTS, 0.6, 1)).reshape(ROWS, OUTPUTS), 1)
BITS = (f64(sines(ROWS * OUTPUTS, 0.6, 1)).reshape(ROWS, OUTPUTS) > 0).double()
REAL = f64(sines(ROWS * OUTPUTS, 0.6, 1)).reshape(ROWS, OUTPUTS)
counts = [int((LABELS == c).sum()) for c in range(OUTPUTS)]
BALANCED = [sum(counts) / (OUTPUTS * max(n, 1)) for n in counts]
CE, BCE = nn.CrossEntropyLoss, nn.BCEWithLogitsLoss
CASES = [  # name, loss, targets, settings as gdtrain has them
    ("label_smoothing", CE(label_smoothing=0.1), LABELS, "loss=cross_entropy label_smoothing=0.1"),
    ("class_weights", CE(weight=f64(WEIGHTS)), LABELS, "loss=cross_entropy class_weights=0.5,2,1.25,0.75"),
    ("class_weights_auto", CE(weight=f64(BALANCED)), LABELS, "loss=cross_entropy class_weights=auto"),
    ("both", CE(weight=f64(WEIGHTS), label_smoothing=0.2), LABELS,
     "loss=cross_entropy class_weights=0.5,2,1.25,0.75 label_smoothing=0.2"),
    ("soft", CE(), SOFT, "loss=cross_entropy"),
    ("soft_both", CE(weight=f64(WEIGHTS), label_smoothing=0.2), SOFT,
     "loss=cross_entropy class_weights=0.5,2,1.25,0.75 label_smoothing=0.2"),
    ("pos_weight", BCE(pos_weight=f64([3.0])), BITS, "loss=bce_with_logits pos_weight=3"),
    ("pos_weights", BCE(pos_weight=f64(WEIGHTS)), BITS, "loss=bce_with_logits pos_weight=0.5,2,1.25,0.75"),
    ("huber", nn.HuberLoss(delta=0.3), REAL, "loss=huber huber_delta=0.3"),
]
for name, loss_of, y, settings in CASES:
    net = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, OUTPUTS)).double()
    for i, p in enumerate(net.parameters()):
        p.data = f64(sines(p.numel(), i + 1, 0.5)).reshape(p.shape)
    x = f64(sines(ROWS * FEATURES, 0.3, 1)).reshape(ROWS, FEATURES)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(name, "labels" if y is LABELS else "numbers", *settings.split())
    print(" ".join(f"{v:.17g}" for v in y.flatten().tolist()))
    print(" ".join(f"{v:.17g}" for v in losses))
    print(" ".join(f"{v:.17g}" for p in net.parameters() for v in (p.sum().item(), p.norm().item())))
