"""Scatter of repeats on the same subject or phantom: wSD, wCV and the repeatability coefficient."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.measurement import Interval

__all__ = [
    "CHANGE_FACTOR",
    "CvMethod",
    "WithinSubjectCv",
    "WithinSubjectSd",
    "sd_interval",
    "sd_upper_bound",
    "within_subject_cv",
    "within_subject_sd",
]

CHANGE_FACTOR = 1.959963984540054 * math.sqrt(2.0)
"""2.77: two repeats differ by less than this many standard deviations in 95 % of pairs."""
_ASYMMETRIC_FROM_PERCENT = 15.0
"""wCV from which limits of change are taken on the logarithmic scale: a fall and a rise by the same
factor are then too far apart in percent (Obuchowski, Acad Radiol 2018;25:372)."""

FloatArray = NDArray[np.float64]


class CvMethod(enum.StrEnum):
    """How a within-subject coefficient of variation is pooled over subjects."""

    RMS = "rms"
    LOG = "log"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WithinSubjectSd:
    """Standard deviation of repeats, the same for all subjects, in the unit of the values."""

    wsd: float
    interval: Interval
    """Of wSD, from the chi-square distribution: wide where there are few repeats."""
    degrees_of_freedom: int
    mean: float
    """Of the means of the subjects."""
    subjects: int
    """That were measured more than once."""
    readings: int
    """Of these subjects."""

    @property
    def rc(self) -> float:
        """Repeatability coefficient: 95 % of differences of two repeats are smaller."""
        return CHANGE_FACTOR * self.wsd

    @property
    def rc_interval(self) -> Interval:
        """Interval of the repeatability coefficient."""
        return _times(self.interval, CHANGE_FACTOR)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WithinSubjectCv:
    """Standard deviation of repeats in percent of the subject's mean, the same for all subjects."""

    wcv_percent: float
    interval: Interval
    """Of wCV [%]."""
    degrees_of_freedom: int
    method: CvMethod
    mean: float
    """Of the means of the subjects, in the unit of the values."""
    subjects: int
    readings: int

    @property
    def rc_percent(self) -> float:
        """2.77 wCV [%]."""
        return CHANGE_FACTOR * self.wcv_percent

    @property
    def rc_interval_percent(self) -> Interval:
        """Interval of the repeatability coefficient [%]."""
        return _times(self.interval, CHANGE_FACTOR)

    @property
    def change_limits_percent(self) -> tuple[float, float]:
        """Fall and rise [%] that 95 % of changes between two repeats stay within.

        ±2.77 wCV up to a wCV of 15 %; above, exp(±2.77 s) - 1 with s² = ln(1 + wCV²), the standard
        deviation of logarithms of a log-normal quantity: a fall cannot exceed 100 %.
        """
        if self.wcv_percent <= _ASYMMETRIC_FROM_PERCENT:
            return -self.rc_percent, self.rc_percent
        step = CHANGE_FACTOR * math.sqrt(math.log1p((self.wcv_percent / 100) ** 2))
        return 100 * math.expm1(-step), 100 * math.expm1(step)


def sd_interval(sd: float, degrees_of_freedom: float, coverage: float = 0.95) -> Interval:
    """Return the interval of a standard deviation of normal values, by chi square.

    >>> found = sd_interval(1.0, 10.0)
    >>> round(found.low, 3), round(found.high, 3)
    (0.699, 1.755)
    """
    from scipy.special import chdtri

    tail = (1 - coverage) / 2
    low, high = (
        sd * math.sqrt(degrees_of_freedom / float(chdtri(degrees_of_freedom, p)))
        for p in (tail, 1 - tail)
    )
    return Interval(low=low, high=high, coverage=coverage, kind="scatter")


def sd_upper_bound(sd: float, degrees_of_freedom: float, confidence: float = 0.95) -> float:
    """Return what a standard deviation is below, with the given one-sided confidence.

    >>> round(sd_upper_bound(1.0, 35.0), 3)
    1.248
    """
    from scipy.special import chdtri

    return sd * math.sqrt(degrees_of_freedom / float(chdtri(degrees_of_freedom, confidence)))


def within_subject_sd(
    values: ArrayLike, subject: ArrayLike | None = None, *, coverage: float = 0.95
) -> WithinSubjectSd:
    """Return wSD and the repeatability coefficient, in the unit of the values.

    The root of the mean square within subjects (one-way analysis of variance; Raunig et al., Stat
    Methods Med Res 2015;24:27), so that subjects may have unequal numbers of repeats.

    Parameters
    ----------
    values
        (n,) readings; NaN is left out.
    subject
        (n,) whom or what each was taken on; without it all are of one.
    coverage
        Of the interval.

    Raises
    ------
    NotMeasurable
        No subject has two repeats, or all repeats are identical.

    Examples
    --------
    >>> found = within_subject_sd([10.0, 11.0])
    >>> round(found.wsd, 4), found.degrees_of_freedom
    (0.7071, 1)
    """
    groups = _repeated(values, subject)
    dof = sum(g.size - 1 for g in groups)
    wsd = math.sqrt(sum(float(((g - g.mean()) ** 2).sum()) for g in groups) / dof)
    return WithinSubjectSd(
        wsd=wsd,
        interval=sd_interval(wsd, dof, coverage),
        degrees_of_freedom=dof,
        mean=float(np.mean([g.mean() for g in groups])),
        subjects=len(groups),
        readings=sum(g.size for g in groups),
    )


def within_subject_cv(
    values: ArrayLike,
    subject: ArrayLike | None = None,
    *,
    method: CvMethod = CvMethod.RMS,
    coverage: float = 0.95,
) -> WithinSubjectCv:
    """Return wCV and the repeatability coefficient in percent.

    `rms`, the default because claims of imaging profiles are written with it and it needs no
    logarithm: the root of the mean, weighted by degrees of freedom, of the squared coefficients of
    variation of the subjects. `log`: sqrt(exp(s²) - 1) with s the wSD of logarithms. Below a wCV of
    15 % the two agree closely (Bland and Altman, BMJ 1996;313:106); above it `log` is to be
    preferred, as the mean of a few scattered repeats is no good divisor.

    Parameters
    ----------
    values
        (n,) readings; NaN is left out.
    subject
        (n,) whom or what each was taken on; without it all are of one.
    method
        How subjects are pooled.
    coverage
        Of the interval.

    Raises
    ------
    NotMeasurable
        No subject has two repeats, all repeats are identical, means are zero or of both signs
        (percent of them has no meaning), or `log` meets a value that is not positive.

    Examples
    --------
    >>> found = within_subject_cv([100.0, 102.0, 50.0, 51.0], ["a", "a", "b", "b"])
    >>> round(found.wcv_percent, 3), found.degrees_of_freedom
    (1.4, 2)
    """
    groups = _repeated(values, subject)
    means = np.array([g.mean() for g in groups])
    if not ((means > 0).all() or (means < 0).all()):
        raise NotMeasurable(
            "a coefficient of variation needs means on one side of zero; they reach from "
            f"{means.min():.4g} to {means.max():.4g}",
            hint="state the scatter in the unit of the values instead (wSD)",
        )
    dof = sum(g.size - 1 for g in groups)
    if CvMethod(method) is CvMethod.RMS:
        squares = [float(((g / g.mean() - 1) ** 2).sum()) for g in groups]
        wcv = math.sqrt(sum(squares) / dof)
        interval = sd_interval(100 * wcv, dof, coverage)
    else:
        s = _sd_of_logarithms(groups, dof)
        wcv = _cv_of_log_sd(s)
        ends = sd_interval(s, dof, coverage)
        interval = dataclasses.replace(
            ends, low=100 * _cv_of_log_sd(ends.low), high=100 * _cv_of_log_sd(ends.high)
        )
    return WithinSubjectCv(
        wcv_percent=100 * wcv,
        interval=interval,
        degrees_of_freedom=dof,
        method=CvMethod(method),
        mean=float(means.mean()),
        subjects=len(groups),
        readings=sum(g.size for g in groups),
    )


def _sd_of_logarithms(groups: Sequence[FloatArray], dof: int) -> float:
    lowest = min(float(g.min()) for g in groups)
    if lowest <= 0:
        raise NotMeasurable(
            f"logarithms need positive values; the lowest is {lowest:.4g}",
            hint="use the method rms, or state wSD",
        )
    logs = [np.log(g) for g in groups]
    return math.sqrt(sum(float(((g - g.mean()) ** 2).sum()) for g in logs) / dof)


def _cv_of_log_sd(s: float) -> float:
    """Return the coefficient of variation of a log-normal quantity; huge where it overflows."""
    return math.sqrt(math.expm1(s * s)) if s < 26.0 else math.inf


def _repeated(values: ArrayLike, subject: ArrayLike | None) -> list[FloatArray]:
    """Return the readings of every subject that has at least two; some must differ."""
    x = np.asarray(values, dtype=np.float64).ravel()
    who = np.zeros(x.size, dtype=np.intp) if subject is None else np.asarray(subject).ravel()
    if who.size != x.size:
        raise UsageError(f"{x.size} values but {who.size} subjects: one subject for each value")
    known = np.isfinite(x)
    x, who = x[known], who[known]
    if x.size == 0 or (subject is None and x.size < 2):
        raise NotMeasurable("fewer than two repeats have a value")
    _, place = np.unique(who, return_inverse=True)
    order = np.argsort(place, kind="stable")
    groups = np.split(x[order], np.cumsum(np.bincount(place))[:-1])
    repeated = [g for g in groups if g.size > 1]
    if not repeated:
        raise NotMeasurable(
            f"none of {len(groups)} subjects has two readings",
            hint="repeatability needs the same subject or phantom measured at least twice",
        )
    if all(float(np.ptp(g)) == 0 for g in repeated):
        raise NotMeasurable(
            f"the repeats of every one of {len(repeated)} subjects are identical: values were "
            "rounded or copied, or one acquisition was given twice",
            hint="give the values with more digits, of acquisitions of their own",
        )
    return repeated


def _times(interval: Interval, factor: float) -> Interval:
    return dataclasses.replace(interval, low=interval.low * factor, high=interval.high * factor)
