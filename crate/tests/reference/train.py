"""The reference that the engines are held to: plain PyTorch, one line of the recipe a line.

Reads a JSON list of run descriptions on standard input (all keys present) and writes a
JSON list of summaries, each with the loss of every epoch.
"""

import json
import sys

import torch


def draw(run):
    torch.manual_seed(run["seed"])
    n, d = run["pairs"], run["dim"]
    vectors = [torch.randn(n, d)] if run["locked"] else []
    for _ in range(run["skip"]):
        torch.randn(n, d)
    while len(vectors) < run["modalities"]:
        vectors.append(torch.randn(n, d))
        if run["modalities"] > 2:
            torch.randn(n, d)
    return [v / v.norm(dim=1, keepdim=True) for v in vectors]


def loss_of_pair(u, v, t, bias, run):
    s = u @ v.T
    z = t * (s - bias) if run["bias"]["kind"] == "relative" else t * s - bias
    labels = torch.eye(len(u))
    if run["numerics"] == "paper":
        p = torch.sigmoid(z)
        return -(labels * torch.log(p + 1e-8) + (1 - labels) * torch.log(1 - p + 1e-8)).mean()
    return torch.nn.functional.binary_cross_entropy_with_logits(z, labels)


def extend(vectors, delta):
    (u, v), h = vectors, torch.sqrt(1 - delta**2)
    ones = torch.ones(len(u), 1)
    return [torch.cat([delta * u, h * ones], 1), torch.cat([delta * v, -h * ones], 1)]


def train(run):
    vectors = draw(run)
    trained = vectors[1:] if run["locked"] else vectors
    log_t = torch.tensor(run["temperature"]["init"]).log()
    bias = torch.tensor(float(run["bias"]["init"]))
    x = None if run["adapter"] is None else torch.tensor(float(run["adapter"]))
    parameters = trained + ([log_t] if run["temperature"]["trainable"] else [])
    parameters += ([bias] if run["bias"]["trainable"] else []) + ([] if x is None else [x])
    for parameter in parameters:
        parameter.requires_grad_(True)
    adam = torch.optim.Adam(parameters, lr=run["learning_rate"])

    def unit():  # with an adapter, the extended vectors are what the loss normalises
        extended = vectors if x is None else extend(vectors, torch.sigmoid(x))
        return [v / v.norm(dim=1, keepdim=True) for v in extended]

    losses = []
    for _ in range(run["epochs"]):
        units = unit()
        pairs = [(a, b) for i, a in enumerate(units) for b in units[i + 1 :]]
        loss = torch.stack([loss_of_pair(a, b, log_t.exp(), bias, run) for a, b in pairs]).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            for v in trained:
                v /= v.norm(dim=1, keepdim=True)
        losses.append(loss.item())

    with torch.no_grad():
        units = unit()
        off = ~torch.eye(run["pairs"], dtype=torch.bool)
        similarities = [a @ b.T for i, a in enumerate(units) for b in units[i + 1 :]]
        matching = min(s.diagonal().min().item() for s in similarities)
        others = max(s[off].max().item() for s in similarities)
        t = log_t.exp().item()
    b = bias.item()
    return {
        "loss": losses[-1],
        "losses": losses,
        "temperature": t,
        "bias": b,
        "relative_bias": b if run["bias"]["kind"] == "relative" else b / t,
        "margin": (matching - others) / 2,
        "optimal_relative_bias": (matching + others) / 2,
        "delta": None if x is None else torch.sigmoid(x).item(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    json.dump([train(run) for run in json.load(sys.stdin)], sys.stdout)
