"""Intraclass correlation: the share of the variance that is due to the subjects.

Shrout & Fleiss, Psychol Bull 1979;86:420; names and intervals after McGraw & Wong, Psychol
Methods 1996;1:30, with their correction (1996;1:390).
"""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.estimate import tail

__all__ = ["IccModel", "IntraclassCorrelation", "intraclass_correlation"]

FloatArray = NDArray[np.float64]


class IccModel(enum.StrEnum):
    """What counts as error."""

    ONE_WAY = "ICC(1)"
    """Every subject has raters of its own: raters and noise are one error."""
    AGREEMENT = "ICC(A,1)"
    """The same raters for all; their biases count as error."""
    CONSISTENCY = "ICC(C,1)"
    """The same raters for all; their biases do not count."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IntraclassCorrelation:
    """One intraclass correlation of single readings, and of the mean over all raters."""

    model: IccModel
    subjects: int
    raters: int
    value: float
    interval: tuple[float, float]
    degrees_of_freedom: tuple[float, float]
    """Of the F distribution that the lower end rests on: subjects, error (Satterthwaite for
    agreement)."""
    average: float
    """Of the mean of all raters: ICC(k), ICC(A,k) or ICC(C,k)."""
    average_interval: tuple[float, float]
    """Minus infinity at the lower end where that of single readings is -1 / (k - 1) or less."""
    subject_mean_square: float
    error_mean_square: float
    """Within subjects for one way, residual for the others."""
    rater_mean_square: float | None
    """None for one way."""


def _upper(df1: float, df2: float, share: float) -> float:
    """Return the value of F that is passed with the chance `share`."""
    return float(special.fdtri(df1, df2, 1 - share))


def _averaged(single: float, k: int) -> float:
    """Return the correlation of means of k raters (Spearman and Brown)."""
    below = 1 + (k - 1) * single
    return k * single / below if below > 0 else -np.inf


def _table(ratings: ArrayLike) -> FloatArray:
    values = np.asarray(ratings, dtype=np.float64)
    if values.ndim != 2:
        raise UsageError(
            f"ratings has the shape {values.shape}; one row a subject, one column a rater is needed"
        )
    n, k = values.shape
    if n < 2 or k < 2:
        raise NotMeasurable(f"{n} subjects by {k} raters, at least 2 of each are needed")
    holes = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if holes.size:
        raise NotMeasurable(
            f"{holes.size} of {n} subjects lack a reading, the first in row {holes[0]}; the "
            "intervals hold for full tables only",
            hint="leave these rows out and say so, or leave a rater out that has few readings",
        )
    if not np.ptp(values) > 0:
        raise NotMeasurable(f"all readings are {values[0, 0]:g}: no variance to share out")
    return values


def _ratio_interval(f: float, df1: float, df2: float, k: int, share: float) -> tuple[float, float]:
    """Return the ends of (F - 1) / (F + k - 1), F over and times its quantile."""
    low, high = f / _upper(df1, df2, share), f * _upper(df2, df1, share)
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _agreement(
    msr: float, msc: float, mse: float, shape: tuple[int, int], share: float
) -> tuple[float, tuple[float, float], float]:
    """Return ICC(A,1), its interval and the degrees of freedom of its error."""
    n, k = shape
    below = msr + (k - 1) * mse + k * (msc - mse) / n
    if not below > 0:
        raise NotMeasurable("the readings differ by the raters alone: ICC(A,1) is not defined")
    rho = (msr - mse) / below
    # a true correlation is not below zero, and the degrees of freedom are none for a wrong one
    share_of_raters = max(rho, 0.0)
    a = k * share_of_raters / (n * (1 - share_of_raters))
    b = 1 + a * (n - 1)
    parts = (a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1))
    v = (a * msc + b * mse) ** 2 / parts
    rest = k * msc + (k * n - k - n) * mse
    low, high = _upper(n - 1, v, share), _upper(v, n - 1, share)
    ends = (
        n * (msr - low * mse) / (low * rest + n * msr),
        n * (high * msr - mse) / (rest + n * high * msr),
    )
    return rho, ends, v


def intraclass_correlation(
    ratings: ArrayLike, model: IccModel | str, *, confidence: float = 0.95
) -> IntraclassCorrelation:
    """Return an intraclass correlation with its interval, for one rater and for their mean.

    Like every correlation it grows with the range of the subjects: it compares raters on the same
    subjects, never one study with another.

    Parameters
    ----------
    ratings
        (n, k) readings: n subjects by k raters, scanners or repeats, at least 2 of each.
    model
        What counts as error: `ICC(1)`, `ICC(A,1)` or `ICC(C,1)`.
    confidence
        Of the intervals. They are exact for normal readings for `ICC(1)` and `ICC(C,1)`, and
        approximate for `ICC(A,1)`.

    Raises
    ------
    UsageError
        If the readings form no table or the model is unknown.
    NotMeasurable
        If readings are missing, too few or all the same, if raters do not scatter at all, or if
        all subjects have the same mean.

    Examples
    --------
    Six targets by four judges (Shrout & Fleiss 1979): .17, .29 and .71

    >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
    ...          [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> [round(intraclass_correlation(table, model).value, 2) for model in IccModel]
    [0.17, 0.29, 0.71]
    """
    try:
        model = IccModel(model)
    except ValueError:
        raise UsageError(f"model is {model!r}, allowed are {', '.join(IccModel)}") from None
    values, share = _table(ratings), tail(confidence)
    n, k = values.shape
    of_rows = values.mean(axis=1) - values.mean()
    of_columns = values.mean(axis=0) - values.mean()
    msr = k * float(of_rows @ of_rows) / (n - 1)
    msc = n * float(of_columns @ of_columns) / (k - 1)
    inside = values - values.mean(axis=1, keepdims=True)
    if model is IccModel.ONE_WAY:
        error, error_dof = float(np.sum(inside**2)) / (n * (k - 1)), float(n * (k - 1))
    else:
        rest = inside - of_columns
        error_dof = float((n - 1) * (k - 1))
        error = float(np.sum(rest**2)) / error_dof
    # rounding leaves a trace where raters differ by a constant
    if not error > 1e-28 * float(np.abs(values).max()) ** 2:
        raise NotMeasurable(
            "the readings of a subject do not scatter: the correlation has no interval",
            hint="see whether a column was copied or computed from another",
        )
    if not msr > 1e-28 * float(np.abs(values).max()) ** 2:
        raise NotMeasurable("all subjects have the same mean: no variance is due to them")
    if model is IccModel.AGREEMENT:
        value, ends, error_dof = _agreement(msr, msc, error, (n, k), share)
    else:
        value = (msr - error) / (msr + (k - 1) * error)
        ends = _ratio_interval(msr / error, n - 1, error_dof, k, share)
    return IntraclassCorrelation(
        model=model,
        subjects=n,
        raters=k,
        value=value,
        interval=ends,
        degrees_of_freedom=(float(n - 1), error_dof),
        average=_averaged(value, k),
        average_interval=(_averaged(ends[0], k), _averaged(ends[1], k)),
        subject_mean_square=msr,
        error_mean_square=error,
        rater_mean_square=None if model is IccModel.ONE_WAY else msc,
    )
