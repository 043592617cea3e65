#!/usr/bin/env python3
"""Do NCCL's kernels run while backward goes on? From a trace of a training, ordered or by all-reduce.

    nsys profile -t cuda --cuda-graph-trace=node -o trace gdtrain ... --bucket-mb 4
    nsys stats --report cuda_gpu_trace --format csv --output . trace.nsys-rep
    overlap_trace.py trace_cuda_gpu_trace.csv

A step adds up its records, by a small sum of NCCL and the kernel `totals`, and then sums one bucket after the other: by one
all-reduce, or ordered by sends and receives, and broadcasts of the sums. For each place in that order: how much of the time of
NCCL's kernels others were running. Exit 1 unless all but the last bucket overlap.
"""
import csv
import re
import statistics
import sys


def kernels(path):
    """(start, end, name) in ns of everything that is not a copy, in order of start."""
    with open(path, newline="") as f:
        lines = [line for line in f if "," in line]
    first = next(i for i, line in enumerate(lines) if line.startswith("Start"))
    rows = []
    for row in csv.DictReader(lines[first:]):
        if row["Name"].startswith("["):
            continue
        start = int(row["Start (ns)"])
        rows.append((start, start + int(row["Duration (ns)"]), row["Name"]))
    return sorted(rows)


def covered(span, others):
    """Time of a span in which one of the others, sorted by start, runs."""
    lo, hi = span[0], span[1]
    total, at = 0, lo
    for a, b, _ in others:
        if a >= hi:
            break
        if b > at:
            total += b - max(a, at)
            at = b
    return total - max(0, at - hi)


def share(bucket, others):
    """The same of all of a bucket's kernels, as a part of their time."""
    return sum(covered(k, others) for k in bucket) / max(1, sum(k[1] - k[0] for k in bucket))


def buckets_of(kernels_of_nccl):
    """A broadcast belongs to the bucket that is open; all else begins one."""
    buckets = []
    for k in kernels_of_nccl:
        if buckets and "broadcast" in k[2].lower():
            buckets[-1].append(k)
        else:
            buckets.append([k])
    return buckets


def steps(rows):
    """Per step the shares of its buckets: those between two `totals` but for the last, which is the next step's records."""
    compute = [r for r in rows if "nccl" not in r[2].lower()]
    marks = [r[0] for r in compute if re.search(r"\btotals\b", r[2])]
    nccl = [r for r in rows if "nccl" in r[2].lower()]
    for lo, hi in zip(marks, marks[1:]):
        buckets = buckets_of([r for r in nccl if lo <= r[0] < hi])[:-1]
        near = [r for r in compute if r[1] > lo and r[0] < hi]
        if buckets:
            yield [share(b, near) for b in buckets]


def main():
    found = list(steps(kernels(sys.argv[1])))
    usual = statistics.mode([len(s) for s in found]) if found else 0
    found = [s for s in found if len(s) == usual]
    if usual < 2:
        print(f"{len(found)} steps with {usual} buckets: nothing to see")
        return 1
    shares = [statistics.median(s[i] for s in found) for i in range(usual)]
    for i, part in enumerate(shares):
        print(f"bucket {i}: other kernels run in {100 * part:.0f} % of the time of NCCL's")
    hidden = sum(part > 0 for part in shares[:-1])
    print(f"{len(found)} steps of {usual} buckets: {hidden} of the {usual - 1} before the last overlap with backward")
    return hidden < usual - 1


if __name__ == "__main__":
    sys.exit(main())
