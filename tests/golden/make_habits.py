"""Golden values for tests/mpi/follows_torch.c: ten steps of a small network with what trainers add to an optimizer.

    python3 make_habits.py > habits.txt
"""
import torch
from torch.optim.lr_scheduler import MultiStepLR, OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

ROWS, IN, HIDDEN, OUT, STEPS = 22, 6, 5, 3, 10
SGD, ADAM, ADAMW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW

# name, optimizer, settings, schedule, average
CASES = [
    ("ema", ADAMW, dict(lr=0.02, weight_decay=0.1), None, ("ema", 0.9)),
    ("swa", SGD, dict(lr=0.1, momentum=0.9), None, ("swa", 4, 2)),
    ("amsgrad", ADAM, dict(lr=0.05, amsgrad=True, betas=(0.8, 0.7)), None, None),
    ("one_cycle", SGD, dict(lr=0.3, momentum=0.9, nesterov=True), "one_cycle", ("ema", 0.75)),
    ("one_cycle_adam", ADAM, dict(lr=0.1), "one_cycle", None),
    ("multistep", SGD, dict(lr=0.3), "multistep", None),
    ("plateau", SGD, dict(lr=0.5), "plateau", None),
]


def numbers(*tensors):
    print(" ".join(f"{x:.17g}" for t in tensors for x in t.detach().double().flatten().tolist()))


def schedule_of(kind, o, lr):
    if kind == "one_cycle":
        return OneCycleLR(o, max_lr=lr, total_steps=STEPS, pct_start=0.4, div_factor=5, final_div_factor=10,
                          base_momentum=0.7, max_momentum=0.9)
    if kind == "multistep":
        return MultiStepLR(o, [3, 7], 0.5)
    return ReduceLROnPlateau(o, factor=0.5, patience=0, threshold=0.1) if kind == "plateau" else None


def run(case, dtype):
    name, kind, settings, schedule, average = case
    model = torch.nn.Sequential(torch.nn.Linear(IN, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, OUT)).to(dtype)
    model.load_state_dict({k: v.to(dtype) for k, v in start.items()})
    o = kind(model.parameters(), **settings)
    s = schedule_of(schedule, o, settings["lr"])
    averaged = None
    if average:
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(average[1]) if average[0] == "ema" else None)
    loss_of = lambda: torch.nn.functional.mse_loss(model(x.to(dtype)), y.to(dtype))
    for t in range(1, STEPS + 1):
        o.zero_grad()
        loss_of().backward()
        o.step()
        if s and schedule == "plateau":
            s.step(loss_of().item())
        elif s and t < STEPS:
            s.step()
        if averaged and (average[0] == "ema" or (t >= average[1] and (t - average[1]) % average[2] == 0)):
            averaged.update_parameters(model)
    print(name, {torch.float32: "f32", torch.float64: "f64"}[dtype])
    numbers(*model.parameters())
    if averaged:
        numbers(*averaged.module.parameters())


torch.manual_seed(7)
start = torch.nn.Sequential(torch.nn.Linear(IN, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, OUT)).state_dict()
x, y = torch.randn(ROWS, IN), torch.randn(ROWS, OUT)
print(ROWS, IN, HIDDEN, OUT, STEPS)
numbers(*start.values())
numbers(x)
numbers(y)
for case in CASES:
    for dtype in (torch.float32, torch.float64):
        run(case, dtype)
