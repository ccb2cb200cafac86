"""Scatter between scanners or sites on the same subject: the reproducibility coefficient RDC."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.measurement import Interval
from qiqa.metrology.precision import CHANGE_FACTOR

__all__ = ["Reproducibility", "reproducibility"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reproducibility:
    """Standard deviation of a reading taken under any of the conditions, on one subject."""

    sd: float
    """In the unit of the values: conditions, conditions by subjects, and repeats together."""
    interval: Interval
    degrees_of_freedom: float
    """Effective (Satterthwaite); it tells how far to trust `sd`, the interval does not use it."""
    repeat_sd: float
    """wSD of repeats under one condition; NaN where nothing was repeated."""
    design: str
    """`crossed`: every subject under the same conditions. `nested`: conditions of its own."""
    subjects: int
    conditions: int
    readings: int

    @property
    def rdc(self) -> float:
        """2.77 times the standard deviation: 95 % of differences between two conditions."""
        return CHANGE_FACTOR * self.sd

    @property
    def rdc_interval(self) -> Interval:
        """Interval of the reproducibility coefficient."""
        return dataclasses.replace(
            self.interval,
            low=self.interval.low * CHANGE_FACTOR,
            high=self.interval.high * CHANGE_FACTOR,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    """A mean square, what it counts in the sum, and its degrees of freedom."""

    factor: float
    square: float
    dof: int


def reproducibility(
    values: ArrayLike, subject: ArrayLike, condition: ArrayLike, *, coverage: float = 0.95
) -> Reproducibility:
    """Return the standard deviation between conditions and the reproducibility coefficient.

    Means of cells (subject by condition) are analyzed, so that cells may have unequal numbers of
    repeats. The variance is a sum of mean squares with positive factors; its interval is that of
    Graybill and Wang (J Am Stat Assoc 1980;75:869), exact where one mean square is all there is.
    Where the same scanners see all subjects, their number and not that of readings is what the
    interval rests on.

    Parameters
    ----------
    values
        (n,) readings; NaN is left out.
    subject
        (n,) whom or what each was taken on.
    condition
        (n,) scanner, site or reader. A label that several subjects have is the same condition.
    coverage
        Of the interval.

    Raises
    ------
    NotMeasurable
        No subject was seen under two conditions, conditions are shared by some subjects only, or
        all readings of every subject are identical.

    Examples
    --------
    >>> found = reproducibility([1.0, 3.0, 6.0, 8.0], ["p", "p", "q", "q"], ["a", "b", "c", "d"])
    >>> round(found.sd, 4), found.degrees_of_freedom, found.design
    (1.4142, 2.0, 'nested')
    """
    x, who, what = _checked(values, subject, condition)
    cells, cell = np.unique(np.column_stack([who, what]), axis=0, return_inverse=True)
    cell = cell.ravel()
    count = np.bincount(cell)
    mean = np.bincount(cell, weights=x) / count
    repeat_dof = int(x.size - count.size)
    repeat_ms = float(((x - mean[cell]) ** 2).sum()) / repeat_dof if repeat_dof else math.nan
    if np.unique(cells[:, 1]).size == len(cells):
        design, parts, share = "nested", *_nested(mean, cells[:, 0], count)
    else:
        design, parts, share = "crossed", *_crossed(mean, cells, count)
    if repeat_dof:
        parts = (*parts, _Part(1 - share, repeat_ms, repeat_dof))
    variance = sum(p.factor * p.square for p in parts)
    if not variance > 0:
        raise NotMeasurable(
            "all readings of every subject are identical: values were rounded or copied"
        )
    weight = sum((p.factor * p.square) ** 2 / p.dof for p in parts)
    return Reproducibility(
        sd=math.sqrt(variance),
        interval=_graybill_wang(parts, variance, coverage),
        degrees_of_freedom=variance**2 / weight,
        repeat_sd=math.sqrt(repeat_ms) if repeat_dof else math.nan,
        design=design,
        subjects=int(np.unique(cells[:, 0]).size),
        conditions=int(np.unique(cells[:, 1]).size),
        readings=int(x.size),
    )


def _checked(
    values: ArrayLike, subject: ArrayLike, condition: ArrayLike
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return readings of subjects seen under two conditions or more, with numbers for labels."""
    x = np.asarray(values, dtype=np.float64).ravel()
    labels = [np.asarray(a).ravel() for a in (subject, condition)]
    if any(a.size != x.size for a in labels):
        raise UsageError(
            f"{x.size} values, {labels[0].size} subjects and {labels[1].size} conditions: "
            "one of each for each value"
        )
    known = np.isfinite(x)
    x = x[known]
    who, what = (np.unique(a[known], return_inverse=True)[1] for a in labels)
    pairs = np.unique(np.column_stack([who, what]), axis=0)
    often = np.bincount(pairs[:, 0], minlength=1) > 1
    keep = often[who]
    if not keep.any():
        raise NotMeasurable(
            "no subject was measured under two conditions",
            hint="reproducibility needs the same subject or phantom on at least two scanners",
        )
    return x[keep], who[keep], what[keep]


def _nested(mean: FloatArray, who: IntArray, count: IntArray) -> tuple[tuple[_Part, ...], float]:
    """Return the mean square between conditions within subjects, and its share of repeats.

    Its expectation is the variance of conditions plus that share of the variance of repeats.
    """
    square, share, dof = 0.0, 0.0, 0
    for subject in np.unique(who):
        one = who == subject
        n = int(one.sum())
        square += float(((mean[one] - mean[one].mean()) ** 2).sum())
        share += (1 - 1 / n) * float((1 / count[one]).sum())
        dof += n - 1
    return (_Part(1.0, square / dof, dof),), share / dof


def _crossed(mean: FloatArray, cells: IntArray, count: IntArray) -> tuple[tuple[_Part, ...], float]:
    """Return mean squares of conditions and of conditions by subjects, and the share of repeats.

    With A the variance of the means of conditions and B the mean square of what remains, the
    variance sought is A + (1 - 1/subjects) B + (1 - share) of the variance of repeats.
    """
    subjects, conditions = (np.unique(cells[:, i]) for i in (0, 1))
    s, c = subjects.size, conditions.size
    if len(cells) != s * c:
        raise NotMeasurable(
            f"{s * c - len(cells)} of {s * c} pairs of subject and condition are missing: some "
            "conditions are shared by some subjects only",
            hint="leave out the subjects that were not everywhere, or fit a mixed model",
        )
    # cells come sorted by subject, then by condition
    table = mean.reshape(s, c)
    by_condition = table.mean(axis=0)
    a = float(by_condition.var(ddof=1))
    share = float((1 / count).mean())
    rest = table - table.mean(axis=1, keepdims=True) - by_condition + table.mean()
    dof = (s - 1) * (c - 1)
    b = float((rest**2).sum()) / dof
    return (_Part(1.0, a, c - 1), _Part(1 - 1 / s, b, dof)), share


def _graybill_wang(parts: tuple[_Part, ...], variance: float, coverage: float) -> Interval:
    """Return the interval of the standard deviation: the root of that of the variance."""
    from scipy.special import chdtri

    tail = (1 - coverage) / 2
    below = above = 0.0
    for part in parts:
        weighted = part.factor * part.square
        below += (weighted * (1 - part.dof / float(chdtri(part.dof, tail)))) ** 2
        above += (weighted * (part.dof / float(chdtri(part.dof, 1 - tail)) - 1)) ** 2
    return Interval(
        low=math.sqrt(max(variance - math.sqrt(below), 0.0)),
        high=math.sqrt(variance + math.sqrt(above)),
        coverage=coverage,
        kind="scatter",
    )
