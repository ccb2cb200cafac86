"""Shifts and scales drawn toward those of other features: parametric, nonparametric or not."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError, UsageError
from qiqa.harmonize.combat.estimating import Estimates, Layout
from qiqa.harmonize.combat.model import Draw
from qiqa.kernels.shrinkage import draw_by_likelihood, draw_by_prior

__all__ = ["ORIGINAL_TOLERANCE", "WAYS", "Drawn", "draw_batches"]

FloatArray = NDArray[np.float64]

WAYS = ("parametric", "nonparametric", "none")

ORIGINAL_TOLERANCE = 1e-4
"""Relative change at which the original program stops (`it.sol`, conv = .0001)."""
_MOST = 1000
"""Iterations; 5 to 30 are usual."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """What is taken off each batch and feature, in units of the feature's spread; all (b, p)."""

    shift: FloatArray
    variance: FloatArray
    shift_error: FloatArray
    scale_error: FloatArray
    """Relative."""
    prior: FloatArray
    """(b, 4) mean and variance of shifts, shape and rate of variances; NaN where not used."""


def draw_batches(
    found: Estimates, layout: Layout, draw: Draw, tolerance: float = ORIGINAL_TOLERANCE
) -> Drawn:
    """Return the shifts and variances that are used, with their standard errors.

    Parameters
    ----------
    found
        Estimates of each feature by itself.
    layout
        Batches and covariates they come from.
    draw
        The way.
    tolerance
        Relative change at which rounds of parametric draws end.

    Raises
    ------
    UsageError
        Where features are to learn from each other and there is one.
    FitError
        Where features are copies of each other, so that there is no spread to learn from.
    """
    if draw.by != "none" and found.shift.shape[1] < 2:
        raise UsageError(
            "empirical Bayes learns from other features and there is only one",
            where=draw.by,
            hint='ask for no empirical Bayes (by="none")',
        )
    if draw.by == "none":
        drawn = _alone(found, layout, draw)
    elif draw.by == "parametric":
        drawn = _parametric(found, layout, draw, tolerance)
    else:
        drawn = _nonparametric(found, layout, draw)
    if layout.reference >= 0:
        # stays as it is: nothing is taken off, which is known exactly
        for array, value in zip(
            (drawn.shift, drawn.variance, drawn.shift_error, drawn.scale_error),
            (0.0, 1.0, 0.0, 0.0),
            strict=True,
        ):
            array[layout.reference] = value
    return drawn


def _scatter(found: Estimates, draw: Draw, variance: FloatArray) -> FloatArray:
    """Return (b, p) variances of the batches for errors of shifts.

    With means only all are 1 in units of a spread that was divided by all rows; what the fit took
    of them is put back.
    """
    if not draw.mean_only:
        return variance
    rows = found.count.sum(axis=0)
    taken = found.count.shape[0] + found.slopes.shape[0]
    return np.asarray(variance * rows / np.maximum(rows - taken, 1))


def _alone(found: Estimates, layout: Layout, draw: Draw) -> Drawn:
    error = np.sqrt(found.shift_variance(_scatter(found, draw, found.variance), layout))
    with np.errstate(divide="ignore"):
        scale = 1 / np.sqrt(2 * (found.count - 1))
    return Drawn(
        shift=found.shift.copy(),
        variance=found.variance.copy(),
        shift_error=error,
        scale_error=np.zeros_like(scale) if draw.mean_only else scale,
        prior=np.full((len(layout.batches), 4), np.nan),
    )


def _parametric(found: Estimates, layout: Layout, draw: Draw, tolerance: float) -> Drawn:
    prior = _prior(found, draw)
    shift, variance = np.empty_like(found.shift), np.ones_like(found.shift)
    scale = np.zeros_like(found.shift)
    for b in range(len(layout.batches)):
        if b == layout.reference:
            shift[b] = 0.0
            continue
        _refuse_copies(prior[b], layout, b)
        center, spread, shape, _ = prior[b]
        if draw.mean_only:
            # as if the batch had one value of unit variance: a habit of the original
            shift[b] = (spread * found.shift[b] + center) / (spread + 1)
            continue
        own = (found.shift[b], found.variance[b], found.count[b], found.shift[b], found.squares[b])
        shift[b], variance[b], steps = draw_by_prior(*own, prior[b], tolerance, _MOST)
        if steps > _MOST:
            raise FitError(
                f"shifts and scales did not settle in {_MOST} rounds",
                where=layout.batches[b],
                hint='ask for no empirical Bayes (by="none")',
            )
        free = found.count[b] / 2 + shape - 2
        scale[b] = np.where(free > 0, 0.5 / np.sqrt(np.where(free > 0, free, 1.0)), np.nan)
    spread = prior[:, 1:2]
    noise = 1.0 if draw.mean_only else variance / found.count
    weight = spread / (spread + noise)
    sampling = found.shift_variance(_scatter(found, draw, variance), layout)
    # what shifts scatter over features holds the scatter of their estimates
    true = np.maximum(spread - sampling.mean(axis=1, keepdims=True), 0.0)
    error = np.sqrt(weight**2 * sampling + (1 - weight) ** 2 * true)
    return Drawn(shift=shift, variance=variance, shift_error=error, scale_error=scale, prior=prior)


def _nonparametric(found: Estimates, layout: Layout, draw: Draw) -> Drawn:
    shift, variance = np.zeros_like(found.shift), np.ones_like(found.shift)
    scale = np.full_like(found.shift, np.nan)
    for b in range(len(layout.batches)):
        if b != layout.reference:
            own = (found.shift[b], found.variance[b], found.count[b])
            drawn = draw_by_likelihood(*own, found.shift[b], found.squares[b])
            shift[b], variance[b] = drawn
    # The posterior is a sum over the other features: with many rows one of them holds all of it,
    # and its variance would be none. That of the feature's own estimate is an upper bound.
    sampling = found.shift_variance(_scatter(found, draw, found.variance), layout)
    return Drawn(
        shift=shift,
        variance=variance,
        shift_error=np.sqrt(sampling),
        scale_error=np.zeros_like(scale) if draw.mean_only else scale,
        prior=np.full((len(layout.batches), 4), np.nan),
    )


def _prior(found: Estimates, draw: Draw) -> FloatArray:
    """Return (b, 4) priors by moments over the features."""
    prior = np.full((len(found.shift), 4), np.nan)
    prior[:, 0] = found.shift.mean(axis=1)
    prior[:, 1] = found.shift.var(axis=1, ddof=1)
    if not draw.mean_only:
        m, s2 = found.variance.mean(axis=1), found.variance.var(axis=1, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            prior[:, 2] = (2 * s2 + m**2) / s2
            prior[:, 3] = (m * s2 + m**3) / s2
    return prior


def _refuse_copies(prior: FloatArray, layout: Layout, b: int) -> None:
    if not prior[1] > 0 or np.isinf(prior[2:]).any():
        raise FitError(
            "all features have the same shift or scatter: there is no spread over features to"
            " learn from",
            where=f"{layout.batch_name} {layout.batches[b]}",
            hint='leave out copies of features, or ask for no empirical Bayes (by="none")',
        )
