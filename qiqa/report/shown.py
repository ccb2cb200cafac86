"""Values in the unit that people read: diffusion in µm²/s, kept in mm²/s."""

from __future__ import annotations

import dataclasses

from qiqa.core.measurement import Assessment, BudgetLine, Measurement
from qiqa.report.numbers import plain_number

__all__ = ["SHOWN", "range_text", "shown"]

SHOWN = {"mm²/s": (1e6, "µm²/s")}
"""Unit of the record -> factor and unit for people."""


def shown(item: Assessment) -> Assessment:
    """Return an assessment with everything in the unit that people read."""
    if item.measurement.unit not in SHOWN:
        return item
    factor, unit = SHOWN[item.measurement.unit]
    return dataclasses.replace(
        item,
        measurement=_measurement(item.measurement, factor, unit),
        tolerance=_pair(item.tolerance, factor),
        action=_pair(item.action, factor),
    )


def range_text(ends: tuple[float, float], unit: str, digits: int = 4) -> str:
    """Return a range of values in the unit that people read.

    >>> range_text((0.0004, 0.0011), "mm²/s"), range_text((0.5, 2.0), "")
    ('400 to 1100 µm²/s', '0.5 to 2')
    """
    factor, shown_as = SHOWN.get(unit, (1.0, unit))
    low, high = (plain_number(end * factor, digits) for end in ends)
    return f"{low} to {high} {shown_as}".rstrip()


def _pair(pair: tuple[float, float] | None, factor: float) -> tuple[float, float] | None:
    return None if pair is None else (pair[0] * factor, pair[1] * factor)


def _lines(lines: tuple[BudgetLine, ...], factor: float) -> tuple[BudgetLine, ...]:
    return tuple(
        dataclasses.replace(line, standard_uncertainty=line.standard_uncertainty * factor)
        for line in lines
    )


def _measurement(m: Measurement, factor: float, unit: str) -> Measurement:
    interval, reference = m.interval, m.reference
    if interval is not None:
        interval = dataclasses.replace(
            interval, low=interval.low * factor, high=interval.high * factor
        )
    if reference is not None:
        reference = dataclasses.replace(
            reference,
            value=reference.value * factor,
            standard_uncertainty=reference.standard_uncertainty * factor,
            unit=unit,
        )
    return dataclasses.replace(
        m,
        unit=unit,
        value=m.value * factor,
        standard_uncertainty=m.standard_uncertainty * factor,
        interval=interval,
        budget=_lines(m.budget, factor),
        reference=reference,
        reference_budget=_lines(m.reference_budget, factor),
    )
