"""Robust deviations of features within groups, and the fences that they are held against."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.space import Space
from qiqa.kernels.segments import (
    segment_moments,
    segment_quantiles,
    segment_spreads,
    squared_distances,
)
from qiqa.metrology.fences import CHANCES, fences, scale_noise, shape_of
from qiqa.vetting.sets.borrowing import borrowed
from qiqa.vetting.sets.coding import Groups

__all__ = ["Judged", "judge", "judge_centers"]

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
IntArray = NDArray[np.intp]

_NORMAL_MAD = 1.482602218505602
_Z10 = 1.2815515594
_ROUNDING = 1e-6
"""Of the middle: a scale below is that of single precision, and no scatter."""
_CUT = 4.0
_ROWS_A_FEATURE = 5
"""Rows for each feature, below which no combination of features is judged."""
_LEAST_SHRINKAGE = 0.05


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Deviations over their fences: above 1 is beyond. NaN where a value is not judged."""

    ratios: SingleArray
    """(p, n) of each feature, with the sign of the deviation."""
    together: SingleArray
    """(n,) of all features of a row together."""
    centers: FloatArray
    """(groups, p) medians."""
    groups: IntArray
    """(n,) group whose median counts for a row."""
    sizes: FloatArray
    """(groups,) effective number of values."""


def judge(
    values: SingleArray,
    groups: Groups,
    cohorts: Groups,
    rate: float,
    weights: FloatArray,
    space: Space = np.zeros,
) -> Judged:
    """Hold each value against the others of its group.

    The middle is that of the group; so is the scale, drawn toward that of other groups of the
    cohort where these are alike. The shape of the distribution is that of the cohort. Half of the
    false alarms is for single features, half for all together.

    Parameters
    ----------
    values
        (p, n) NaN unknown.
    groups, cohorts
        Of the n rows; rows of one group are in one cohort.
    rate
        Chance that a series where nothing is wrong has any ratio above 1.
    weights
        (n,) of the rows; (0,) where all count alike.
    space
        Where what is as large as `values` is made.
    """
    p = values.shape[0]
    chance = rate / (4 * max(p, 1))
    middle = _quantiles(values, groups, weights, (0.5,))[:, :, 0]
    spread = _NORMAL_MAD * segment_spreads(values, groups.order, groups.starts, weights, middle)
    spread[~(spread > _ROUNDING * np.abs(middle))] = np.nan
    sizes = _effective(weights, groups)
    spread, lent = borrowed(spread, middle, sizes, _cohort_of(groups, cohorts))
    deviations = space(values.shape, np.float32)
    for j in range(p):
        deviations[j] = (values[j] - middle[groups.codes, j]) / spread[groups.codes, j]
    marks = _quantiles(deviations, cohorts, weights, CHANCES)
    effective = _effective(weights, cohorts)
    shape = shape_of(marks, effective[:, None])
    below, above = fences(shape, chance)
    noise = scale_noise(chance, sizes[:, None], lent).astype(np.float32)
    ratios = space(values.shape, np.float32)
    _over(deviations, below, above, cohorts.codes, ratios)
    for j in range(p):
        ratios[j] /= noise[groups.codes, j]
    low, high = -marks[:, :, 0] / _Z10, marks[:, :, 4] / _Z10
    _over(deviations, low, high, cohorts.codes, deviations)  # scores now
    together = _together(deviations, cohorts, effective, rate / 2, weights)
    return Judged(ratios, together, middle, groups.codes, sizes)


def _cohort_of(groups: Groups, cohorts: Groups) -> IntArray:
    """Return the cohort of each group."""
    return cohorts.codes[groups.order[groups.starts[:-1]]]


def judge_centers(centers: FloatArray, rate: float) -> FloatArray:
    """Return (m, p) deviations of m medians from the others over their fence, with sign.

    Too few for a shape: as normal values, and where all of a feature are above zero also as
    logarithms, of which the milder answer counts. What spans orders of magnitude between scanners
    is judged by its ratio, what does not by its difference.
    """
    plain = _centers_over(centers, rate)
    positive = (centers > 0).all(axis=0)
    logs = _centers_over(np.log(np.where(positive, centers, 1.0)), rate)
    return np.where(positive & (np.abs(logs) < np.abs(plain)), logs, plain)


def _centers_over(centers: FloatArray, rate: float) -> FloatArray:
    m, p = centers.shape
    chance = rate / (2 * max(p, 1))
    middle = np.median(centers, axis=0)
    spread = _NORMAL_MAD * np.median(np.abs(centers - middle), axis=0)
    spread[~(spread > _ROUNDING * np.abs(middle))] = np.nan
    fence = float(special.ndtri(1 - chance)) * scale_noise(chance, np.array(float(m)))
    return np.asarray((centers - middle) / (spread * fence))


def _quantiles(
    values: SingleArray, groups: Groups, weights: FloatArray, chances: tuple[float, ...]
) -> FloatArray:
    """Return quantiles (groups, p, k); of one large group numpy's sorting is many times faster."""
    wanted = np.array(chances)
    if weights.size or groups.sizes.size > 1:
        return segment_quantiles(values, groups.order, groups.starts, weights, wanted)
    found = np.full((1, values.shape[0], wanted.size), np.nan)
    for j, column in enumerate(values):
        x = np.sort(column[np.isfinite(column)])
        if x.size >= 2:
            spots = np.clip(wanted * x.size - 0.5, 0.0, x.size - 1.0)
            i = np.minimum(spots.astype(np.intp), x.size - 2)
            found[0, j] = x[i] + (spots - i) * (x[i + 1].astype(np.float64) - x[i])
    return found


def _over(
    deviations: SingleArray, below: FloatArray, above: FloatArray, codes: IntArray, out: SingleArray
) -> None:
    """Write deviations over how far they may go on their side; NaN where that is not known."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (1.0 / np.where(part > 0, part, np.nan) for part in (below, above))
        low, high = low.astype(np.float32), high.astype(np.float32)
        for j, d in enumerate(deviations):
            out[j] = d * np.where(d < 0, low[codes, j], high[codes, j])
            out[j, ~np.isfinite(out[j])] = np.nan


def _effective(weights: FloatArray, groups: Groups) -> FloatArray:
    """Kish's effective number of rows of each group."""
    if weights.size == 0:
        return groups.sizes.astype(np.float64)
    total = np.bincount(groups.codes, weights=weights, minlength=groups.sizes.size)
    squares = np.bincount(groups.codes, weights=weights * weights, minlength=groups.sizes.size)
    return np.asarray(total * total / np.maximum(squares, 1e-300))


def _together(
    scores: SingleArray, cohorts: Groups, effective: FloatArray, rate: float, weights: FloatArray
) -> SingleArray:
    """Return the Mahalanobis distance over its fence; correlations are shrunk towards none."""
    p, n = scores.shape
    found = np.full(n, np.nan, dtype=np.float32)
    large = np.flatnonzero(effective >= max(20, _ROWS_A_FEATURE * p))
    if p < 2 or large.size == 0:
        return found
    moments = segment_moments(scores, cohorts.order, cohorts.starts, _CUT)[large]
    own = np.sqrt(np.maximum(np.einsum("gjj->gj", moments), 1e-12))
    correlations = moments / own[:, :, None] / own[:, None, :]
    shrink = np.maximum(p / (p + effective[large]), _LEAST_SHRINKAGE)[:, None, None]
    eye = np.eye(p)
    inverses = np.linalg.inv((1 - shrink) * correlations * (1 - eye) + eye)
    place = np.full(cohorts.sizes.size, -1, dtype=np.intp)
    place[large] = np.arange(large.size)
    distance = squared_distances(scores, place[cohorts.codes], inverses, (p + 1) // 2)
    # Wilson and Hilferty: the cube root of a squared distance is nearly normal
    root = np.cbrt(distance).astype(np.float32)[None]
    marks = _quantiles(root, cohorts, weights, CHANCES)
    shape = shape_of(marks, effective[:, None])
    _, above = fences(shape, rate)
    noise = scale_noise(rate, effective)
    codes = cohorts.codes
    found[:] = (root[0] - marks[codes, 0, 2]) / (above[codes, 0] * noise[codes])
    return found
