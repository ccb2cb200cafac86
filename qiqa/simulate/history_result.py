"""Simulated years as nouns: one series, or the exams of a fleet, with what is true about them."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import TimeSeries
from qiqa.simulate.history_faults import PlantedFault
from qiqa.simulate.history_metrics import Metric
from qiqa.simulate.history_spec import HistorySpec

__all__ = ["SimulatedHistory", "SimulatedSeries", "exam_text", "software_text", "unit_text"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedSeries:
    """One quantity of one scanner; arrays (n,) in the order in which the exams were done."""

    scanner: str
    metric: Metric
    at: NDArray[np.datetime64]
    """(n,) by the scanner's clock."""
    value: FloatArray
    """(n,) in the metric's unit; NaN where it could not be measured."""
    standard_uncertainty: FloatArray
    temperature_degc: FloatArray
    epoch: NDArray[np.str_]
    """(n,) software and phantom unit."""
    exam: NDArray[np.str_]
    week: NDArray[np.int64]
    """(n,) scheduled week, from 1."""
    level: float
    """True level before any fault, at the mean temperature."""
    faults: tuple[PlantedFault, ...]

    def as_time_series(self) -> TimeSeries:
        """Return the noun that rules of drift take: sorted by the clock, temperature beside it.

        A change of the phantom is in its epochs; where series keys are, it would be two series.
        """
        order = np.argsort(self.at, kind="stable")
        return TimeSeries(
            scanner=self.scanner,
            name=self.metric.name,
            quantity=self.metric.quantity,
            unit=self.metric.unit,
            at=self.at[order],
            value=self.value[order],
            standard_uncertainty=self.standard_uncertainty[order],
            epoch=self.epoch[order],
            exam=self.exam[order],
            insert=self.metric.insert,
            slice=self.metric.slice or 0,
            role=self.metric.role,
            covariates=("temperature_degc",),
            covariate_values=self.temperature_degc[order][None],
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedHistory:
    """Exams of a fleet: x exams and n values, scanner after scanner, in the order done.

    `exam_*` are arrays (x,); the others are (n,).
    """

    spec: HistorySpec
    exam_scanner: NDArray[np.int64]
    """Index into `spec.names`."""
    exam_week: NDArray[np.int64]
    """Scheduled week, from 1."""
    exam_at: NDArray[np.datetime64]
    """By the scanner's clock."""
    exam_copy: NDArray[np.bool_]
    """True where it is listed a second time."""
    exam_temperature_degc: FloatArray
    exam_software: NDArray[np.int64]
    """Upgrades so far."""
    exam_unit: NDArray[np.int64]
    """Changes of the phantom so far."""
    exam: NDArray[np.int64]
    """Index of the value's exam."""
    metric: NDArray[np.int64]
    """Index into `spec.metrics`."""
    value: FloatArray
    """In the metric's unit; NaN where it could not be measured."""
    standard_uncertainty: FloatArray
    levels: FloatArray
    """(scanners, metrics) true levels before any fault, at the mean temperature."""
    faults: tuple[PlantedFault, ...]

    def __len__(self) -> int:
        return len(self.value)


def software_text(upgrades: int) -> str:
    """Return the software's version after so many upgrades.

    >>> software_text(1)
    'SIM 2.0'
    """
    return f"SIM {upgrades + 1}.0"


def unit_text(scanner: str, changes: int) -> str:
    """Return the phantom unit of a scanner after so many changes.

    >>> unit_text("SIM 02", 1)
    'SIM 02 phantom 2'
    """
    return f"{scanner} phantom {changes + 1}"


def exam_text(scanner: str, week: int, again: bool) -> str:
    """Return the name of an exam; one that is listed twice has two names.

    >>> exam_text("SIM 02", 7, False)
    'SIM 02 week 0007'
    """
    return f"{scanner} week {week:04d}{' again' if again else ''}"
