"""What the contestants have in common: the way they are asked, and the initial vectors.

Each line of standard input is a JSON list of run descriptions (`siglip train` has the same form,
all keys present); the answer is a line with the seconds that training them took, from initial
vectors to final ones, and the losses of the first.
"""

import json
import os
import sys
import time


def use_threads(threads):
    """Keeps this process, and all that it starts, on so many cores. To be called before a framework is imported."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def initial_vectors(run):
    """Unit vectors [pairs, dim] of each modality, drawn as the study's code draws them."""
    import torch

    torch.manual_seed(run["seed"])
    shape = run["pairs"], run["dim"]
    vectors = []
    while len(vectors) < run["modalities"]:
        vectors.append(torch.randn(shape))
        if run["modalities"] > 2:
            torch.randn(shape)
    return [v / v.norm(dim=1, keepdim=True) for v in vectors]


def serve(prepare):
    """Answers until standard input ends. `prepare(runs)` returns a function that trains them, with
    everything compiled and drawn, and that returns the losses of the first."""
    for line in sys.stdin:
        train = prepare(json.loads(line))
        start = time.perf_counter()
        losses = train()
        seconds = time.perf_counter() - start
        answer = {"seconds": seconds, "losses": losses, "peak_bytes": peak_bytes()}
        print(json.dumps(answer), flush=True)


def peak_bytes():
    """The most memory that this process has had, where the system tells it as Linux does."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
