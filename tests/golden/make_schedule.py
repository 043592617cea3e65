"""Golden values for tests/golden/schedule.c: rates and momenta of torch.optim.lr_scheduler, step by step.

    python3 make_schedule.py > schedule.txt
"""
import torch
from torch.optim.lr_scheduler import MultiStepLR, OneCycleLR, ReduceLROnPlateau


def optimizer(lr, **options):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, **options)


def row(o):
    group = o.param_groups[0]
    print(f"{group['lr']:.17g} {group['momentum']:.17g}")


# multistep  lr gamma steps n  milestones in steps
for lr, gamma, steps, milestones in [(0.1, 0.1, 30, [10, 20]), (0.05, 0.5, 24, [1, 2, 3, 5, 8, 13, 21])]:
    print("multistep", lr, gamma, steps, len(milestones), *milestones)
    o = optimizer(lr)
    s = MultiStepLR(o, milestones, gamma)
    for _ in range(steps):
        row(o)
        o.step(), s.step()

# one_cycle  lr steps pct_start div_factor final_div_factor base_momentum max_momentum
for case in [(0.1, 20, 0.3, 25, 1e4, 0.85, 0.95), (0.5, 37, 0.1, 4, 100, 0.7, 0.9), (0.3, 10, 0.5, 10, 1, 0.8, 0.8)]:
    lr, steps, pct, div, final, base, top = case
    print("one_cycle", *case)
    o = optimizer(lr, momentum=0.9)
    s = OneCycleLR(o, max_lr=lr, total_steps=steps, pct_start=pct, div_factor=div, final_div_factor=final,
                   base_momentum=base, max_momentum=top)
    for k in range(steps):
        row(o)
        o.step()
        if k + 1 < steps:
            s.step()

# reduce_on_plateau  lr factor patience threshold cooldown min_lr validations, then losses
torch.manual_seed(5)
LOSSES = (torch.linspace(2, 1, 40) + 0.15 * torch.rand(40)).double().tolist()
LOSSES[7] = float("nan")
for case in [(0.1, 0.1, 2, 1e-4, 0, 0), (0.1, 0.5, 0, 1e-4, 2, 0.01), (0.2, 0.3, 1, 0.02, 1, 0), (1e-6, 0.1, 0, 0, 0, 0)]:
    lr, factor, patience, threshold, cooldown, least = case
    print("reduce_on_plateau", *case, len(LOSSES))
    print(*[f"{x:.17g}" for x in LOSSES])
    o = optimizer(lr)
    s = ReduceLROnPlateau(o, factor=factor, patience=patience, threshold=threshold, cooldown=cooldown, min_lr=least)
    for loss in LOSSES:
        o.step(), s.step(loss)
        row(o)
