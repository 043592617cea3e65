"""Golden values for tests/golden/residual.c: a residual MLP as PyTorch trains it.

    python3 make_residual.py > residual.txt

Parameters, inputs and labels are functions of their index. First the gradients of the first step (of each parameter its
sum, its norm and four elements), then ten losses, then sum and norm of each parameter after them; all in f64.
"""
import math

import torch
from torch import nn

ROWS, FEATURES, WIDTH, CLASSES, STEPS = 16, 20, 256, 10, 10


class Residual(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x) + x


def values(shape, phase, factor):
    n = math.prod(shape)
    return torch.tensor([factor * math.sin(1.7 * i + 0.01 * i * i + phase) for i in range(n)],
                        dtype=torch.float64).reshape(shape)


def block():
    return Residual(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)))


net = nn.Sequential(nn.Linear(FEATURES, WIDTH), nn.Sequential(*[nn.Sequential(block()) for _ in range(3)]),
                    nn.Linear(WIDTH, CLASSES)).double()
names = [name for name, _ in net.named_parameters()]
for i, p in enumerate(net.parameters()):
    p.data = values(p.shape, i + 1, 0.08)
x = values((ROWS, FEATURES), 0.3, 1)
y = torch.tensor([i * i % CLASSES for i in range(ROWS)])
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
losses = []
for step in range(STEPS):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()
    if step == 0:
        for name, p in zip(names, net.parameters()):
            g = p.grad.flatten()
            picked = [g[k * (len(g) - 1) // 3].item() for k in range(4)]
            print(name, *(f"{v:.17g}" for v in [g.sum().item(), g.norm().item(), *picked]))
    optimizer.step()
    losses.append(loss.item())
print(*(f"{v:.17g}" for v in losses))
for p in net.parameters():
    print(f"{p.sum().item():.17g} {p.norm().item():.17g}")
