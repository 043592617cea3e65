"""Golden values for tests/mpi/losses.c: ten losses and the parameters after them, as PyTorch trains a small model under
losses with settings.

    python3 make_losses.py > losses.txt

Parameters, inputs and targets are sines of their index, as in make_nn.py. In cases whose names begin with "weighted" sample i
weighs (i % 4) / 2, and the loss is the mean that they weigh.
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
SAMPLE_WEIGHTS = f64([i % 4 / 2 for i in range(ROWS)])
CE, BCE = nn.CrossEntropyLoss, nn.BCEWithLogitsLoss


def weighted(loss, of_label=None):
    """The mean of a loss without reduction; of_label: weights of classes, the ignored label left out."""

    def mean(p, y):
        each = loss(p, y)
        w = SAMPLE_WEIGHTS.reshape([-1] + [1] * (each.dim() - 1)).expand(each.shape)
        rows = w if of_label is None else w * f64([of_label[c] if c >= 0 else 0 for c in y.tolist()])
        return (each * w).sum() / rows.sum()

    return mean


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
    ("weighted_labels", weighted(CE(reduction="none"), [1] * OUTPUTS), LABELS, "loss=cross_entropy"),
    ("weighted_both", weighted(CE(reduction="none", weight=f64(WEIGHTS), label_smoothing=0.2), WEIGHTS), LABELS,
     "loss=cross_entropy class_weights=0.5,2,1.25,0.75 label_smoothing=0.2"),
    ("weighted_soft", weighted(CE(reduction="none", label_smoothing=0.2)), SOFT, "loss=cross_entropy label_smoothing=0.2"),
    ("weighted_mse", weighted(nn.MSELoss(reduction="none")), REAL, "loss=mse"),
    ("weighted_l1", weighted(nn.L1Loss(reduction="none")), REAL, "loss=l1"),
    ("weighted_huber", weighted(nn.HuberLoss(reduction="none", delta=0.3)), REAL, "loss=huber huber_delta=0.3"),
    ("weighted_bce", weighted(BCE(reduction="none", pos_weight=f64([3.0]))), BITS, "loss=bce_with_logits pos_weight=3"),
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
