"""When the scatter of a series grew, and by how much, from its normal scores."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Growth", "grew", "growth"]

FloatArray = NDArray[np.float64]
_FEWEST = 3
"""Exams that a new scatter must rest on."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A new scatter; positions count from the window's first exam."""

    begins: int
    earliest: int
    latest: int
    """Ends of the 95 % set of the first changed exam."""
    ratio: float
    """New SD over the usual one."""
    interval: tuple[float, float]


def grew(score: FloatArray) -> bool:
    """Say whether the scores of a window end rather scattered more widely than shifted together.

    The larger of the two likelihoods, each with its best beginning; NaN scores are skipped.
    """
    z = score[np.isfinite(score)][::-1]
    if z.size < 2:
        return False
    count = np.arange(1, z.size + 1)
    squares, mean = np.cumsum(z**2), np.cumsum(z) / count
    shifted = 0.5 * count * mean**2
    scattered = 0.5 * (squares - count - count * np.log(squares / count))[1:]
    return bool(scattered.max() > shifted.max())


def growth(score: FloatArray, latest: int, earliest: int = 0) -> Growth | None:
    """Return the likeliest beginning and size of a change of the SD of scores from 1.

    The SD after the change has a flat prior in its logarithm, every exam up to `latest` is equally
    likely to be the first changed one; closed form by the gamma integral.

    Parameters
    ----------
    score
        Normal scores (n,), finite.
    latest, earliest
        Last and first exam that can be the first changed one.
    """
    n = score.size
    begins = np.arange(earliest, min(latest, n - _FEWEST) + 1)
    if begins.size == 0:
        return None
    squares = np.concatenate((np.cumsum(score[::-1] ** 2)[::-1], [0.0]))[begins]
    count = n - begins
    log_evidence = (
        special.gammaln(count / 2.0) - 0.5 * count * np.log(squares / 2.0) + 0.5 * squares
    )
    weight = np.exp(log_evidence - log_evidence.max())
    weight /= weight.sum()
    order = np.argsort(-weight, kind="stable")
    kept = order[: int(np.searchsorted(np.cumsum(weight[order]), 0.95)) + 1]
    best = int(order[0])
    dof = int(count[best])
    ratio = math.sqrt(float(squares[best]) / dof)
    ends = special.chdtri(dof, np.array([0.025, 0.975]))
    interval = tuple(math.sqrt(float(squares[best]) / end) for end in ends)
    return Growth(
        begins=best + earliest,
        earliest=int(kept.min()) + earliest,
        latest=int(kept.max()) + earliest,
        ratio=ratio,
        interval=(interval[0], interval[1]),
    )
