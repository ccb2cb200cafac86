"""A series as it is charted: on an even scale, weighted, with covariates, and who is left out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import TimeSeries
from qiqa.drift.kinds import Scale, kind_of, resolution, scale_of

__all__ = ["Prepared", "prepare"]

FloatArray = NDArray[np.float64]
_LARGEST = 1e100
"""Numbers from here on, whose squares soon leave double precision, are slips of some program."""
_WEIGHTLESS = 1e6
"""Stated uncertainty against a usual one from which on a value has no weight anyway."""
_SILENT = 3
"""Exams in a row without a covariate from which on it is not waited for any longer."""
_FIRST = 10
"""Stated uncertainties that say what is usual."""


@dataclasses.dataclass(slots=True, kw_only=True, eq=False)
class Prepared:
    """What the prediction works on; arrays (n,)."""

    y: FloatArray
    """Values on the scale of `scale`."""
    variance: FloatArray
    """Relative to that of a usual value."""
    covariates: tuple[str, ...]
    x: FloatArray
    """(c, n), about `centers`; 0 where the exam is left out."""
    centers: tuple[float, ...]
    left_out: list[str]
    """Why an exam is not used; empty where it is."""
    usable: NDArray[np.bool_]
    """Exams that are used."""
    scale: Scale
    kind: str
    floor: float
    """SD from rounding alone, on the scale of y."""
    notes: list[str]


def prepare(series: TimeSeries, adjust: Sequence[str] = ()) -> Prepared:
    """Return a series as it is charted.

    Parameters
    ----------
    series
        Values over time.
    adjust
        Covariates to adjust for where they are stated in at least half of the exams, not missing
        from the last three, and vary.
    """
    notes: list[str] = []
    scale = scale_of(series.quantity, series.unit)
    if scale.words:
        notes.append(scale.words)
    measured = np.isfinite(series.value)
    finite = measured & (np.abs(np.where(measured, series.value, 0.0)) < _LARGEST)
    if (beyond := int(np.sum(measured & ~finite))) > 0:
        notes.append(
            f"{beyond} values of {_LARGEST:g} or more are left out: no measurement is so large"
        )
    left_out = [""] * len(series)
    for i in np.flatnonzero(~finite).tolist():
        left_out[i] = "too large" if measured[i] else "not measured"
    value = np.where(finite, series.value, np.nan)
    y = scale.forth(value)
    kind = kind_of(series.quantity, value)
    if kind in ("count", "discrete"):
        adjust = ()  # what moves in steps does not follow a temperature
    names, x, centers, usable = _covariates(series, adjust, finite, left_out, notes)
    return Prepared(
        y=y,
        variance=_relative_variance(series.standard_uncertainty),
        covariates=names,
        x=x,
        centers=centers,
        left_out=left_out,
        usable=usable,
        scale=scale,
        kind=kind,
        floor=_floor(series.value[finite], scale),
        notes=notes,
    )


def _floor(value: FloatArray, scale: Scale) -> float:
    """Return the SD that rounding gives: a step over the root of 12, on the charted scale."""
    if value.size == 0:
        return 0.0
    step = resolution(value)
    if step == 0.0:
        return 0.0
    center = np.array([float(np.median(value))])
    ends = scale.forth(center + step / 2), scale.forth(center - step / 2)
    return float(abs(ends[0][0] - ends[1][0])) / math.sqrt(12.0)


def _relative_variance(uncertainty: FloatArray) -> FloatArray:
    """Return how the variance of each value compares to a usual one.

    Half of it is taken to be the scanner's and equal in all exams, half the measurement's, which
    goes
    with the square of its stated uncertainty against the median of those before (the first ten once
    there are ten, so that later exams do not change earlier limits). Stated uncertainties hold
    parts that do not scatter from exam to exam, and are estimates: to weight by them alone would
    trust them too much.
    """
    known = np.flatnonzero((uncertainty > 1.0 / _LARGEST) & (uncertainty < _LARGEST))
    ratio = np.ones(uncertainty.size)
    stated = uncertainty[known]
    if stated.size == 0 or float(np.ptp(stated)) == 0.0:
        return ratio
    usual = np.full(stated.size, float(np.median(stated[:_FIRST])))
    for i in range(min(_FIRST, stated.size)):
        usual[i] = np.median(stated[: i + 1])
    ratio[known] = np.minimum(stated / usual, _WEIGHTLESS)
    return np.asarray(0.5 * (1.0 + ratio**2), dtype=np.float64)


def _covariates(
    series: TimeSeries,
    adjust: Sequence[str],
    finite: NDArray[np.bool_],
    left_out: list[str],
    notes: list[str],
) -> tuple[tuple[str, ...], FloatArray, tuple[float, ...], NDArray[np.bool_]]:
    """Return names, values about their means, the means, and the exams that state them all."""
    n = len(series)
    names: list[str] = []
    rows: list[FloatArray] = []
    used = finite.copy()
    for name, row in zip(series.covariates, series.covariate_values, strict=True):
        if name not in adjust:
            continue
        row = np.where(np.abs(row) < _LARGEST, row, np.nan)  # noqa: PLW2901 - a slip is not stated
        stated = np.isfinite(row) & finite
        if 2 * stated.sum() < finite.sum():
            notes.append(
                f"not adjusted for {name}: "
                f"{int(stated.sum())} of {int(finite.sum())} exams state it"
            )
            continue
        if float(np.ptp(row[stated])) == 0.0:
            continue
        if not stated[np.flatnonzero(finite)[-_SILENT:]].any():
            # left out one by one, exams would not be looked at any more, without a word
            notes.append(f"not adjusted for {name}: the last {_SILENT} exams do not state it")
            continue
        names.append(name)
        rows.append(row)
        for i in np.flatnonzero(used & ~np.isfinite(row)).tolist():
            left_out[i] = f"{name} not stated"
        used &= np.isfinite(row)
    x = np.zeros((len(rows), n))
    centers = []
    for j, row in enumerate(rows):
        center = float(np.mean(row[used])) if used.any() else 0.0
        centers.append(center)
        x[j, used] = row[used] - center
    return tuple(names), x, tuple(centers), used
