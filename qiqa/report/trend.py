"""Earlier exams of one measurement, as the history hands them in."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["TrendPoints"]

Bounds = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoints:
    """Values of one measurement over time, oldest first, all sharing one series key.

    The exam that the page is about need not be among them: it is added from its own result.

    Raises
    ------
    ValueError
        If dates, values and uncertainties are not equally many.
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

    def __post_init__(self) -> None:
        counts = len(self.dates), len(self.values), len(self.standard_uncertainties)
        if len(set(counts)) != 1:
            raise ValueError(f"{self.name}: dates, values, uncertainties are {counts} in number")
