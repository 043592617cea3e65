#!/usr/bin/env python3
"""Adds to ops.txt and nonfinite.txt, next to itself, the cases of ../ops_cases.def that they lack (--all: makes all anew), and
with --mlp writes mlp.txt: what PyTorch computes, for golden/ops.c and golden/mlp.c to compare with.

ops.txt:  "case NAME", then a line per tensor: what it is (x: an input, y: the result, dy: the seed gradient, dx: the
          gradient of the input of the same place), number of dimensions, extents, values
nonfinite.txt:  "case NAME same", or "other" where ours is not PyTorch's; then for NaN, inf and -inf in the middle of the first input of that case, and for the result and each
          gradient in turn: the sum of its finite elements, how many are not, and each of those as index and value
mlp.txt:  tensors of the same form: data, initial weights, losses of ten steps, final weights
"""
import os
import re
import sys
import zlib
import torch
import torch.nn.functional as F

here = os.path.dirname(os.path.abspath(__file__))
header = f"# torch {torch.__version__}, python {sys.version.split()[0]}; written by make_golden.py\n"
torch.set_num_threads(1)


def line(kind, t):
    t = t.detach()
    return " ".join([kind, str(t.dim()), *map(str, t.shape), *(f"{v:.9g}" for v in t.flatten().tolist())]) + "\n"


def values(*shape, lo=-2.0, hi=2.0):
    return (torch.rand(*shape) * (hi - lo) + lo).requires_grad_()


labels = torch.tensor([1, 0, 4, 3, 2, 2])
weights = torch.tensor([0.5, 2, 1, 3, 0.25])
rows = torch.tensor([0.5, 1, 1.5, 0, 0.5, 1])


def first(x):
    """Images of ours, channels last, as PyTorch has them."""
    return x.permute(0, 3, 1, 2)


def last(x):
    return x.permute(0, 2, 3, 1).contiguous()


def arguments(text):
    """Those of a macro, split at the commas outside brackets and strings."""
    out, depth, quoted = [""], 0, False
    for c in text:
        quoted ^= c == '"'
        depth += 0 if quoted else (c in "([{") - (c in ")]}")
        if c == "," and depth == 0 and not quoted:
            out.append("")
        else:
            out[-1] += c
    return [a.strip() for a in out]


def cases():
    """name, lo, hi, expression, shapes of the cases of ops_cases.def that PyTorch knows."""
    text = open(os.path.join(here, "..", "ops_cases.def")).read()
    strings = dict(re.findall(r'^#define (\w+)\s+"([^";]*)', text, re.M))
    for case in re.findall(r"^CASE\((.*?)\)$", text.replace("\n     ", " "), re.M):
        _, name, lo, hi, _, expression, shapes, _ = arguments(case)
        first = shapes.strip('"').split(";")[0] if shapes[0] == '"' else strings[shapes.split()[0]]
        if expression != '""':
            yield name, float(lo), float(hi), expression.strip('"'), first


def golden(name, lo, hi, expression, shapes):
    torch.manual_seed(zlib.crc32(name.encode()))
    inputs = [values(*([] if s == "." else map(int, s.split(","))), lo=lo, hi=hi) for s in shapes.split()]
    y = eval(expression, dict(globals(), **dict(zip("abc", inputs))))
    seed = torch.randn_like(y)
    y.backward(seed)
    return "".join([f"case {name}\n", *(line("x", x) for x in inputs), line("y", y), line("dy", seed),
                    *(line("dx", x.grad) for x in inputs)])


# PyTorch's gelu of infinity is NaN on CPUs, which its limit is not. batch_norm_eval: ours multiplies x by 0 in its gradient.
other = {"gelu", "linear_gelu", "batch_norm_eval"}


def not_finite(text, expression):
    """The lines of nonfinite.txt of a case of ops.txt."""
    tensors = [(kind, torch.tensor(list(map(float, rest[int(n):]))).reshape(tuple(map(int, rest[: int(n)]))))
               for kind, n, *rest in map(str.split, text.splitlines()[1:])]
    name = text.split()[1]
    if name in other:
        return f"case {name} other\n"
    out = [f"case {name} same\n"]
    for bad in (torch.nan, torch.inf, -torch.inf):
        x = [t.clone() for kind, t in tensors if kind == "x"]
        x[0].view(-1)[x[0].numel() // 2] = bad
        for t in x:
            t.requires_grad_()
        y = eval(expression, dict(globals(), **dict(zip("abc", x))))
        y.backward(next(t for kind, t in tensors if kind == "dy"))
        for t in (y.detach(), *(t.grad for t in x)):
            finite = t.flatten().isfinite()
            at = (~finite).nonzero().flatten().tolist()
            out.append(" ".join([f"{t.flatten()[finite].sum():.7g}", str(len(at)), *(f"{i} {t.flatten()[i]:g}" for i in at)]) + "\n")
    return "".join(out)


def write(name, make):
    """A file of cases. Those that are there stay as they are; --all makes them anew. Returns them by name."""
    path, there, above = os.path.join(here, name), {}, header
    if "--all" not in sys.argv and os.path.exists(path):
        above, *texts = re.split(r"^(?=case )", open(path).read(), flags=re.M)
        there = {t.split()[1]: t for t in texts}
    there = {case[0]: there.get(case[0]) or make(*case) for case in cases()}
    with open(path, "w") as f:
        f.write(above + "".join(there.values()))
    return there


made = write("ops.txt", golden)
write("nonfinite.txt", lambda name, lo, hi, expression, shapes: not_finite(made[name], expression))
if "--mlp" not in sys.argv:
    sys.exit()
torch.manual_seed(20)

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
