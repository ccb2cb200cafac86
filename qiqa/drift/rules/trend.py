"""Mann-Kendall trend over the last two years of weekly exams, looked at after every exam.

The statistic is corrected for autocorrelation (Yue & Wang, Water Resour Manage 2004;18:201).
Looking again after every exam is many tests of growing data: the limit comes from simulated first
passages, not from the normal tail, which would false-alarm some six times too often.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart, Curve

__all__ = [
    "DEFAULT",
    "FINDS",
    "LEAST",
    "TAKES",
    "TITLE",
    "WINDOW",
    "Parameters",
    "chart",
    "parameters",
    "run_length",
]

TITLE = "Mann-Kendall trend"
FINDS = ("trend",)
TAKES = "values"
DEFAULT = 0.15
WINDOW = 104
"""Exams that it looks back on."""
LEAST = 10
"""Exams before it says anything."""

_LIMITS = np.array([2.5, 2.75, 3.0, 3.25, 3.5, 3.75, 4.0, 4.25, 4.5])
_RUN_LENGTHS = np.array([583.0, 1098, 2202, 4585, 10746, 26127, 73912, 208545, 611241])
"""Exams to a false alarm at each limit: 40,000 simulated series of 1,040 independent exams,
followed to their first passage; benchmarks/validation/drift_rules.py makes them anew. From 1 % at
the low to 12 % at the high limits (standard errors)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule."""

    limit: float
    """Of the standardized statistic."""
    tie: float = 0.0
    """Values closer than this count as equal."""


def parameters(every: float) -> Parameters:
    """Return the settings for one false alarm in `every` exams; never below a limit of 2.5."""
    logs = np.log(_RUN_LENGTHS)
    wanted = math.log(max(every, float(_RUN_LENGTHS[0])))
    if wanted <= logs[-1]:
        return Parameters(limit=float(np.interp(wanted, logs, _LIMITS)))
    rate = (logs[-1] - logs[-2]) / (_LIMITS[-1] - _LIMITS[-2])
    return Parameters(limit=float(_LIMITS[-1] + (wanted - logs[-1]) / rate))


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return the statistic along values (n,), and the first exam beyond the limit."""
    from qiqa.kernels.trend import mann_kendall

    known = np.flatnonzero(~np.isnan(x))
    z = np.full(x.size, np.nan)
    z[known] = mann_kendall(np.ascontiguousarray(x[known]), WINDOW, LEAST, p.tie)
    beyond = np.abs(z) > p.limit
    signals = np.flatnonzero(beyond & ~np.concatenate(([False], beyond[:-1])))
    limit = np.where(np.isnan(z), np.nan, p.limit)
    return Chart(
        rule="trend",
        curves=(Curve(label="Mann-Kendall, SDs", value=z, low=-limit, high=limit),),
        signals=signals.astype(np.int64),
        directions=np.sign(z[signals]).astype(np.int64),
        since=np.maximum(signals - WINDOW + 1, 0).astype(np.int64),
    )


def run_length(shift: float, p: Parameters) -> float:
    """Return the average run length without a change; NaN with one: there is no theory of it."""
    if shift != 0.0:
        return math.nan
    return float(np.exp(np.interp(p.limit, _LIMITS, np.log(_RUN_LENGTHS))))
