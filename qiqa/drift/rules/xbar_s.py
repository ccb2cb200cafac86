"""Means of groups and their SDs, for several values an exam that are alike but for noise.

Shewhart's charts of mean and SD: repeats within one exam. For groups of more than about ten
values; in smaller ones the range says nearly as much (`xbar_r`).

The mean's limits rest on the scatter within groups: where exams differ by more than that, they are
too narrow, and the means belong on a chart of individuals.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart
from qiqa.drift.rules._grouping import (
    BASELINE,
    SIZE,
    Limits,
    Parameters,
    Scatter,
    charted,
    limits_of,
    parameters_of,
    run_length_of,
)
from qiqa.drift.run_length import groups as theory

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
]

TITLE = "Means and SDs"
FINDS = ("spike", "step", "variance")
TAKES = "groups"
DEFAULT = 0.0

_SCATTER = Scatter(
    rule="xbar_s",
    label="SD",
    of=lambda groups: groups.std(axis=1, ddof=1),
    mean=theory.mean_sd,
    sd=theory.sd_of_sd,
    limit=theory.sd_limit,
    above=theory.sd_above,
)


@functools.cache
def parameters(every: float, size: int = SIZE, baseline: int = BASELINE) -> Parameters:
    """Return the settings for one false alarm in `every` exams with groups of `size` values.

    Half of them on each chart; center and SD are those of the first `baseline` groups unless they
    are put in their place (`dataclasses.replace`).

    Raises
    ------
    UsageError
        For numbers that cannot be used.
    """
    return parameters_of(_SCATTER, every, size, baseline)


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return means and SDs of groups (n, g); each group outside signals.

    The direction is that of the mean, 0 where only the scatter is outside. A group with a NaN is
    skipped. There are no limits until the baseline is complete.

    Raises
    ------
    UsageError
        If the groups have another size than the settings.
    """
    return charted(_SCATTER, x, p)


def run_length(shift: float, p: Parameters) -> float:
    """Return the average run length after a step of `shift` SDs of one value.

    For a known center and SD; with those of a baseline, alarms are more frequent.
    """
    return run_length_of(_SCATTER, shift, p)


def limits(groups: NDArray[np.float64], width: float = 3.0) -> Limits:
    """Return the limits of the textbook from groups of values.

    Parameters
    ----------
    groups
        (m, g) finite: m groups of g values.
    width
        Distance of the limits from the center, in SDs of what is charted.

    Raises
    ------
    UsageError
        Without groups, or with a value that is not finite.

    Source: Montgomery, Introduction to Statistical Quality Control, 7th ed., 6.3; constants exact.
    """
    return limits_of(_SCATTER, groups, width)
