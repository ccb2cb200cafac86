"""Steps in a whole series at once: optimal segmentation into levels (PELT), looking back.

Killick, Fearnhead & Eckley (J Am Stat Assoc 2012;107:1590), computed by ruptures. It sees both
sides of a step, so it dates it better than a rule that runs along, but cannot say at which exam
one would have known: it is for histories that were never watched, and for a baseline's exams.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import Chart, Curve
from qiqa.core.errors import UsageError

__all__ = ["DEFAULT", "FINDS", "TAKES", "TITLE", "Parameters", "chart", "parameters", "run_length"]

TITLE = "Steps, looking back (PELT)"
FINDS = ("step",)
TAKES = "values"
DEFAULT = 0.0
_SHORTEST = 2
"""Exams between two steps."""
_LEAST = 20
"""Exams before their differences tell the SD well enough for a penalty to hold."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule."""

    penalty: float
    """Fall of the sum of squares, in variances of one exam, that a further step must bring."""


def parameters(every: float) -> Parameters:
    """Return the settings for one false step in `every` places.

    A step is named where its squared t statistic passes the penalty. Two steps beside each other
    are places of their own, so that false steps are somewhat more than one in `every` exams; the
    page of the rule has their share.
    """
    return Parameters(penalty=float(special.chdtri(1, min(1.0 / every, 1.0))))


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return the levels along values (n,), and the first exam of each new one.

    The SD of one exam comes from differences of neighbors (their median absolute value), which
    steps do not widen. Below 20 exams no step is told.

    Raises
    ------
    UsageError
        If ruptures is not installed.
    """
    known = np.flatnonzero(~np.isnan(x))
    level = np.full(x.size, np.nan)
    y = x[known]
    begins = _steps(y, p.penalty) if y.size >= _LEAST else []
    for first, end in zip([0, *begins], [*begins, y.size], strict=True):
        level[known[first:end]] = y[first:end].mean() if end > first else math.nan
    signals = known[begins].astype(np.int64)
    directions = [np.sign(level[known[i]] - level[known[i - 1]]) for i in begins]
    nothing = np.full(x.size, np.nan)
    return Chart(
        rule="step",
        curves=(Curve(label="level", value=level, low=nothing, high=nothing),),
        signals=signals,
        directions=np.array(directions, dtype=np.int64),
        since=np.maximum(signals - 1, 0),
    )


def _steps(y: NDArray[np.float64], penalty: float) -> list[int]:
    try:
        import ruptures
    except ModuleNotFoundError as error:
        raise UsageError(
            "the rule 'step' needs ruptures, which is not installed",
            hint="pip install ruptures, or use the other rules",
        ) from error
    # of normal values, half of the differences of neighbors are within 0.6745 sqrt(2) SDs
    sd = float(np.median(np.abs(np.diff(y)))) / (0.6744898 * math.sqrt(2.0))
    if sd <= 0.0:
        return []
    search = ruptures.KernelCPD(kernel="linear", min_size=_SHORTEST).fit((y / sd)[:, None])
    return [int(end) for end in search.predict(pen=penalty)[:-1]]


def run_length(shift: float, p: Parameters) -> float:
    """Return NaN: a rule that looks back has no run length."""
    del shift, p
    return math.nan
