#!/usr/bin/env python3
"""The PyTorch side of versus_ddp.sh: DistributedDataParallel over gloo, one thread a process.

    versus_ddp.py MODEL SAMPLES_PER_RANK RANKS STEPS      prints steps/s, and the megabytes that steps add to rank 0
    versus_ddp.py images OUT.h5 N SIDE CHANNELS           makes images of no meaning

MODEL is "784-512-256-10" (relu, cross-entropy), "1-512-1" (tanh, mse), or a convnet of convnets.py, channels last. The batch is
taken from memory as a slice, which favours PyTorch: gdtrain's figure contains its shuffled loading.
"""
import os
import sys
import time

import convnets
import h5py
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel


IMAGES = {"convnet": (1, 28, 28), "resnet20": (3, 32, 32)}


def build(name, widths, classify):
    if name in IMAGES:
        return getattr(convnets, name)().to(memory_format=torch.channels_last)
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers.append(torch.nn.Linear(a, b))
        if i + 2 < len(widths):
            layers.append(torch.nn.ReLU() if classify else torch.nn.Tanh())
    return torch.nn.Sequential(*layers)


def megabytes(what):
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(what)) * 1024e-6


def train(rank, ranks, name, rows, steps):
    widths = [0, 10] if name in IMAGES else [int(w) for w in name.split("-")]
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511")
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    torch.manual_seed(rank)
    classify = widths[-1] > 1
    model = DistributedDataParallel(build(name, widths, classify))
    loss_of = torch.nn.CrossEntropyLoss() if classify else torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    if name in IMAGES:
        x = torch.randn(64 * rows, *IMAGES[name]).contiguous(memory_format=torch.channels_last)
    else:
        x = torch.randn(64 * rows, widths[0])
    y = torch.randint(0, widths[-1], (64 * rows,)) if classify else torch.randn(64 * rows, widths[-1])

    def run(n):
        for i in range(n):
            at = i % 64 * rows
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(x[at : at + rows]), y[at : at + rows]).backward()
            optimizer.step()

    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")  # the peak begins anew
    before = megabytes("VmRSS")
    run(max(10, steps // 10))
    dist.barrier()
    t0 = time.perf_counter()
    run(steps)
    dist.barrier()
    if rank == 0:
        print(steps / (time.perf_counter() - t0), megabytes("VmHWM") - before, flush=True)
    dist.destroy_process_group()


def images(path, n, side, channels):
    with h5py.File(path, "w") as f:
        f["x"] = torch.randint(0, 256, (n, side, side, channels), dtype=torch.uint8).numpy()
        f["y"] = (torch.arange(n) % 10).numpy()


if __name__ == "__main__":
    if sys.argv[1] == "images":
        images(sys.argv[2], *map(int, sys.argv[3:6]))
    else:
        rows, ranks, steps = map(int, sys.argv[2:5])
        mp.spawn(train, args=(ranks, sys.argv[1], rows, steps), nprocs=ranks)
