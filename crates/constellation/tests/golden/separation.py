"""Makes separation.json: what scikit-learn and SciPy find on small clouds of points.

Needs scikit-learn (1.9.1 made the committed file). Run: python separation.py > separation.json

Each case has two clouds of float32 points, and
  perceptron   sklearn.linear_model.Perceptron(), all defaults, on float64 input;
  margin       half the distance of the hulls: 1 / ||w|| of SVC(kernel="linear", C=1e10),
               null where a linear program (SciPy's HiGHS) finds a point common to both.
"""

import json

import numpy as np
from scipy.optimize import linprog
from sklearn.linear_model import Perceptron
from sklearn.svm import SVC


def hulls_meet(images, texts):
    """Whether weights >= 0 with sum 1 each give both clouds the same point."""
    n, k = len(images), len(texts)
    equal = np.hstack([images.T, -texts.T])
    sums = np.array([[1.0] * n + [0.0] * k, [0.0] * n + [1.0] * k])
    right = np.concatenate([np.zeros(images.shape[1]), [1.0, 1.0]])
    return linprog(np.zeros(n + k), A_eq=np.vstack([equal, sums]), b_eq=right).status == 0


def case(name, images, texts):
    images, texts = images.astype(np.float32), texts.astype(np.float32)
    x = np.vstack([images, texts]).astype(np.float64)
    y = np.array([-1] * len(images) + [1] * len(texts))
    perceptron = Perceptron().fit(x, y)
    wrong = perceptron.predict(x) != y
    margin = None
    if not hulls_meet(images.astype(np.float64), texts.astype(np.float64)):
        svc = SVC(kernel="linear", C=1e10, tol=1e-9).fit(x, y)
        margin = 1 / np.linalg.norm(svc.coef_)
    return {
        "name": name,
        "images": images.tolist(),
        "texts": texts.tolist(),
        "perceptron": {
            "normal": perceptron.coef_[0].tolist(),
            "offset": perceptron.intercept_[0],
            "epochs": perceptron.n_iter_,
            "wrong": [int(wrong[y < 0].sum()), int(wrong[y > 0].sum())],
        },
        "margin": margin,
    }


def on_sphere(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def shifted(seed, n, k, dim, shift):
    """Two clouds on the sphere whose centres are `shift` apart along the first axis."""
    random = np.random.default_rng(seed)
    images, texts = random.normal(size=(n, dim)), random.normal(size=(k, dim))
    images[:, 0] += shift / 2
    texts[:, 0] -= shift / 2
    return on_sphere(images), on_sphere(texts)


if __name__ == "__main__":
    two = np.array([[1.0, 0.0], [0.0, 1.0]])
    cases = [
        case("one point each", two[:1], two[1:]),
        case("duplicates", np.repeat(two[:1], 5, 0), np.repeat(two[1:], 3, 0)),
        case("a point inside a triangle", np.array([[0.0, 0.0]]), np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])),
        case("a common point", two, two[:1]),
        case("crossing segments", np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, -1.0]])),
        case("wide gap", *shifted(1, 40, 8, 5, 8.0)),
        case("narrow gap", *shifted(3, 30, 10, 4, 4.5)),
        case("separable, but the perceptron stops before", *shifted(13, 60, 8, 4, 4.0)),
        case("mixed", *shifted(4, 60, 20, 3, 1.0)),
        case("fewer points than dimensions", *shifted(5, 10, 6, 20, 0.0)),
        case("as many points as dimensions", *shifted(6, 20, 12, 30, 0.5)),
        case("many points", *shifted(7, 150, 20, 8, 6.0)),
    ]
    print(json.dumps({"cases": cases}, separators=(",", ":")))
