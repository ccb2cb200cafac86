"""What a series is called on a page, and its numbers in the unit that people read."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import (
    Bounds,
    DriftFinding,
    Forecast,
    ScannerState,
    Segment,
    SeriesState,
    TimeSeries,
)
from qiqa.report.shown import SHOWN
from qiqa.report.wording import wording

__all__ = ["Key", "finding_key", "finding_shown", "scanner_shown", "series_shown", "spoken"]

FloatArray = NDArray[np.float64]
Key = tuple[object, ...]
_ABBREVIATIONS = ("adc", "t1", "t2", "pd", "snr", "cnr")


def spoken(item: TimeSeries | DriftFinding) -> str:
    """Return what was measured as a person says it; empty for a finding about a scanner."""
    if not item.name:
        return ""
    words = wording(item.name, item.insert or None).title
    if words in _ABBREVIATIONS:
        words = words.upper()
    if words == item.insert:  # the insert alone: which of its quantities?
        short = item.quantity.upper() if item.quantity in _ABBREVIATIONS else item.quantity
        words = f"{short} {words}"
    if item.insert and item.insert not in words:
        words += f" {item.insert}"
    told = f"slice {item.slice}"
    return f"{words}, {told}" if item.slice and told not in words else words


def finding_key(finding: DriftFinding) -> Key:
    """Return what tells one finding of a scanner from another, whatever became of its alarm."""
    return (
        finding.series_key,
        finding.name,
        finding.insert,
        finding.slice,
        finding.role,
        finding.kind,
        finding.rule,
        finding.date,
        finding.signalled,
    )


def scanner_shown(state: ScannerState) -> ScannerState:
    """Return a scanner with everything in the unit that people read."""
    return dataclasses.replace(
        state,
        findings=tuple(finding_shown(f) for f in state.findings),
        series=tuple(series_shown(s) for s in state.series),
    )


def finding_shown(finding: DriftFinding) -> DriftFinding:
    """Return a finding in the unit that people read."""
    unit, slash, per = finding.unit.partition("/year")
    if unit not in SHOWN:
        return finding
    factor, shown = SHOWN[unit]
    return dataclasses.replace(
        finding,
        size=finding.size * factor,
        size_interval=_pair(finding.size_interval, factor),
        unit=f"{shown}{slash}{per}",
        forecast=_forecast(finding.forecast, factor),
    )


def series_shown(state: SeriesState) -> SeriesState:
    """Return a series in the unit that people read; its findings too."""
    if state.series.unit not in SHOWN:
        return state
    factor, unit = SHOWN[state.series.unit]
    series = dataclasses.replace(
        state.series,
        value=state.series.value * factor,
        standard_uncertainty=state.series.standard_uncertainty * factor,
        tolerance=_pair(state.series.tolerance, factor),
        action=_pair(state.series.action, factor),
        reference=state.series.reference * factor,
        unit=unit,
    )
    return dataclasses.replace(
        state,
        series=series,
        adjusted=state.adjusted * factor,
        adjusted_for=tuple(
            (name, slope * factor, error * factor, at)
            for name, slope, error, at in state.adjusted_for
        ),
        expected=state.expected * factor,
        low=state.low * factor,
        high=state.high * factor,
        segments=tuple(_segment(s, factor) for s in state.segments),
        findings=tuple(finding_shown(f) for f in state.findings),
        forecast=_forecast(state.forecast, factor),
    )


def _pair(pair: Bounds | None, factor: float) -> Bounds | None:
    return None if pair is None else (pair[0] * factor, pair[1] * factor)


def _forecast(ahead: Forecast | None, factor: float) -> Forecast | None:
    return None if ahead is None else dataclasses.replace(ahead, limit=ahead.limit * factor)


def _segment(segment: Segment, factor: float) -> Segment:
    return dataclasses.replace(
        segment,
        level=segment.level * factor,
        level_interval=_pair(segment.level_interval, factor),
        sd=segment.sd * factor,
        slope_per_year=segment.slope_per_year * factor,
    )
