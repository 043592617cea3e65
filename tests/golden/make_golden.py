#!/usr/bin/env python3
"""Writes ops.txt and mlp.txt next to itself: what PyTorch computes, for golden/ops.c and golden/mlp.c to compare with.

ops.txt:  "case NAME", then a line per tensor: what it is (x: an input, y: the result, dy: the seed gradient, dx: the
          gradient of the input of the same place), number of dimensions, extents, values
mlp.txt:  tensors of the same form: data, initial weights, losses of ten steps, final weights
"""
import os
import sys
import torch
import torch.nn.functional as F

here = os.path.dirname(os.path.abspath(__file__))
header = f"# torch {torch.__version__}, python {sys.version.split()[0]}; written by make_golden.py\n"
torch.set_num_threads(1)
torch.manual_seed(20)


def line(kind, t):
    t = t.detach()
    return " ".join([kind, str(t.dim()), *map(str, t.shape), *(f"{v:.9g}" for v in t.flatten().tolist())]) + "\n"


def values(*shape, lo=-2.0, hi=2.0):
    return (torch.rand(*shape) * (hi - lo) + lo).requires_grad_()


def positive(*shape):
    return values(*shape, lo=0.3, hi=2.5)


labels = torch.tensor([1, 0, 4, 3, 2, 2])
cases = {
    "add": (lambda a, b: a + b, values(3, 4), values(4)),
    "sub": (lambda a, b: a - b, values(3, 1), values(2, 1, 4)),
    "mul": (lambda a, b: a * b, values(2, 3, 4), values(3, 1)),
    "div": (lambda a, b: a / b, values(3, 4), positive(3, 4)),
    "pow": (lambda a, b: a**b, positive(3, 4), values(4)),
    "minimum": (torch.minimum, values(3, 4), values(3, 4)),
    "maximum": (torch.maximum, values(3, 4), values(4)),
    "where": (lambda a, b: torch.where(a.detach() > 0, a, b), values(3, 4), values(3, 1)),
    "neg": (torch.neg, values(5)),
    "square": (torch.square, values(3, 4)),
    "sqrt": (torch.sqrt, positive(3, 4)),
    "exp": (torch.exp, values(5, 7, lo=-20, hi=20)),
    "log": (torch.log, positive(3, 4)),
    "sin": (torch.sin, values(5, 7, lo=-6, hi=6)),
    "cos": (torch.cos, values(5, 7, lo=-6, hi=6)),
    "tanh": (torch.tanh, values(5, 7, lo=-6, hi=6)),
    "sigmoid": (torch.sigmoid, values(5, 7, lo=-12, hi=12)),
    "relu": (torch.relu, values(5, 7)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.1), values(5, 7)),
    "gelu": (F.gelu, values(5, 7, lo=-5, hi=5)),
    "softplus": (F.softplus, values(5, 7, lo=-15, hi=15)),
    "abs": (torch.abs, values(5, 7)),
    "clamp": (lambda x: x.clamp(-0.5, 0.7), values(5, 7)),
    "sum": (lambda x: x.sum((0, 2)), values(2, 3, 4)),
    "mean": (lambda x: x.mean(1, keepdim=True), values(2, 3, 4)),
    "var": (lambda x: x.var(0, unbiased=True), values(6, 4)),
    "max": (lambda x: x.amax(-1), values(3, 5)),
    "min": (lambda x: x.amin((0, 1)), values(3, 5)),
    "reshape": (lambda x: x.reshape(4, -1), values(2, 6)),
    "transpose": (lambda x: x.transpose(0, 2), values(2, 3, 4)),
    "slice": (lambda x: x[:, 1:3], values(3, 4)),
    "index_select": (lambda x: x.index_select(0, torch.tensor([2, 0, 2])), values(3, 4)),
    "concat": (lambda a, b: torch.cat([a, b], 1), values(2, 3), values(2, 2)),
    "matmul": (torch.matmul, values(5, 7), values(7, 3)),
    "matmul_batched": (torch.matmul, values(2, 1, 3, 4), values(3, 4, 2)),
    "matmul_vector": (torch.matmul, values(7), values(7, 3)),
    "linear": (F.linear, values(6, 5), values(4, 5), values(4)),
    "linear_relu": (lambda x, W, b: torch.relu(F.linear(x, W, b)), values(6, 5), values(4, 5), values(4)),
    "linear_tanh": (lambda x, W, b: torch.tanh(F.linear(x, W, b)), values(6, 5), values(4, 5), values(4)),
    "linear_sigmoid": (lambda x, W, b: torch.sigmoid(F.linear(x, W, b)), values(6, 5), values(4, 5), values(4)),
    "linear_gelu": (lambda x, W, b: F.gelu(F.linear(x, W, b)), values(6, 5), values(4, 5), values(4)),
    "softmax": (lambda x: x.softmax(-1), values(4, 6, lo=-5, hi=5)),
    "softmax_first": (lambda x: x.softmax(0), values(4, 6, lo=-5, hi=5)),
    "log_softmax": (lambda x: x.log_softmax(-1), values(4, 6, lo=-5, hi=5)),
    "cross_entropy": (lambda x: F.cross_entropy(x, labels, reduction="sum"), values(6, 5, lo=-4, hi=4)),
    "cross_entropy_ignore": (
        lambda x: F.cross_entropy(x, labels, reduction="sum", ignore_index=2),
        values(6, 5, lo=-4, hi=4),
    ),
    "cross_entropy_weighted": (
        lambda x: F.cross_entropy(x, labels, weight=torch.tensor([0.5, 2, 1, 3, 0.25]), reduction="sum"),
        values(6, 5, lo=-4, hi=4),
    ),
}

with open(os.path.join(here, "ops.txt"), "w") as f:
    f.write(header)
    for name, (function, *inputs) in cases.items():
        y = function(*inputs)
        seed = torch.randn_like(y)
        y.backward(seed)
        f.write(f"case {name}\n")
        f.writelines(line("x", x) for x in inputs)
        f.write(line("y", y))
        f.write(line("dy", seed))
        f.writelines(line("dx", x.grad) for x in inputs)

model = torch.nn.Sequential(torch.nn.Linear(20, 16), torch.nn.Tanh(), torch.nn.Linear(16, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
data, target = torch.randn(64, 20), torch.randint(0, 5, (64,))
with open(os.path.join(here, "mlp.txt"), "w") as f:
    f.write(header)
    f.write(line("data", data))
    f.write(line("target", target))
    f.writelines(line("initial", p) for p in model.parameters())
    for _ in range(10):
        loss = F.cross_entropy(model(data), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        f.write(line("loss", loss))
    f.writelines(line("final", p) for p in model.parameters())
