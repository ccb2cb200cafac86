"""Earlier exams of one measurement, as the history hands them in."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np

from qiqa.core.drift import SeriesState
from qiqa.report.drift_names import series_shown
from qiqa.report.drift_text import standing

__all__ = ["TrendPoints", "trend_of"]

Bounds = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoints:
    """Values of one measurement over time, oldest first, all sharing one series key.

    The exam that the page is about need not be among them: it is added from its own result.

    Raises
    ------
    ValueError
        If dates, values and uncertainties, or dates and control limits, are not equally many.
    """

    name: str
    unit: str
    dates: tuple[dt.datetime, ...]
    values: tuple[float, ...]
    standard_uncertainties: tuple[float, ...]
    """Standard uncertainty of each value; NaN where unknown."""
    limits: Bounds | None = None
    """Action levels in the unit of the values; None takes those of the exam shown."""
    role: str | None = None
    """Series of the protocol; None fits a measurement made on one series only."""

    control: tuple[Bounds, ...] = ()
    """Control limits of each exam; NaN where there are none; empty: not watched."""
    words: str = ""
    """What watching says: in control, or what changed since when; empty: not watched."""
    verdict: str = "not_evaluated"
    """That of the watching: `pass`, `tolerance`, `action` or `not_evaluated`."""

    def __post_init__(self) -> None:
        counts = len(self.dates), len(self.values), len(self.standard_uncertainties)
        if len(set(counts)) != 1:
            raise ValueError(f"{self.name}: dates, values, uncertainties are {counts} in number")
        if self.control and len(self.control) != counts[0]:
            given = f"{len(self.control)} control limits for {counts[0]} dates"
            raise ValueError(f"{self.name}: {given}")


def trend_of(state: SeriesState) -> TrendPoints:
    """Return what a report of one exam shows of a watched series.

    Exams without a value are left out. Control limits are for adjusted values: where a covariate
    is adjusted for, the points are the adjusted ones too.
    """
    series = state.series
    places = [i for i, known in enumerate(np.isfinite(series.value).tolist()) if known]
    limited = state.low.size == len(series) and state.high.size == len(series)
    shown = state.adjusted if state.adjusted.size == len(series) else series.value
    moments = series.at.astype("datetime64[us]").tolist()
    return TrendPoints(
        name=series.name,
        unit=series.unit,
        role=series.role or None,
        dates=tuple(moments[i] for i in places),
        values=tuple(float(shown[i]) for i in places),
        standard_uncertainties=tuple(float(series.standard_uncertainty[i]) for i in places),
        control=tuple((float(state.low[i]), float(state.high[i])) for i in places)
        if limited
        else (),
        words=standing(series_shown(state)),
        verdict=state.verdict,
    )
