#!/usr/bin/env python3
"""The PyTorch side of versus_ddp.sh: DistributedDataParallel over gloo, one thread a process.

    versus_ddp.py MODEL SAMPLES_PER_RANK RANKS STEPS      prints steps/s

MODEL is "784-512-256-10" (relu, cross-entropy) or "1-512-1" (tanh, mse). The batch is taken from memory as a slice,
which favours PyTorch: gdtrain's figure contains its shuffled loading.
"""
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel


def build(widths, classify):
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers.append(torch.nn.Linear(a, b))
        if i + 2 < len(widths):
            layers.append(torch.nn.ReLU() if classify else torch.nn.Tanh())
    return torch.nn.Sequential(*layers)


def train(rank, ranks, widths, rows, steps):
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511")
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    torch.manual_seed(rank)
    classify = widths[-1] > 1
    model = DistributedDataParallel(build(widths, classify))
    loss_of = torch.nn.CrossEntropyLoss() if classify else torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x = torch.randn(64 * rows, widths[0])
    y = torch.randint(0, widths[-1], (64 * rows,)) if classify else torch.randn(64 * rows, widths[-1])

    def run(n):
        for i in range(n):
            at = i % 64 * rows
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(x[at : at + rows]), y[at : at + rows]).backward()
            optimizer.step()

    run(max(10, steps // 10))
    dist.barrier()
    t0 = time.perf_counter()
    run(steps)
    dist.barrier()
    if rank == 0:
        print(steps / (time.perf_counter() - t0), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    widths = [int(w) for w in sys.argv[1].split("-")]
    rows, ranks, steps = map(int, sys.argv[2:5])
    mp.spawn(train, args=(ranks, widths, rows, steps), nprocs=ranks)
