"""Hotelling's T^2 of several scores an exam, for exams that do not fit the others in any direction.

Limits for a baseline of a few exams or groups, within it (Phase I) and for new ones (prediction):
Tracy, Young & Mason (J Qual Technol 1992;24:88); groups: Alt, as in Ryan, Statistical Methods for
Quality Improvement, 3rd ed., 9.2, and Montgomery, 7th ed., 11.3.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import Chart, Curve
from qiqa.core.errors import UsageError

__all__ = [
    "DEFAULT",
    "FINDS",
    "TAKES",
    "TITLE",
    "Limits",
    "Parameters",
    "chart",
    "limits",
    "parameters",
    "run_length",
    "statistic",
]

TITLE = "Hotelling T²"
FINDS = ("spike", "step")
TAKES = "matrix"
DEFAULT = 0.0

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Settings of the rule."""

    every: float
    """Exams in control to one outside."""
    scores: int
    """Numbers an exam."""
    baseline: int = 0
    """First exams, from which means and covariance come; 0: they are independent standard normal
    scores."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limits:
    """A baseline and its limits."""

    center: FloatArray
    """(p,) means."""
    covariance: FloatArray
    """(p, p) of one value; of groups: mean of the covariances within."""
    group: int
    """Values a group; 1: single exams."""
    phase_one: float
    """Limit of T^2 for exams of the baseline."""
    prediction: float
    """Limit of T^2 for new exams."""


@functools.cache
def parameters(every: float, scores: int = 2, baseline: int = 0) -> Parameters:
    """Return the settings for one false alarm in `every` exams of so many scores each.

    Raises
    ------
    UsageError
        For numbers that cannot be used.
    """
    if not (every > 1.0 and math.isfinite(every) and scores >= 1):
        raise UsageError(
            f"one false alarm in {every:g} exams of {scores} scores; needed are more than 1 exam "
            "and at least 1 score",
            where="hotelling",
            hint="370 exams are usual",
        )
    if baseline != 0:
        _enough(baseline, scores, 1)
    return Parameters(every=every, scores=scores, baseline=baseline)


def chart(x: FloatArray, p: Parameters) -> Chart:
    """Return T^2 along exams (n, p); each one outside signals, without a direction.

    An exam with a NaN is skipped. There are no limits until the baseline is complete.

    Raises
    ------
    UsageError
        If the exams have another number of scores, or those of the baseline depend on each other.
    """
    if x.ndim != 2 or x.shape[1] != p.scores:
        raise UsageError(
            f"exams of shape {x.shape}; needed are (n, {p.scores})",
            where="hotelling",
            hint="one row an exam, one column a score, NaN where it has none",
        )
    known = np.flatnonzero(~np.isnan(x).any(axis=1))
    value, limit = np.full(len(x), np.nan), np.full(len(x), np.nan)
    if p.baseline == 0:
        value[known] = (x[known] ** 2).sum(axis=1)
        limit[known] = special.chdtri(p.scores, 1.0 / p.every)
    elif known.size >= p.baseline:
        learnt = limits(x[known[: p.baseline]], 1.0 / p.every)
        value[known] = statistic(x[known], learnt)
        limit[known[: p.baseline]] = learnt.phase_one
        limit[known[p.baseline :]] = learnt.prediction
    signals = np.flatnonzero(value > limit)
    return Chart(
        rule="hotelling",
        curves=(Curve(label="T²", value=value, low=np.full(len(x), np.nan), high=limit),),
        signals=signals,
        directions=np.zeros(signals.size, np.int64),
        since=signals,
    )


def run_length(shift: float, p: Parameters) -> float:
    """Return the average run length after a step of length `shift` (Mahalanobis distance), in SDs.

    NaN with limits from a baseline: each exam is outside with the chance asked for, but exams that
    share a baseline are not independent, and their run length has no formula.
    """
    from qiqa.drift.run_length import mewma

    if p.baseline != 0:
        return math.nan
    limit = float(special.chdtri(p.scores, 1.0 / p.every))
    return mewma.hotelling(abs(shift), p.scores, limit)


def limits(values: FloatArray, chance: float) -> Limits:
    """Return a baseline and the limits that an exam or group in control passes with a chance.

    Parameters
    ----------
    values
        (m, p): m exams of p values; or (m, n, p): m groups of n. Finite.
    chance
        To be outside, of one exam or group. Textbooks take 1 - (1 - 0.0027)^p.

    Raises
    ------
    UsageError
        With too few exams, values that are not finite, or values that depend on each other.
    """
    if values.ndim not in (2, 3) or not np.isfinite(values).all() or not 0.0 < chance < 1.0:
        raise UsageError(
            f"values of shape {values.shape} and a chance of {chance:g}; needed are finite values "
            "(m, p) or (m, n, p) and a chance between 0 and 1",
            where="hotelling",
            hint="leave out exams with a missing value",
        )
    grouped = values if values.ndim == 3 else values[:, None, :]
    m, n, p = grouped.shape
    _enough(m, p, n)
    center = grouped.mean(axis=(0, 1))
    off = grouped - (grouped.mean(axis=1, keepdims=True) if n > 1 else center)
    covariance = np.einsum("mni,mnj->ij", off, off) / (m * (n - 1) if n > 1 else m - 1)
    if np.linalg.matrix_rank(covariance) < p:
        raise UsageError(
            f"the {p} values of an exam depend on each other in this baseline",
            where="hotelling",
            hint="leave out values that follow from the others, or add exams",
        )
    if n > 1:
        free = m * n - m - p + 1
        common = p * (n - 1) / free * float(special.fdtri(p, free, 1.0 - chance))
        phase_one, prediction = (m - 1) * common, (m + 1) * common
    else:
        beta = float(special.betaincinv(p / 2, (m - p - 1) / 2, 1.0 - chance))
        phase_one = (m - 1) ** 2 / m * beta
        factor = p * (m + 1) * (m - 1) / (m * (m - p))
        prediction = factor * float(special.fdtri(p, m - p, 1.0 - chance))
    return Limits(
        center=center, covariance=covariance, group=n, phase_one=phase_one, prediction=prediction
    )


def statistic(values: FloatArray, baseline: Limits) -> FloatArray:
    """Return T^2 (m,) of exams (m, p) or groups (m, n, p) about a baseline."""
    mean = values.mean(axis=1) if values.ndim == 3 else values
    off = mean - baseline.center
    solved = np.linalg.solve(baseline.covariance, off.T)
    result: FloatArray = baseline.group * np.einsum("mi,im->m", off, solved)
    return result


def _enough(m: int, p: int, n: int) -> None:
    """Refuse a baseline from which no covariance of p values can be had."""
    least = p + 2 if n == 1 else max(2, -(-p // (n - 1)))
    if m < least:
        raise UsageError(
            f"{m} {'exams' if n == 1 else f'groups of {n}'} for {p} values; needed are {least}",
            where="hotelling",
            hint="add exams to the baseline, or leave out values",
        )
