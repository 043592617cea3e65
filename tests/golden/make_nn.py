"""Golden values for tests/golden/nn.c: ten losses and the parameters after them, as PyTorch trains small models.

    python3 make_nn.py > nn.txt

Parameters, inputs and targets are sines of their index, so that nothing but results needs to be kept.
"""
import math

import torch
from torch import nn

ROWS, FEATURES, STEPS = 12, 7, 10
CASES = [  # loss, model, momentum
    ("mse", "linear:9 tanh linear:3", 0.9),
    ("l1", "linear:9 relu linear:3", 0),
    ("huber", "linear:9 gelu linear:6 sigmoid linear:3", 0.9),
    ("cross_entropy", "linear:9 relu linear:8 leaky_relu:0.2 linear:4", 0.9),
    ("bce_with_logits", "linear:9 softplus linear:3", 0.5),
    ("cross_entropy", "linear:8 layer_norm silu linear:4", 0.9),
]
LOSS = {"mse": nn.MSELoss, "l1": nn.L1Loss, "huber": nn.HuberLoss, "cross_entropy": nn.CrossEntropyLoss,
        "bce_with_logits": nn.BCEWithLogitsLoss}
LAYER = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus,
         "leaky_relu": nn.LeakyReLU, "silu": nn.SiLU}


def sines(n, phase, factor):
    return [factor * math.sin(1.7 * i + phase) for i in range(n)]


def model(spec):
    layers, width = [], FEATURES
    for word in spec.split():
        name, _, argument = word.partition(":")
        if name == "linear":
            layers.append(nn.Linear(width, int(argument)))
            width = int(argument)
        elif name == "layer_norm":
            layers.append(nn.LayerNorm(width))
        else:
            layers.append(LAYER[name](*([float(argument)] if argument else [])))
    return nn.Sequential(*layers).double(), width


for name, spec, momentum in CASES:
    net, outputs = model(spec)
    for i, p in enumerate(net.parameters()):
        p.data = torch.tensor(sines(p.numel(), i + 1, 0.5), dtype=torch.float64).reshape(p.shape)
    x = torch.tensor(sines(ROWS * FEATURES, 0.3, 1), dtype=torch.float64).reshape(ROWS, FEATURES)
    y = torch.tensor(sines(ROWS * outputs, 0.6, 1), dtype=torch.float64).reshape(ROWS, outputs)
    if name == "cross_entropy":
        y = torch.tensor([i * i % outputs for i in range(ROWS)])
        y[5] = -100
    if name == "bce_with_logits":
        y = (y > 0).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=momentum)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = LOSS[name]()(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(name, momentum, spec.replace(" ", ","))
    print(" ".join(f"{v:.17g}" for v in losses))
    print(" ".join(f"{v:.17g}" for p in net.parameters() for v in (p.sum().item(), p.norm().item())))
