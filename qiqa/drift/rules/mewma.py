"""EWMA of several scores an exam, for small shifts in any direction that stay.

Lowry, Woodall, Champ & Rigdon (Technometrics 1992;34:46), with the exact covariance of the first
exams.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart, Curve
from qiqa.core.errors import UsageError

__all__ = [
    "DEFAULT",
    "FINDS",
    "TAKES",
    "TITLE",
    "Parameters",
    "chart",
    "parameters",
    "run_length",
    "standardized",
]

TITLE = "Multivariate EWMA"
FINDS = ("step", "trend")
TAKES = "matrix"
DEFAULT = 0.0
WEIGHT = 0.2
"""Of the newest exam, as in the EWMA of one score."""

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule."""

    scores: int
    """Numbers an exam."""
    lam: float
    """Weight of the newest exam."""
    limit: float
    """Of T^2."""


@functools.cache
def parameters(every: float, scores: int = 2, lam: float = WEIGHT) -> Parameters:
    """Return the settings for one false alarm in `every` exams of so many scores each.

    Raises
    ------
    UsageError
        For numbers that cannot be used.
    """
    from qiqa.drift.run_length import mewma_exact

    return Parameters(scores=scores, lam=lam, limit=mewma_exact.limit_for(every, scores, lam))


def chart(x: FloatArray, p: Parameters) -> Chart:
    """Return T^2 of the average of independent scores (n, p); it signals when it passes its limit.

    An exam with a NaN is skipped. The change is counted from the exam after T^2 was last at most p,
    its mean in control.

    Raises
    ------
    UsageError
        If the exams have another number of scores.
    """
    from qiqa.kernels.ewma import mewma

    if x.ndim != 2 or x.shape[1] != p.scores:
        raise UsageError(
            f"exams of shape {x.shape}; needed are (n, {p.scores})",
            where="mewma",
            hint="one row an exam, one column a score, NaN where it has none",
        )
    value = mewma(x, p.lam)
    known = np.flatnonzero(~np.isnan(value))
    beyond = value[known] > p.limit
    found = np.flatnonzero(beyond & ~np.concatenate(([False], beyond[:-1])))
    quiet = np.flatnonzero(value[known] <= p.scores)
    before = np.searchsorted(quiet, found) - 1
    begun = np.where(before >= 0, quiet[before] + 1, 0) if quiet.size else np.zeros_like(found)
    return Chart(
        rule="mewma",
        curves=(
            Curve(
                label="T² of the EWMA",
                value=value,
                low=np.full(len(x), np.nan),
                high=np.where(np.isnan(value), np.nan, p.limit),
            ),
        ),
        signals=known[found],
        directions=np.zeros(found.size, np.int64),
        since=known[begun],
    )


def run_length(shift: float, p: Parameters) -> float:
    """Return the zero-state average run length after a step of length `shift`, in SDs.

    The length is a Mahalanobis distance. With a shift it takes seconds to compute.
    """
    from qiqa.drift.run_length import mewma_exact

    return mewma_exact.run_length(abs(shift), p.scores, p.lam, p.limit)


def standardized(values: FloatArray, center: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return independent standard scores (n, p) of values whose mean and covariance are known.

    Parameters
    ----------
    values
        (n, p), in their units.
    center, covariance
        (p,) and (p, p) in control.

    Raises
    ------
    UsageError
        If the covariance is not positive definite.
    """
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError as error:
        raise UsageError(
            "the covariance is not positive definite",
            where="mewma",
            hint="leave out values that follow from the others",
        ) from error
    scores: FloatArray = np.linalg.solve(root, (values - center).T).T
    return scores
