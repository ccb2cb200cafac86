"""Multinomial logistic regression with a ridge, to its one optimum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

__all__ = ["logistic_scores"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_CLOSE = 1e-4
"""Largest slope left of the mean loss, in the coordinates that are solved in."""
_MOST_STEPS = 500


def logistic_scores(
    train: FloatArray, labels: IntArray, test: FloatArray, count: int, *, ridge: float = 1.0
) -> FloatArray:
    """Return the log probability of each label for each test row.

    Minimizes sum of -log p(label | row) + ridge / 2 * sum of squared slopes; intercepts are free.
    Of two labels only the difference of their slopes counts, which is what the ridge is on then:
    the loss of the usual regression for two, and the convention of scikit-learn (C = 1 / ridge).

    Solved by L-BFGS in coordinates in which the curvature, where all labels are equally likely, is
    1 in all directions (a bound of that form: Böhning, Ann Inst Stat Math 1992;44:197).

    Parameters
    ----------
    train, test
        (n, p) and (m, p) features; those of training have mean 0 and SD 1.
    labels
        (n,) 0 to `count` - 1.

    Returns
    -------
    ndarray
        (m, count); -inf for a label without training rows.
    """
    present, place = np.unique(labels, return_inverse=True)
    k = present.size
    slopes, free = _solved(train, place, k, 2.0 * ridge if k == 2 else ridge)
    found = np.full((len(test), count), -np.inf)
    raised = test @ slopes + free
    top = raised.max(axis=1, keepdims=True)
    found[:, present] = raised - top - np.log(np.exp(raised - top).sum(axis=1, keepdims=True))
    return found


def _solved(x: FloatArray, place: IntArray, k: int, ridge: float) -> tuple[FloatArray, FloatArray]:
    """Return slopes (p, k) and intercepts (k,)."""
    n, p = x.shape
    flat = (1.0 - 1.0 / k) / k  # of p (1 - p) where all are equally likely
    factor = np.linalg.cholesky(flat * (x.T @ x) + ridge * np.eye(p))
    back = linalg.solve_triangular(factor, np.eye(p), lower=True).T
    white = x @ back
    inner = back.T @ back  # the ridge, in the new coordinates
    lift = 1.0 / np.sqrt(flat * n)  # the same for the intercepts
    sums = np.zeros((p, k))
    for label in range(k):
        sums[:, label] = white[place == label].sum(axis=0)
    sizes = np.bincount(place, minlength=k).astype(float)

    def loss(flat_point: FloatArray) -> tuple[float, FloatArray]:
        point = flat_point.reshape(p + 1, k)
        slopes, free = point[:p], lift * point[p]
        chance = white @ slopes
        chance += free
        top = chance.max(axis=1, keepdims=True)
        chance -= top
        np.exp(chance, out=chance)
        total = chance.sum(axis=1, keepdims=True)
        chance /= total
        pulled = inner @ slopes
        value = float(np.log(total).sum() + top.sum() - (sums * slopes).sum() - sizes @ free)
        value += 0.5 * ridge * float((slopes * pulled).sum())
        slope = np.empty_like(point)
        slope[:p] = white.T @ chance - sums + ridge * pulled
        slope[p] = lift * (chance.sum(axis=0) - sizes)
        return value, slope.ravel()

    done = optimize.minimize(
        loss,
        np.zeros((p + 1) * k),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MOST_STEPS, "gtol": _CLOSE * np.sqrt(n), "ftol": 1e-9, "maxcor": 10},
    )
    point = done.x.reshape(p + 1, k)
    return back @ point[:p], lift * point[p]
