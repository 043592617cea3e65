"""Golden values for tests/golden/convnet.c: convnets as PyTorch trains them, in f64.

    python3 make_convnet.py > convnet.txt

Parameters, inputs and labels are functions of their index. For each model: a line "model SPEC", ten losses, each parameter
and running statistic after them by its name, sum and norm ("end" after the last), and sum and norm of the logits that it then
gives when not training.
"""
import math

import torch
from torch import nn
import torch.nn.functional as F

ROWS, CLASSES, STEPS = 6, 10, 10


def values(shape, phase, factor):
    n = math.prod(shape)
    return torch.tensor([factor * math.sin(1.7 * i + 0.01 * i * i + phase) for i in range(n)],
                        dtype=torch.float64).reshape(shape)


class BasicBlock(nn.Module):
    def __init__(self, before, planes, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.padded = planes // 4 if before != planes and shortcut == "pad" else 0
        self.downsample = None
        if before != planes and shortcut == "conv":
            self.downsample = nn.Sequential(nn.Conv2d(before, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        around = self.downsample(x) if self.downsample else x
        if self.padded:
            around = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.padded, self.padded))
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + around)


class ResNet20(nn.Module):
    def __init__(self, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        before = 16
        for stage, planes in enumerate((16, 32, 64)):
            blocks = []
            for i in range(3):
                blocks.append(BasicBlock(before, planes, 2 if stage and i == 0 else 1, shortcut))
                before = planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(64, 120), nn.Linear(120, 84), nn.Linear(84, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


MIXED = """[{conv2d: {out_channels: 6, kernel_size: 3, stride: 2, padding: 1, groups: 3}}, {batch_norm: {momentum: 0.3}}, relu,
 {conv2d: {out_channels: 6, kernel_size: [3, 2], padding: same, groups: 6}}, {group_norm: 2},
 {local_response_norm: {size: 3, alpha: 0.5}}, {zero_pad2d: [1, 0, 2, 1]}, {max_pool2d: {kernel_size: 3, stride: 2, padding: 1}},
 {conv_transpose2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}}, {upsample: 2},
 {reflection_pad2d: 1}, {avg_pool2d: {kernel_size: 3, stride: 2}}, {adaptive_avg_pool2d: [3, 2]}, flatten, {linear: 10},
 batch_norm]"""
mixed = nn.Sequential(
    nn.Conv2d(3, 6, 3, 2, 1, groups=3), nn.BatchNorm2d(6, momentum=0.3), nn.ReLU(),
    nn.Conv2d(6, 6, (3, 2), padding="same", groups=6), nn.GroupNorm(2, 6), nn.LocalResponseNorm(3, 0.5),
    nn.ZeroPad2d((1, 0, 2, 1)), nn.MaxPool2d(3, 2, 1), nn.ConvTranspose2d(6, 4, 3, 2, 1, 1), nn.Upsample(scale_factor=2),
    nn.ReflectionPad2d(1), nn.AvgPool2d(3, 2), nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten(), nn.Linear(24, CLASSES),
    nn.BatchNorm1d(CLASSES))
NORMS = """[{conv2d: {out_channels: 6, kernel_size: 3, stride: 2}}, {layer_norm: {normalized_shape: [6, 7, 7]}}, relu,
 {group_norm: 3}, {layer_norm: {normalized_shape: [7, 7], bias: false}}, {layer_norm: 7}, {max_pool2d: 2}, flatten, {linear: 10}]"""
norms = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.LayerNorm([6, 7, 7]), nn.ReLU(), nn.GroupNorm(3, 6),
                      nn.LayerNorm([7, 7], bias=False), nn.LayerNorm(7), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(54, CLASSES))
MODELS = [("lenet5", LeNet5()), ("resnet20", ResNet20("pad")), ("resnet20:shortcut=conv", ResNet20("conv")),
          (" ".join(MIXED.split()), mixed),
          (" ".join(NORMS.split()), norms)]


def initial(i, p, kind):
    if p.dim() > 1:
        return values(p.shape, i + 1, 2 / math.sqrt(math.prod(p.shape[1:])))
    return values(p.shape, i + 1, 0.2) + (1 if kind == "weight" else 0)


for spec, net in MODELS:
    net = net.double()
    for i, (name, p) in enumerate(net.named_parameters()):
        p.data = initial(i, p, name.split(".")[-1])
    x = values((ROWS, 3, 16, 16), 0.3, 1)
    y = torch.tensor([i * i % CLASSES for i in range(ROWS)])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print("model", spec)
    print(*(f"{v:.12g}" for v in losses))
    for name, p in [*net.named_parameters(), *net.named_buffers()]:
        if "num_batches_tracked" not in name:
            print(name, f"{p.sum().item():.12g} {p.norm().item():.12g}")
    net.eval()
    with torch.no_grad():
        logits = net(x)
    print("end", f"{logits.sum().item():.12g} {logits.norm().item():.12g}")
