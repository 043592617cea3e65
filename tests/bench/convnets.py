#!/usr/bin/env python3
"""Convnets in PyTorch: models of versus_ddp.py, and the recipes of recipes/*.yaml as a program.

    convnets.py RECIPE TRAIN.h5 TEST.h5 SEED [STEPS]      trains on one process, channels last; prints the accuracy after it

RECIPE is fashion, mnist or cifar. STEPS ends earlier, for a trial. TEST.h5 may be TRAIN.h5: then x_val and y_val are taken.
"""
import math
import sys

import h5py
import torch
from torch import nn
import torch.nn.functional as F


def fashion():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(50 * 4 * 4, 500), nn.ReLU(), nn.Dropout(0.5), nn.Linear(500, 10))


def convnet():
    """The small one of versus_ddp.sh."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10))


class Block(nn.Module):
    def __init__(self, before, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = nn.Identity()
        if before != planes:
            self.downsample = nn.Sequential(nn.Conv2d(before, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.downsample(x))


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for stage, planes in enumerate((16, 32, 64)):
        for i in range(3):
            layers.append(Block(before, planes, 2 if stage and i == 0 else 1))
            before = planes
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def cosine(epoch, epochs):
    return (1 + math.cos(math.pi * epoch / epochs)) / 2


def restarts(epoch, epochs):
    """SGDR with T0 = 1, T_mult = 2."""
    length = 1
    while epoch >= length:
        epoch -= length
        length *= 2
    return cosine(epoch, length)


# model, epochs, rate, its factor, augmented and standardised
recipes = {"fashion": (fashion, 10, 0.05, cosine, False), "mnist": (lenet, 8, 0.05, cosine, False),
           "cifar": (resnet20, 7, 0.1, restarts, True)}
BATCH = 128


def read(path, x, y):
    with h5py.File(path) as f:
        images = torch.from_numpy(f[x][()]).float() / 255
        images = images.permute(0, 3, 1, 2) if images.dim() == 4 else images[:, None]
        return images.contiguous(memory_format=torch.channels_last), torch.from_numpy(f[y][()]).long()


def augmented(x):
    """Padded by 4, cut to the old size anywhere, mirrored or not: each sample by itself."""
    n, _, h, w = x.shape
    padded = F.pad(x, (4, 4, 4, 4))
    rows = torch.randint(0, 9, (n, 1)) + torch.arange(h)
    columns = torch.randint(0, 9, (n, 1)) + torch.arange(w)
    columns = torch.where(torch.rand(n, 1) < 0.5, columns.flip(1), columns)
    y = padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return y.permute(0, 3, 1, 2)  # its memory is channels last


def main():
    name, train, test, seed = sys.argv[1:5]
    build, epochs, lr, factor, augment = recipes[name]
    x, y = read(train, "x", "y")
    x_test, y_test = read(test, *(("x_val", "y_val") if test == train else ("x", "y")))
    if augment:
        mean, std = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True, unbiased=False)
        x, x_test = (x - mean) / std, (x_test - mean) / std
    torch.manual_seed(int(seed))
    model = build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    per_epoch = -(-len(x) // BATCH)
    steps = int(sys.argv[5]) if len(sys.argv) > 5 else epochs * per_epoch
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(x))
        rows = order[step % per_epoch * BATCH :][:BATCH]
        optimizer.param_groups[0]["lr"] = lr * factor(step / per_epoch, epochs)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(augmented(x[rows]) if augment else x[rows]), y[rows]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in zip(x_test.split(500), y_test.split(500)))
    print(right / len(y_test))


if __name__ == "__main__":
    main()
