"""The geometry of random pairs by shards, one after another, then merged: a line of JSON for each.

    python geometry.py SIGLIP FOLDER PAIRS DIM SHARDS

FOLDER keeps the pairs. Parts of an earlier call are removed: found there, they would cost nothing.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

siglip, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
count, dim, shards = map(int, sys.argv[3:])
folder.mkdir(parents=True, exist_ok=True)
pairs = folder / f"{count}_{dim}.npz"
if not pairs.exists():
    vectors = np.random.default_rng(1).standard_normal((2, count, dim), dtype=np.float32)
    np.savez(pairs, embeddings=vectors / np.linalg.norm(vectors, axis=2, keepdims=True))
report = folder / f"{count}_{dim}.json"
for earlier in folder.glob(f"{report.name}*"):
    earlier.unlink()
geometry = [siglip, "geometry", pairs, "--similarities", "--out", report, "--shard"]
commands = [[*geometry, f"{shard}/{shards}"] for shard in range(shards)] + [[siglip, "merge", report]]
for command in commands:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[1]} ended with status {status}")
    # Kilobytes on Linux.
    print(json.dumps({"seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": 1024 * usage.ru_maxrss}), flush=True)

# Against a mean that takes no similarities: the sums of all vectors, and of the matching pairs.
images, texts = np.load(pairs)["embeddings"].astype(np.float64)
matching = (images * texts).sum()
expected = (images.sum(0) @ texts.sum(0) - matching) / (count * (count - 1))
obtained = json.loads(report.read_text())["non_matching"]["mean"]
if abs(obtained - expected) > 1e-9:
    sys.exit(f"the mean of the similarities is {obtained}, and should be {expected}")
