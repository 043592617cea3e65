#!/usr/bin/env python3
"""The PyTorch side of versus_torch_gpu.sh: whole steps, eager and captured in a CUDA graph.

    versus_torch_gpu.py data FILE.h5 WIDTH CLASSES SAMPLES      random u8 samples with labels
    versus_torch_gpu.py serve                                    for each line "MODEL BATCH PRECISION STEPS" of stdin: the
                                                                 median microseconds of a step, eager and as a graph; nan
                                                                 where PyTorch fails, with the reason on stderr

MODEL is "784-512-512-10" (relu, cross-entropy, SGD with momentum). PRECISION: fp32, tf32, or bf16 by autocast over fp32
weights. The batch lies ready in the GPU's memory, which favours PyTorch: gdtrain's steps gather and convert theirs.
Times are taken between CUDA events around groups of 8 steps. TORCH_DEVICE=cpu tries the script without a GPU.
"""
import contextlib
import os
import statistics
import sys
import time
import traceback

GROUP = 8


def write_data(path, width, classes, samples):
    import h5py
    import numpy

    draw = numpy.random.default_rng(1)
    with h5py.File(path, "w") as f:
        f["x"] = draw.integers(0, 256, (samples, width), dtype=numpy.uint8)
        f["y"] = draw.integers(0, classes, samples, dtype=numpy.int64)


class Eager:
    """One step after the other, as a training loop has them; `optimizer` says how SGD updates."""

    def __init__(self, torch, device, widths, rows, precision, **optimizer):
        self.torch, self.device, self.precision = torch, device, precision
        torch.manual_seed(1)
        layers = []
        for a, b in zip(widths, widths[1:]):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1]).to(device)
        self.loss_of = torch.nn.CrossEntropyLoss()
        self.x = torch.rand(rows, widths[0], device=device)
        self.y = torch.randint(0, widths[-1], (rows,), device=device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, **optimizer)

    def step(self):
        cast = contextlib.nullcontext()
        if self.precision == "bf16":
            cast = self.torch.autocast(self.device, dtype=self.torch.bfloat16)
        self.optimizer.zero_grad(set_to_none=True)
        with cast:
            loss = self.loss_of(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()


class Captured(Eager):
    """The same step, optimizer included, replayed as one CUDA graph."""

    def __init__(self, torch, *rest, **optimizer):
        super().__init__(torch, *rest, **optimizer)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                super().step()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            super().step()

    def step(self):
        self.graph.replay()


def median_us(torch, device, way, steps):
    """Groups between events on the GPU's clock, without a wait in between; on a CPU by the host's."""
    groups = max(3, steps // GROUP)
    for _ in range(3 * GROUP):
        way.step()
    if device == "cpu":
        times = []
        for _ in range(groups):
            t0 = time.perf_counter()
            for _ in range(GROUP):
                way.step()
            times.append(1e6 * (time.perf_counter() - t0) / GROUP)
        return statistics.median(times)
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(groups + 1)]
    torch.cuda.synchronize()
    marks[0].record()
    for mark in marks[1:]:
        for _ in range(GROUP):
            way.step()
        mark.record()
    torch.cuda.synchronize()
    return statistics.median(1e3 * a.elapsed_time(b) / GROUP for a, b in zip(marks, marks[1:]))


def fastest(torch, device, kind, *shape):
    """PyTorch has two ways to update all parameters at once; the better one is compared with."""
    ways = []
    for optimizer in ({"foreach": True}, {"fused": True}):
        try:
            way = kind(torch, device, *shape, **optimizer)
            ways.append((median_us(torch, device, way, 200), way))
        except Exception:  # what fails must not take the other with it
            traceback.print_exc()
    return min(ways, key=lambda timed: timed[0])[1] if ways else None


def time_of(torch, device, way, steps):
    try:
        return median_us(torch, device, way, steps) if way else float("nan")
    except Exception:
        traceback.print_exc()
        return float("nan")


def serve():
    import torch

    device = os.environ.get("TORCH_DEVICE", "cuda")
    print("ready", torch.__version__, torch.cuda.get_device_name() if device == "cuda" else device, flush=True)
    ways = {}
    for line in sys.stdin:
        model, rows, precision, steps = line.split()
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        key = (model, rows, precision)
        if key not in ways:
            ways.clear()  # one model at a time in the GPU's memory
            shape = ([int(w) for w in model.split("-")], int(rows), precision)
            kinds = (Eager, Captured) if device == "cuda" else (Eager,)
            ways[key] = [fastest(torch, device, kind, *shape) for kind in kinds] + [None]
        eager, captured = (time_of(torch, device, way, int(steps)) for way in ways[key][:2])
        print(f"{eager:.2f} {captured:.2f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "data":
        write_data(sys.argv[2], *map(int, sys.argv[3:6]))
    else:
        serve()
