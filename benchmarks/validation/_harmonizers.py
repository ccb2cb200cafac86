"""Ways to take a batch out of features, plain and short: fitted on one table, applied to another.

For the study of what each takes away; none is offered to users.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qiqa.core.features import FeatureTable

__all__ = ["METHODS", "Refit"]

Array = NDArray[np.float64]
Refit = Callable[[FeatureTable, FeatureTable], FeatureTable]
Step = Callable[[Array, NDArray[np.str_], Array, NDArray[np.str_]], tuple[Array, Array]]
"""(train, its batches, test, its batches) -> both corrected."""


def nothing(a: Array, _: NDArray[np.str_], b: Array, __: NDArray[np.str_]) -> tuple[Array, Array]:
    """Change nothing."""
    return a, b


def _moments(values: Array) -> tuple[Array, Array]:
    mean, sd = values.mean(axis=0), values.std(axis=0)
    return mean, np.where(sd > 1e-9 * np.maximum(np.abs(mean), 1e-300), sd, np.inf)


def means(
    a: Array, in_a: NDArray[np.str_], b: Array, in_b: NDArray[np.str_]
) -> tuple[Array, Array]:
    """Give each batch the mean of all."""
    out, grand = (a.copy(), b.copy()), a.mean(axis=0)
    for name in np.unique(in_a):
        shift = grand - a[in_a == name].mean(axis=0)
        out[0][in_a == name] += shift
        out[1][in_b == name] += shift
    return out


def means_and_sds(
    a: Array, in_a: NDArray[np.str_], b: Array, in_b: NDArray[np.str_]
) -> tuple[Array, Array]:
    """Give each batch the mean of all and the SD within batches."""
    out, grand = (a.copy(), b.copy()), a.mean(axis=0)
    names = np.unique(in_a)
    left = a - np.stack([a[in_a == n].mean(axis=0) for n in names])[np.searchsorted(names, in_a)]
    within = left.std(axis=0)
    for name in names:
        mean, sd = _moments(a[in_a == name])
        for part, rows in zip(out, (in_a == name, in_b == name), strict=True):
            part[rows] = (part[rows] - mean) / sd * within + grand
    return out


def logarithms(
    a: Array, in_a: NDArray[np.str_], b: Array, in_b: NDArray[np.str_]
) -> tuple[Array, Array]:
    """Do the same to logarithms of features that are positive throughout."""
    positive = a.min(axis=0) > 0.0
    least = np.where(positive, a.min(axis=0), 1.0) / 10.0
    a, b = (np.where(positive, np.log(np.where(positive, np.maximum(x, least), 1.0)), x)
            for x in (a, b))  # fmt: skip
    return means_and_sds(a, in_a, b, in_b)


def quantiles(
    a: Array, in_a: NDArray[np.str_], b: Array, in_b: NDArray[np.str_]
) -> tuple[Array, Array]:
    """Map the quantiles of each batch to those of all, feature by feature."""
    out = (a.copy(), b.copy())
    for name in np.unique(in_a):
        own = np.sort(a[in_a == name], axis=0)
        level = (np.arange(len(own)) + 0.5) / len(own)
        wanted = np.quantile(a, level, axis=0)
        for part, rows in zip(out, (in_a == name, in_b == name), strict=True):
            for j in range(a.shape[1]):
                # equal values share their middle level
                x, first, count = np.unique(own[:, j], return_index=True, return_counts=True)
                y = np.interp(first + (count - 1) / 2, np.arange(len(own)), wanted[:, j])
                part[rows, j] = np.interp(part[rows, j], x, y)
    return out


def covariances(
    a: Array, in_a: NDArray[np.str_], b: Array, in_b: NDArray[np.str_]
) -> tuple[Array, Array]:
    """Means and SDs, then those of the scores of the principal components (as CovBat)."""
    a, b = means_and_sds(a, in_a, b, in_b)
    mean, sd = _moments(a)
    a, b = ((x - mean) / sd for x in (a, b))
    _, size, axes = np.linalg.svd(a, full_matrices=False)
    share = np.cumsum(size**2) / np.sum(size**2)
    axes = axes[: int(np.searchsorted(share, 0.95)) + 1]
    scores = [x @ axes.T for x in (a, b)]
    rest = [x - s @ axes for x, s in zip((a, b), scores, strict=True)]
    s, t = means_and_sds(scores[0], in_a, scores[1], in_b)
    scale = np.where(np.isfinite(sd), sd, 0.0)
    return (s @ axes + rest[0]) * scale + mean, (t @ axes + rest[1]) * scale + mean


def whitened(
    a: Array, in_a: NDArray[np.str_], b: Array, in_b: NDArray[np.str_]
) -> tuple[Array, Array]:
    """Give each batch the mean and the whole covariance within batches (shrunken by a fifth)."""
    a, b = means_and_sds(a, in_a, b, in_b)
    mean, sd = _moments(a)
    a, b = ((x - mean) / sd for x in (a, b))
    out = (a.copy(), b.copy())
    pooled = a.T @ a / len(a) + 1e-3 * np.eye(a.shape[1])
    target = _root(pooled, 0.5)
    for name in np.unique(in_a):
        own = a[in_a == name]
        mixed = 0.8 * own.T @ own / len(own) + 0.2 * pooled
        turn = _root(mixed, -0.5) @ target
        for part, rows in zip(out, (in_a == name, in_b == name), strict=True):
            part[rows] = part[rows] @ turn
    scale = np.where(np.isfinite(sd), sd, 0.0)
    return out[0] * scale + mean, out[1] * scale + mean


def _root(matrix: Array, power: float) -> Array:
    size, axes = np.linalg.eigh(matrix)
    return (axes * np.maximum(size, 1e-8) ** power) @ axes.T


def projected(
    a: Array, in_a: NDArray[np.str_], b: Array, _: NDArray[np.str_]
) -> tuple[Array, Array]:
    """Take out the five directions in which batches differ most against scatter within them."""
    mean, sd = _moments(a)
    a, b = ((x - mean) / sd for x in (a, b))
    names = np.unique(in_a)
    at = np.searchsorted(names, in_a)
    middles = np.stack([a[in_a == n].mean(axis=0) for n in names])
    within = (a - middles[at]).T @ (a - middles[at]) / len(a) + 1e-3 * np.eye(a.shape[1])
    # in coordinates where scatter within batches is round
    there, back = _root(within, -0.5), _root(within, 0.5)
    _, __, axes = np.linalg.svd(middles[at] @ there, full_matrices=False)
    keep = np.eye(a.shape[1]) - axes[:5].T @ axes[:5]
    turn = there @ keep @ back
    scale = np.where(np.isfinite(sd), sd, 0.0)
    return (a @ turn) * scale + mean, (b @ turn) * scale + mean


def then(first: Step, second: Step) -> Step:
    """Do one after the other."""

    def both(
        a: Array, in_a: NDArray[np.str_], b: Array, in_b: NDArray[np.str_]
    ) -> tuple[Array, Array]:
        a, b = first(a, in_a, b, in_b)
        return second(a, in_a, b, in_b)

    return both


def _refit(step: Step) -> Refit:
    def apply(train: FeatureTable, test: FeatureTable) -> FeatureTable:
        made = step(train.values, train.batch, test.values, test.batch)
        return dataclasses.replace(test, values=made[1])

    return apply


def _combat(module: str, function: str, **options: object) -> dict[str, Refit]:
    """Return ComBat of this project by name, nothing where it is not there."""
    try:
        fit = getattr(importlib.import_module(f"qiqa.harmonize.{module}"), function)
        apply = importlib.import_module("qiqa.harmonize.combat").apply
    except ModuleNotFoundError:
        return {}

    def refit(train: FeatureTable, test: FeatureTable) -> FeatureTable:
        return apply(fit(train, **options), test)[0]

    return {{"combat": "ComBat", "covbat": "CovBat"}[module]: refit}


METHODS: dict[str, Refit] = {
    "nothing": _refit(nothing),
    "means": _refit(means),
    "means and SDs": _refit(means_and_sds),
    "means and SDs of logarithms": _refit(logarithms),
    "quantiles": _refit(quantiles),
    "covariance of components (as CovBat)": _refit(covariances),
    "whole covariance": _refit(whitened),
    "quantiles, then whole covariance": _refit(then(quantiles, whitened)),
    "quantiles, whole covariance, quantiles": _refit(then(then(quantiles, whitened), quantiles)),
    "five directions taken out": _refit(projected),
    "means and SDs, five directions taken out": _refit(then(means_and_sds, projected)),
    **_combat("combat", "fit"),
    **_combat("covbat", "fit_covbat"),
}
