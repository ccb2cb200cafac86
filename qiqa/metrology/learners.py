"""Models that tell a label from features: linear, quadratic, trees."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from qiqa.core.errors import UsageError
from qiqa.kernels.extra_trees import forest_votes
from qiqa.metrology.logistic import logistic_scores

__all__ = ["MODELS", "scores"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

MODELS = ("linear", "quadratic", "trees")
_POOLED = 0.5
"""Share of the pooled covariance in that of a batch."""
_RIDGE = 0.05
_TREES = 100
_LEAF = 3


def scores(
    model: str,
    train: FloatArray,
    labels: IntArray,
    test: FloatArray,
    count: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the score of each test row for each label; higher is likelier.

    Features are standardized by the training rows; missing values become their median, with an
    indicator for each feature that has any. Features that do not vary are dropped.

    Parameters
    ----------
    model
        `linear`: logistic regression, L2, C = 1. `quadratic`: Gaussian with half of the covariance
        pooled (Friedman, J Am Stat Assoc 1989;84:165). `trees`: 100 extremely randomized trees,
        at least 3 rows a leaf, a cut in each of sqrt(p) features tried in a node.
    train, test
        (n, p) and (m, p) features.
    labels
        (n,) 0 to `count` - 1.
    rng
        Seeds the trees; the others draw nothing.

    Returns
    -------
    ndarray
        (m, count); -inf for a label without training rows.

    Raises
    ------
    UsageError
        If the model is unknown.
    """
    if model not in MODELS:
        raise UsageError(f"there is no model {model!r}", hint=f"choose one of {', '.join(MODELS)}")
    a, b = _prepared(train, test)
    if a.shape[1] == 0:
        return np.zeros((len(test), count))
    if model == "quadratic":
        return _quadratic(a, labels, b, count)
    if model == "linear":
        return logistic_scores(a, labels, b, count)
    return _trees(a, labels, b, count, rng)


def _prepared(train: FloatArray, test: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fill, flag and standardize by what the training rows tell."""
    holes = np.isnan(train)
    train, test = train[:, ~holes.all(axis=0)], test[:, ~holes.all(axis=0)]
    flagged = np.isnan(train).any(axis=0)
    # the median of what is known takes ten times as long where all is known
    middle = np.nanmedian(train, axis=0) if flagged.any() else np.median(train, axis=0)
    flags = [np.isnan(part)[:, flagged].astype(float) for part in (train, test)]
    filled = [np.where(np.isnan(part), middle, part) for part in (train, test)]
    a, b = (np.hstack(pair) for pair in zip(filled, flags, strict=True))
    center, spread = a.mean(axis=0), a.std(axis=0)
    # A feature that is constant but for rounding would be blown up to unit scatter.
    varies = spread > 1e-9 * np.maximum(np.abs(center), 1e-300)
    return (
        (a[:, varies] - center[varies]) / spread[varies],
        (b[:, varies] - center[varies]) / spread[varies],
    )


def _quadratic(train: FloatArray, labels: IntArray, test: FloatArray, count: int) -> FloatArray:
    n, p = train.shape
    sizes = np.bincount(labels, minlength=count)
    means = np.array([train[labels == k].mean(axis=0) if sizes[k] else np.zeros(p)
                      for k in range(count)])  # fmt: skip
    left = train - means[labels]
    pooled = left.T @ left / max(n - np.count_nonzero(sizes), 1)
    found = np.full((len(test), count), -math.inf)
    for k in np.flatnonzero(sizes):
        own = left[labels == k]
        own_covariance = own.T @ own / max(sizes[k] - 1, 1)
        mixed = (1.0 - _POOLED) * own_covariance + _POOLED * pooled + _RIDGE * np.eye(p)
        factor = np.linalg.cholesky(mixed)
        away = linalg.solve_triangular(factor, (test - means[k]).T, lower=True, check_finite=False)
        found[:, k] = (
            math.log(sizes[k] / n) - np.log(np.diag(factor)).sum() - 0.5 * (away * away).sum(axis=0)
        )
    top = found.max(axis=1, keepdims=True)
    # Log posterior: raw densities would compare rows by how odd they are, not by whose they are.
    rest = np.log(np.exp(found - top).sum(axis=1, keepdims=True))
    return np.asarray(found - top - rest)


def _trees(
    train: FloatArray, labels: IntArray, test: FloatArray, count: int, rng: np.random.Generator
) -> FloatArray:
    by_label = np.argsort(labels, kind="stable")
    votes = forest_votes(
        np.ascontiguousarray(train[by_label].T, dtype=np.float32),
        labels[by_label].astype(np.uint32),
        np.ascontiguousarray(test.T, dtype=np.float32),
        count,
        rng.integers(2**63, size=_TREES).astype(np.uint64),
        max(math.isqrt(train.shape[1]), 1),
        _LEAF,
    )
    with np.errstate(divide="ignore"):
        # no leaf of a row holds the label: below any share that 100 trees can give
        found = np.log(np.maximum(votes, 1e-12))
    found[:, np.bincount(labels, minlength=count) == 0] = -math.inf
    return np.asarray(found)
