"""CUSUM of squared scores: the rule for scatter that grew.

Tabular CUSUM for a normal variance (Hawkins, J Qual Technol 1981;13:228): the best one for a
growth of the SD to `RATIO` times what it was.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart, Curve

__all__ = ["DEFAULT", "FINDS", "TAKES", "TITLE", "Parameters", "chart", "parameters", "run_length"]

TITLE = "CUSUM of squares"
FINDS = ("variance",)
TAKES = "scores"
DEFAULT = 0.15
RATIO = 2.0
"""SD that it is made for, relative to the usual one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule."""

    k: float
    """Subtracted from each squared score."""
    h: float
    """Limit of the sum."""


@functools.cache
def parameters(every: float) -> Parameters:
    """Return the settings for one false alarm in `every` exams."""
    from qiqa.drift.run_length import variance

    k = variance.reference_for(RATIO)
    return Parameters(k=k, h=variance.limit_for(every, k))


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return the sum along scores (n,); it restarts from 0 after its own signal."""
    from qiqa.kernels.cusum import cusum_of_squares

    total, signals, since = cusum_of_squares(x, p.k, p.h)
    nothing = np.full(x.size, np.nan)
    curve = Curve(
        label="CUSUM of squares", value=total, low=nothing, high=np.where(np.isnan(x), np.nan, p.h)
    )
    return Chart(
        rule="variance",
        curves=(curve,),
        signals=signals,
        directions=np.ones(signals.size, np.int64),
        since=since,
    )


def run_length(shift: float, p: Parameters) -> float:
    """Return the zero-state average run length after a step of the mean by `shift` SDs."""
    from qiqa.drift.run_length import variance

    return variance.run_length(1.0, p.k, p.h, shift=shift)
