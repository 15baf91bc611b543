#!/usr/bin/env python3
"""Checks every constellation in this folder: needs numpy alone.

A row of table.csv names a file with `embeddings` [2, N, d] in float64, U and V. It holds if all vectors
have length 1 and min(min_i s_ii - b_rel, b_rel - max_{i != j} s_ij) is the margin of the row.
The bound is checked where it has a closed form of its own: N <= 2 d, by Rankin.
"""

import csv
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent


def margin(u, v, b_rel):
    similarities = u @ v.T
    others = similarities[~np.eye(len(u), dtype=bool)]
    return min(np.diag(similarities).min() - b_rel, b_rel - others.max())


def bound(n, d, b_rel):
    """min{(1 + b)(1 - c) / (3 + c), 1 - b} with c the least largest cosine of n points in d dimensions."""
    if n > 2 * d:
        return None
    cosine = -1 / (n - 1) if n <= d + 1 else 0
    return min((1 + b_rel) * (1 - cosine) / (3 + cosine), 1 - b_rel)


def main():
    failed = 0
    with open(FOLDER / "table.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        n, d, b_rel, found = int(row["N"]), int(row["d"]), float(row["b_rel"]), float(row["found"])
        name = f"N{n}_d{d}_b{b_rel:+g}.npz"
        u, v = np.load(FOLDER / name)["embeddings"]
        most = bound(n, d, b_rel)
        holds = (
            u.shape == v.shape == (n, d)
            and np.abs(np.linalg.norm([u, v], axis=-1) - 1).max() < 1e-14
            and abs(margin(u, v, b_rel) - found) < 1e-11
            and found <= float(row["bound"]) + 1e-12
            and (most is None or abs(most - float(row["bound"])) < 1e-11)
        )
        if not holds:
            failed += 1
            print(f"{name}: margin {margin(u, v, b_rel):.12f}, the table has {row}")
    print(f"{len(rows) - failed} of {len(rows)} constellations hold")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
