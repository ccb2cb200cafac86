"""Limits of agreement where subjects were measured several times.

Bland & Altman, J Biopharm Stat 2007;17:571: taking all pairs as independent makes the bias look
surer than it is. Intervals by recovered variances (MOVER) after Zou, Stat Methods Med Res
2013;22:630; where subjects do not differ in their differences, they hold the truth more often than
asked. The limits are for one further reading by each method on one further subject.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.agreement import LIMIT
from qiqa.metrology.estimate import Estimate, student_interval, tail
from qiqa.metrology.pairs import column, paired

__all__ = ["RepeatedAgreement", "agreement_of_changing", "agreement_of_constant"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedAgreement:
    """Bias and limits of agreement from several readings of each subject."""

    subjects: int
    n: int
    """Differences, or readings of both methods, they rest on."""
    bias: Estimate
    sd: float
    """Of the difference between single readings on different subjects."""
    lower: Estimate
    upper: Estimate


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    """One mean square, its factor in the variance of a difference, its degrees of freedom."""

    factor: float
    mean_square: float
    dof: int


@dataclasses.dataclass(frozen=True, slots=True)
class _Groups:
    """Readings by subject: number, mean, and the pooled mean square within."""

    counts: FloatArray
    means: FloatArray
    within: float
    dof: int


def _grouped(values: FloatArray, place: NDArray[np.intp], subjects: int, name: str) -> _Groups:
    counts = np.bincount(place, minlength=subjects).astype(np.float64)
    means = np.bincount(place, weights=values, minlength=subjects) / counts
    dof = values.size - subjects
    if dof < 1:
        raise NotMeasurable(
            f"no subject has more than one {name}",
            hint="for one pair a subject use qiqa.metrology.agreement.agreement",
        )
    within = float(np.sum((values - means[place]) ** 2)) / dof
    return _Groups(counts, means, within, dof)


def _subjects(subject: ArrayLike, n: int, name: str) -> NDArray[np.str_]:
    found = np.asarray(subject)
    if found.shape != (n,):
        raise UsageError(f"{name} has the shape {found.shape}, ({n},) is needed: one a value")
    return found.astype(np.str_)


def _enough(subjects: int) -> None:
    if subjects < 3:
        raise NotMeasurable(f"{subjects} subjects, at least 3 are needed")


def _result(
    subjects: int, n: int, bias: Estimate, parts: list[_Part], confidence: float
) -> RepeatedAgreement:
    """Put bias and variance together; the interval of a limit recovers those of its parts."""
    share = tail(confidence)
    total = sum(p.factor * p.mean_square for p in parts)
    if not total > 0:
        raise NotMeasurable("all differences are the same: there is no scatter to judge")
    down = up = 0.0
    for p in parts:
        low = p.dof / float(special.chdtri(p.dof, share))
        high = p.dof / float(special.chdtri(p.dof, 1 - share))
        down += (p.factor * p.mean_square * (1 - low)) ** 2
        up += (p.factor * p.mean_square * (high - 1)) ** 2
    sd = math.sqrt(total)
    least = LIMIT * (sd - math.sqrt(max(total - math.sqrt(down), 0.0)))
    most = LIMIT * (math.sqrt(total + math.sqrt(up)) - sd)
    half = bias.interval[1] - bias.value
    inner, outer = math.hypot(half, least), math.hypot(half, most)
    low_end, high_end = bias.value - LIMIT * sd, bias.value + LIMIT * sd
    return RepeatedAgreement(
        subjects=subjects,
        n=n,
        bias=bias,
        sd=sd,
        lower=Estimate(value=low_end, interval=(low_end - outer, low_end + inner)),
        upper=Estimate(value=high_end, interval=(high_end - inner, high_end + outer)),
    )


def agreement_of_changing(
    measured: ArrayLike, reference: ArrayLike, subject: ArrayLike, *, confidence: float = 0.95
) -> RepeatedAgreement:
    """Return limits of agreement of pairs, several a subject, whose true value may change.

    Each pair was taken at the same time; the differences are split into between and within
    subjects by one-way analysis of variance.

    Parameters
    ----------
    measured, reference
        (n,) pairs, in one unit.
    subject
        (n,) which subject each pair is of; at least 3 subjects.
    confidence
        Of all intervals. The bias takes t with (subjects - 1) degrees of freedom.

    Raises
    ------
    UsageError
        If the columns do not match.
    NotMeasurable
        If values are missing, if there are fewer than 3 subjects or none with two pairs, or if
        all differences are the same.
    """
    x, y = paired(measured, reference, least=4, names=("measured", "reference"))
    names, place = np.unique(_subjects(subject, x.size, "subject"), return_inverse=True)
    k, n = names.size, x.size
    _enough(k)
    difference = x - y
    groups = _grouped(difference, place, k, "pair")
    bias = float(difference.mean())
    between = float(np.sum(groups.counts * (groups.means - bias) ** 2)) / (k - 1)
    squares = float(np.sum(groups.counts**2))
    divisor = (n**2 - squares) / ((k - 1) * n)
    # an estimate below zero would make the bias surer than n independent pairs do
    spread = max((between - groups.within) / divisor, 0.0)
    error = math.sqrt(spread * squares / n**2 + groups.within / n)
    parts = [
        _Part(1 / divisor, between, k - 1),
        _Part(1 - 1 / divisor, groups.within, groups.dof),
    ]
    return _result(k, n, student_interval(bias, error, k - 1, confidence), parts, confidence)


def agreement_of_constant(
    measured: ArrayLike,
    measured_subject: ArrayLike,
    reference: ArrayLike,
    reference_subject: ArrayLike,
    *,
    confidence: float = 0.95,
) -> RepeatedAgreement:
    """Return limits of agreement of two methods that each read the same subjects several times.

    The true value of a subject stays the same, and readings of the two methods do not belong
    together in pairs; their numbers may differ. The bias is the mean over subjects of the
    difference of the two means: each subject counts the same.

    Parameters
    ----------
    measured, reference
        (n,) and (m,) readings, in one unit.
    measured_subject, reference_subject
        (n,) and (m,) which subject each reading is of; the same subjects in both, at least 3.
    confidence
        Of all intervals. The bias takes t with (subjects - 1) degrees of freedom.

    Raises
    ------
    UsageError
        If the columns do not match.
    NotMeasurable
        If values are missing, if a subject was read by one method only, if there are fewer than
        3 subjects, if a method has no repeats, or if there is no scatter.
    """
    x, y = column(measured, "measured"), column(reference, "reference")
    of_x = _subjects(measured_subject, x.size, "measured_subject")
    of_y = _subjects(reference_subject, y.size, "reference_subject")
    alone = sorted(set(of_x.tolist()) ^ set(of_y.tolist()))
    if alone:
        raise NotMeasurable(
            f"{len(alone)} subjects were read by one method only, the first is {alone[0]!r}",
            hint="leave these subjects out and say so",
        )
    names, place_x = np.unique(of_x, return_inverse=True)
    place_y = np.searchsorted(names, of_y)
    k = names.size
    _enough(k)
    first = _grouped(x, place_x, k, "measured reading")
    second = _grouped(y, place_y, k, "reference reading")
    difference = first.means - second.means
    variance = float(difference.var(ddof=1))
    bias = student_interval(float(difference.mean()), math.sqrt(variance / k), k - 1, confidence)
    parts = [
        _Part(1.0, variance, k - 1),
        _Part(1 - float(np.mean(1 / first.counts)), first.within, first.dof),
        _Part(1 - float(np.mean(1 / second.counts)), second.within, second.dof),
    ]
    return _result(k, x.size + y.size, bias, parts, confidence)
