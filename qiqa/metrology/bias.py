"""Measured minus reference: bias and percent bias, of one reference value or of several."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.measurement import BudgetLine, Interval
from qiqa.metrology.budget import combine, student_interval

__all__ = ["Bias", "bias", "bias_by_level", "mean_bias"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """Measured minus reference, in the unit of the values or in percent of the reference."""

    bias: float
    standard_uncertainty: float
    degrees_of_freedom: float
    """Effective (Welch and Satterthwaite)."""
    interval: Interval
    percent: bool
    """Whether bias, uncertainties and interval are in percent of the reference."""
    scatter_standard_uncertainty: float
    """What more readings make smaller."""
    reference_standard_uncertainty: float
    """What they do not: the reference is the same in all of them."""
    reference: float
    """Its value; the mean of several."""
    n: int
    """Readings, or reference values where it is the mean over several."""


def bias(
    values: ArrayLike,
    reference: float,
    reference_u: float = 0.0,
    *,
    percent: bool = False,
    coverage: float = 0.95,
) -> Bias:
    """Return the bias of readings of one reference value, with its t interval.

    The uncertainty of the reference is shared by all readings: it is added to that of their mean,
    and the number of readings does not divide it. Readings of one exam share more than the
    reference (position, temperature); give the mean of each exam where there are several. Two
    readings beside a reference that is about as uncertain are too few for the formula of the
    degrees of freedom: an interval of 95 % then holds 92 %; from three on it holds what it says.

    Parameters
    ----------
    values
        (n,) readings; NaN is left out.
    reference, reference_u
        Reference value and its standard uncertainty, in the unit of the values.
    percent
        In percent of the reference.
    coverage
        Of the interval.

    Raises
    ------
    NotMeasurable
        Fewer than two readings, all of them identical, or percent of a reference of zero.
    UsageError
        A reference or uncertainty that is no number, or a negative uncertainty.

    Examples
    --------
    >>> found = bias([101.0, 103.0], 100.0, 0.5)
    >>> found.bias, round(found.standard_uncertainty, 4), round(found.degrees_of_freedom, 4)
    (2.0, 1.118, 1.5625)
    """
    if not (math.isfinite(reference) and math.isfinite(reference_u) and reference_u >= 0):
        raise UsageError(
            f"reference {reference:g} with standard uncertainty {reference_u:g}: both must be "
            "numbers, and the second at least zero"
        )
    if percent and reference == 0:
        raise NotMeasurable(
            "percent of a reference of zero has no meaning",
            hint="state the bias in the unit of the values",
        )
    x = np.asarray(values, dtype=np.float64).ravel()
    x = x[np.isfinite(x)]
    if x.size < 2:
        raise NotMeasurable(
            f"{x.size} readings of the reference {reference:.6g}: a bias needs at least two to "
            "have an interval",
            hint="measure the reference again",
        )
    if float(np.ptp(x)) == 0:
        raise NotMeasurable(
            f"all {x.size} readings of the reference {reference:.6g} are identical: values were "
            "rounded or copied",
            hint="give the values with more digits, of acquisitions of their own",
        )
    factor = 100 / abs(reference) if percent else 1.0
    return _result(
        value=(float(x.mean()) - reference) * factor,
        scatter=float(x.std(ddof=1)) / math.sqrt(x.size) * factor,
        dof=x.size - 1,
        # of measured / reference it is the ratio that the reference is divided into
        shared=reference_u * (abs(float(x.mean()) / reference) * factor if percent else 1.0),
        percent=percent,
        reference=reference,
        n=int(x.size),
        coverage=coverage,
    )


def bias_by_level(
    values: ArrayLike,
    reference: ArrayLike,
    reference_u: ArrayLike = 0.0,
    *,
    percent: bool = False,
    coverage: float = 0.95,
) -> tuple[Bias, ...]:
    """Return the bias at every reference value, lowest first.

    Parameters
    ----------
    values, reference
        (n,) readings beside their references; equal references are one level.
    reference_u
        (n,) or one for all; the same wherever the reference is.
    percent, coverage
        As for `bias`, which also says what it raises.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    at = np.asarray(reference, dtype=np.float64).ravel()
    if at.size != x.size:
        raise UsageError(f"{x.size} values but {at.size} references: one for each value")
    u = np.broadcast_to(np.asarray(reference_u, dtype=np.float64), at.shape)
    found = []
    for level in np.unique(at[np.isfinite(at)]):
        here = at == level
        if np.ptp(u[here]) > 0:
            raise UsageError(
                f"the reference {level:g} has uncertainties from {u[here].min():g} to "
                f"{u[here].max():g}: one reference has one"
            )
        found.append(
            bias(x[here], float(level), float(u[here][0]), percent=percent, coverage=coverage)
        )
    return tuple(found)


def mean_bias(levels: Sequence[Bias], *, shared: float = 1.0, coverage: float = 0.95) -> Bias:
    """Return the mean of the biases at several reference values.

    Each level is a case, as in the conformance test of imaging profiles (Obuchowski et al., Acad
    Radiol 2016;23:496): the interval rests on how the biases differ between levels. What the
    references have in common is added to it: levels differ by the rest only.

    Parameters
    ----------
    levels
        At least two, all in percent or none.
    shared
        Part of the variance of the references that is the same error in all of them, from 0 to 1.
        Inserts certified by one laboratory, or filled from one stock, have most of it in common:
        without better knowledge, all.
    coverage
        Of the interval.

    Raises
    ------
    NotMeasurable
        Fewer than two levels, or the same bias at all of them.
    UsageError
        Levels in percent and in units together, or `shared` outside 0 to 1.
    """
    if not 0 <= shared <= 1:
        raise UsageError(f"shared is {shared:g}; it is a part of a variance, from 0 to 1")
    if len(levels) < 2:
        raise NotMeasurable(
            f"{len(levels)} reference values: a mean over them needs at least two",
            hint="state the bias of the one reference value",
        )
    if len({level.percent for level in levels}) > 1:
        raise UsageError("some biases are in percent and some are not: give all in one of them")
    found = np.array([level.bias for level in levels])
    if float(np.ptp(found)) == 0:
        raise NotMeasurable(f"the bias is the same at all {found.size} reference values")
    common = float(np.mean([level.reference_standard_uncertainty for level in levels]))
    return _result(
        value=float(found.mean()),
        scatter=float(found.std(ddof=1)) / math.sqrt(found.size),
        dof=found.size - 1,
        shared=math.sqrt(shared) * common,
        percent=levels[0].percent,
        reference=float(np.mean([level.reference for level in levels])),
        n=len(levels),
        coverage=coverage,
    )


def _result(
    *,
    value: float,
    scatter: float,
    dof: int,
    shared: float,
    percent: bool,
    reference: float,
    n: int,
    coverage: float,
) -> Bias:
    u, effective = combine(
        (
            BudgetLine(name="scatter", standard_uncertainty=scatter, degrees_of_freedom=dof),
            BudgetLine(name="reference", standard_uncertainty=shared),
        )
    )
    return Bias(
        bias=value,
        standard_uncertainty=u,
        degrees_of_freedom=effective,
        interval=student_interval(value, u, effective, coverage),
        percent=percent,
        scatter_standard_uncertainty=scatter,
        reference_standard_uncertainty=shared,
        reference=reference,
        n=n,
    )
