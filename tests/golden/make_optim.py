"""Golden values for tests/golden/optim.c: what torch.optim does with the same gradients.

    python3 make_optim.py > optim.txt
"""
import torch

N, STEPS = 19, 6
AFTER = (1, 2, STEPS)
FACTOR = (1, 1, 0.5, 0.5, 2, 0.1)  # the rate changes on the way

SGD, ADAM, ADAMW, RMSPROP = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop
CASES = [
    ("sgd", SGD, dict(lr=0.1)),
    ("sgd", SGD, dict(lr=0.1, weight_decay=0.05)),
    ("sgd", SGD, dict(lr=0.1, momentum=0.9)),
    ("sgd", SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.05)),
    ("sgd", SGD, dict(lr=0.1, momentum=0.9, dampening=0.3)),
    ("sgd", SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    ("sgd", SGD, dict(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.05)),
    ("adam", ADAM, dict(lr=0.01)),
    ("adam", ADAM, dict(lr=0.01, weight_decay=0.1, betas=(0.8, 0.95), eps=1e-4)),
    ("adamw", ADAMW, dict(lr=0.01)),
    ("adamw", ADAMW, dict(lr=0.01, weight_decay=0.2, betas=(0.8, 0.95), eps=1e-4)),
    ("adam", ADAM, dict(lr=0.01, amsgrad=True)),
    ("adamw", ADAMW, dict(lr=0.01, amsgrad=True, weight_decay=0.2, betas=(0.8, 0.6), eps=1e-4)),
    ("rmsprop", RMSPROP, dict(lr=0.01)),
    ("rmsprop", RMSPROP, dict(lr=0.01, alpha=0.9, eps=1e-4, weight_decay=0.1)),
    ("rmsprop", RMSPROP, dict(lr=0.01, momentum=0.9)),
    ("rmsprop", RMSPROP, dict(lr=0.01, centered=True)),
    ("rmsprop", RMSPROP, dict(lr=0.01, centered=True, momentum=0.9, alpha=0.9, weight_decay=0.1)),
]


def numbers(t):
    return " ".join(f"{x:.17g}" if t.dtype == torch.float64 else f"{x:.9g}" for x in t.tolist())


torch.manual_seed(1)
start = torch.randn(N)
gradients = [torch.randn(N) for _ in range(STEPS)]
print(N, STEPS)
print(*FACTOR)
print(numbers(start.double()))
for g in gradients:
    print(numbers(g.double()))
for name, kind, options in CASES:
    for dtype in (torch.float32, torch.float64):
        w = start.to(dtype).clone().requires_grad_()
        optimizer = kind([w], **options)
        o = optimizer.param_groups[0]
        beta1, beta2 = o.get("betas", (0.9, 0.999))
        # kind type lr momentum dampening nesterov weight_decay beta1 beta2 eps alpha centered amsgrad
        print(name, {torch.float32: "f32", torch.float64: "f64"}[dtype], options["lr"], o.get("momentum", 0),
              o.get("dampening", 0), int(o.get("nesterov", 0)), o["weight_decay"], beta1, beta2,
              o.get("eps", 1e-8), o.get("alpha", 0.99), int(o.get("centered", 0)),
              int(o.get("amsgrad", 0)))
        for step in range(1, STEPS + 1):
            o["lr"] = options["lr"] * FACTOR[step - 1]
            w.grad = gradients[step - 1].to(dtype).clone()
            optimizer.step()
            if step in AFTER:
                print(step, numbers(w.detach()))
