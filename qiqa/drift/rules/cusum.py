"""Tabular CUSUM: the rule for a level that moved and stays.

Page (Biometrika 1954;41:100); the head start is the fast initial response of Lucas & Crosier
(Technometrics 1982;24:199), for charts that begin just after something was done to the scanner.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart, Curve

__all__ = [
    "DEFAULT",
    "FINDS",
    "TAKES",
    "TITLE",
    "Parameters",
    "chart",
    "parameters",
    "run_length",
]

TITLE = "CUSUM"
FINDS = ("step", "trend")
TAKES = "scores"
DEFAULT = 0.45
REFERENCE = 0.5
"""Half of the shift that it finds soonest: 1 SD of one exam."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule, in SDs of one exam."""

    k: float
    """Reference value: half of the shift that it is made for."""
    h: float
    """Limit of the sum."""
    head_start: float = 0.0
    """Both sums before the first exam; at most half of h."""


@functools.cache
def parameters(every: float, k: float = REFERENCE, start_fraction: float = 0.0) -> Parameters:
    """Return the settings for one false alarm in `every` exams.

    Parameters
    ----------
    every
        Exams in control to one false alarm, on average.
    k
        Half of the shift that it is made for, in SDs of one exam.
    start_fraction
        Head start as a fraction of the limit: 0.5 is usual after a repair that may not have helped.

    Raises
    ------
    UsageError
        If a setting cannot be used.
    """
    from qiqa.drift.run_length import cusum

    h = cusum.limit_for(every, k, start_fraction)
    return Parameters(k=k, h=h, head_start=start_fraction * h)


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return both sums along scores (n,); they restart from 0 after their own signal."""
    from qiqa.kernels.cusum import cusum

    upper, lower, signals, directions, since = cusum(x, p.k, p.h, p.head_start)
    limit = np.where(np.isnan(x), np.nan, p.h)
    nothing = np.full(x.size, np.nan)
    return Chart(
        rule="cusum",
        curves=(
            Curve(label="CUSUM up", value=upper, low=nothing, high=limit),
            Curve(label="CUSUM down", value=-lower, low=-limit, high=nothing),
        ),
        signals=signals,
        directions=directions,
        since=since,
    )


def run_length(shift: float, p: Parameters) -> float:
    """Return the zero-state average run length after a step of `shift` SDs."""
    from qiqa.drift.run_length import cusum

    return cusum.two_sided(shift, p.k, p.h, p.head_start)
