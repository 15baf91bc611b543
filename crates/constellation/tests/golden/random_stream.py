"""What PyTorch draws and how it normalises: python random_stream.py > random_stream.txt"""

import torch

SEEDS = 0, 50, 51, 2**32 - 1, 2**32 + 50, -1, -(2**63)
COUNTS = 1, 2, 3, 15, 16, 17, 31, 60, 1000, 10007, 1, 2, 3
DIMS = *range(1, 131), 768, 1000, 4096


def digest(tensor):
    """The first number, and FNV-1a of all, over words of 32 bits."""
    words = [word % 2**32 for word in tensor.flatten().view(torch.int32).tolist()]
    fnv = 0xCBF29CE484222325
    for word in words:
        fnv = (fnv ^ word) * 0x100000001B3 % 2**64
    return f"{words[0]:08x}:{fnv:016x}"


print("PyTorch", torch.__version__, torch.backends.cpu.get_cpu_capability())
for seed in SEEDS:
    torch.manual_seed(seed)
    draws = [f"{count}:{digest(torch.randn(count))}" for count in COUNTS]
    print("randn", seed % 2**64, *draws)
for dim in DIMS:
    torch.manual_seed(dim)
    x = torch.randn(2, 5, dim)
    print("rows", dim, digest(x / x.norm(dim=-1, keepdim=True)))
