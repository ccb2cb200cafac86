"""Exponentially weighted moving average, for levels that move a little and stay.

Roberts (Technometrics 1959;1:239), with the exact limits of the first exams (Montgomery,
Introduction to Statistical Quality Control, 7th ed., 9.2). Close to the CUSUM in what it finds; its
curve is a level that a person can read.
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
    "limits",
    "parameters",
    "run_length",
]

TITLE = "EWMA"
FINDS = ("step", "trend")
TAKES = "scores"
DEFAULT = 0.0
WEIGHT = 0.2
"""Of the newest exam; best for a shift of about 1.2 SDs (Lucas & Saccucci, Technometrics
1990;32:1)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule."""

    lam: float
    """Weight of the newest exam."""
    width: float
    """Limits, in SDs of the average at that exam."""


@functools.cache
def parameters(every: float, lam: float = WEIGHT) -> Parameters:
    """Return the settings for one false alarm in `every` exams."""
    from qiqa.drift.run_length import ewma

    return Parameters(lam=lam, width=ewma.limit_for(every, lam))


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return the average along scores (n,); it signals when it leaves its limits on one side."""
    from qiqa.kernels.ewma import ewma

    value, limit, signals, directions, since = ewma(x, p.lam, p.width)
    return Chart(
        rule="ewma",
        curves=(Curve(label="EWMA", value=value, low=-limit, high=limit),),
        signals=signals,
        directions=directions,
        since=since,
    )


def run_length(shift: float, p: Parameters) -> float:
    """Return the zero-state average run length after a step of `shift` SDs."""
    from qiqa.drift.run_length import ewma

    return ewma.two_sided(shift, p.lam, p.width)


def limits(
    center: float, sd: float, exams: int, lam: float = WEIGHT, width: float = 3.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return low and high limits (exams,) of the average of values with this center and SD.

    Parameters
    ----------
    center, sd
        Of one value, in its unit; of group means where means are averaged.
    exams
        From the first on.
    lam
        Weight of the newest exam, above 0 to 1.
    width
        In SDs of the average.

    Raises
    ------
    UsageError
        For a weight or SD that cannot be used.

    Source: Montgomery, Introduction to Statistical Quality Control, 7th ed., equation 9.25.
    """
    if not (0.0 < lam <= 1.0 and sd >= 0.0):
        raise UsageError(
            f"weight {lam:g} and SD {sd:g}; needed are a weight above 0 to 1 and an SD from 0 on",
            hint="a weight of 0.2 is usual",
        )
    exam = np.arange(1, exams + 1)
    half = width * sd * np.sqrt(lam / (2 - lam) * (1 - (1 - lam) ** (2.0 * exam)))
    return center - half, center + half
