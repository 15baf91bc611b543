"""PyTorch, `pytorch.py eager|compile THREADS [DEVICE]`, on `cpu` if no device is named.

eager: the study's own loop: the loss normalises its inputs, autograd, Adam with a group for the
vectors and one for log t and the bias, the vectors divided by their norms again after the step,
loss, t and b_rel recorded as numbers at every epoch.
compile: the same with the loss and the normalisation compiled, one group of fused Adam, and the
history fetched at the end.
"""

import sys

import contestant

mode, threads = sys.argv[1], int(sys.argv[2])
device = (sys.argv[3:] or ["cpu"])[0]
contestant.use_threads(threads)

import torch
import torch.nn.functional as F

WORTH_SHARING = 500  # pairs below which a second thread makes a step slower


def loss_of_pair(u, v, log_t, bias, relative, labels):
    u, v = F.normalize(u, dim=1), F.normalize(v, dim=1)
    similarities, t = u @ v.T, log_t.exp()
    logits = t * (similarities - bias) if relative else t * similarities - bias
    p = torch.sigmoid(logits)
    return -(labels * torch.log(p + 1e-8) + (1 - labels) * torch.log(1 - p + 1e-8)).mean()


def loss_of(vectors, log_t, bias, relative, labels):
    pairs = [(u, v) for i, u in enumerate(vectors) for v in vectors[i + 1 :]]
    losses = [loss_of_pair(u, v, log_t, bias, relative, labels) for u, v in pairs]
    return sum(losses) / len(losses)


@torch.no_grad()
def project(vectors):
    for v in vectors:
        v.div_(v.norm(dim=1, keepdim=True))


compiled_loss = torch.compile(loss_of, dynamic=False)
compiled_project = torch.compile(project, dynamic=False)


class Training:
    """A run at its start."""

    def __init__(self, run):
        self.run = run
        self.vectors = [v.to(device).requires_grad_() for v in contestant.initial_vectors(run)]
        self.log_t = torch.tensor(run["temperature"]["init"], device=device).log()
        self.bias = torch.tensor(float(run["bias"]["init"]), device=device)
        self.scalars = []
        for scalar, key in [(self.log_t, "temperature"), (self.bias, "bias")]:
            if run[key]["trainable"]:
                self.scalars.append(scalar.requires_grad_())
        self.relative = run["bias"]["kind"] == "relative"
        self.labels = torch.eye(run["pairs"], device=device)

    def eager(self):
        rate = self.run["learning_rate"]
        groups = [{"params": self.vectors, "lr": rate}, {"params": self.scalars, "lr": rate}]
        adam = torch.optim.Adam(groups)
        losses, temperatures, biases = [], [], []
        for _ in range(self.run["epochs"]):
            adam.zero_grad()
            loss = loss_of(self.vectors, self.log_t, self.bias, self.relative, self.labels)
            loss.backward()
            adam.step()
            project(self.vectors)
            losses.append(loss.item())
            temperatures.append(self.log_t.exp().item())
            biases.append(self.bias.item())
        return losses

    def compile(self):
        adam = torch.optim.Adam(self.vectors + self.scalars, lr=self.run["learning_rate"], fused=True)
        losses, temperatures, biases = [], [], []
        for _ in range(self.run["epochs"]):
            adam.zero_grad()
            loss = compiled_loss(self.vectors, self.log_t, self.bias, self.relative, self.labels)
            loss.backward()
            adam.step()
            compiled_project(self.vectors)
            losses.append(loss.detach())
            temperatures.append(self.log_t.detach().clone())
            biases.append(self.bias.detach().clone())
        return torch.stack(losses).tolist()


def prepare(runs):
    torch.set_num_threads(threads if runs[0]["pairs"] >= WORTH_SHARING else 1)
    train = Training.eager if mode == "eager" else Training.compile
    train(Training({**runs[0], "epochs": 3}))  # compiles
    trainings = [Training(run) for run in runs]
    return lambda: [train(training) for training in trainings][0]


contestant.serve(prepare)
