"""JAX, `jax_scan.py THREADS`: the whole training compiled, jit of a scan over the epochs; several
runs at once by vmap. Compilation is not part of the time."""

import sys

import contestant

threads = int(sys.argv[1])
contestant.use_threads(threads)

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def unit(v):
    return v / jnp.linalg.norm(v, axis=-1, keepdims=True)


def loss_of(parameters, epsilon, relative, labels):
    # epsilon is an argument: of a constant, XLA would make 1 - p + 1e-8 into 1 - p, and 0 for p = 1.
    vectors, log_t, bias = parameters
    vectors, t = [unit(v) for v in vectors], jnp.exp(log_t)
    losses = []
    for i, u in enumerate(vectors):
        for v in vectors[i + 1 :]:
            similarities = u @ v.T
            logits = t * (similarities - bias) if relative else t * similarities - bias
            p = jax.nn.sigmoid(logits)
            terms = labels * jnp.log(p + epsilon) + (1 - labels) * jnp.log(1 - p + epsilon)
            losses.append(-terms.mean())
    return sum(losses) / len(losses)


def train(description, parameters, epsilon):
    """Trains one run; `description` is its JSON."""
    run = json.loads(description)
    relative = run["bias"]["kind"] == "relative"
    labels = jnp.eye(run["pairs"])
    trained = ([1.0] * run["modalities"], *(float(run[key]["trainable"]) for key in ("temperature", "bias")))

    def epoch(state, step):
        parameters, first, second = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, epsilon, relative, labels)
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
        correct1, correct2 = 1 - BETA1**step, 1 - BETA2**step

        def descend(x, m, v, rate):
            return x - rate * run["learning_rate"] * (m / correct1) / (jnp.sqrt(v / correct2) + EPSILON)

        vectors, log_t, bias = jax.tree.map(descend, parameters, first, second, trained)
        parameters = [unit(v) for v in vectors], log_t, bias
        return (parameters, first, second), (loss, jnp.exp(log_t), bias)

    zeros = jax.tree.map(jnp.zeros_like, parameters)
    steps = jnp.arange(1, run["epochs"] + 1, dtype=jnp.float32)
    (parameters, _, _), history = jax.lax.scan(epoch, (parameters, zeros, zeros), steps)
    return parameters, history


def start(run):
    vectors = [v.numpy() for v in contestant.initial_vectors(run)]
    log_t = np.log(np.float32(run["temperature"]["init"]))
    return vectors, log_t, np.float32(run["bias"]["init"])


@functools.cache
def compiled(description, runs):
    """The program for so many runs that differ in their initial points and numbers alone."""
    run = json.loads(description)
    program = functools.partial(train, description)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.float32), start(run))
    if runs > 1:
        program = jax.vmap(program, in_axes=(0, None))
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct((runs, *x.shape), x.dtype), shapes)
    return jax.jit(program).lower(shapes, jnp.float32(1e-8)).compile()


def prepare(runs):
    description = json.dumps({**runs[0], "seed": 0})
    program = compiled(description, len(runs))
    starts = [start(run) for run in runs]
    stacked = starts[0] if len(runs) == 1 else jax.tree.map(lambda *x: np.stack(x), *starts)
    parameters = jax.tree.map(jnp.asarray, stacked)

    def train_all():
        _, (losses, _, _) = jax.block_until_ready(program(parameters, jnp.float32(1e-8)))
        return np.asarray(losses if len(runs) == 1 else losses[0]).tolist()

    return train_all


contestant.serve(prepare)
