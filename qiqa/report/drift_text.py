"""Findings about a scanner as sentences: what, when, how much, how sure."""

from __future__ import annotations

import datetime as dt
import math

from qiqa.core.drift import DriftFinding, FleetState, Forecast, Kind
from qiqa.report.numbers import decimals, fixed, plain_number, unit_text

__all__ = ["day", "headline", "interval_text", "name_of", "sentence", "size_text"]

_VERBS = {
    Kind.STEP: ("rose by", "fell by"),
    Kind.SPIKE: ("was too high by", "was too low by"),
    Kind.BIAS: ("is above the other scanners by", "is below the other scanners by"),
}


def day(moment: dt.datetime | None) -> str:
    """Return a date as people write it, without a doubt about month and day."""
    return "unknown" if moment is None else f"{moment.day} {moment:%b %Y}"


def name_of(finding: DriftFinding) -> str:
    """Return what was measured, with insert, slice and series."""
    parts = [finding.name, finding.insert, f"slice {finding.slice}" if finding.slice else ""]
    if finding.role:
        parts.append(f"({finding.role})")
    return " ".join(part for part in parts if part)


def headline(fleet: FleetState) -> str:
    """Return one line on all scanners: what needs doing."""
    acting = [s for s in fleet.scanners if s.verdict == "action"]
    looking = [s for s in fleet.scanners if s.verdict == "tolerance"]
    count = len(fleet.scanners)
    if acting:
        who = f"{len(acting)} of {count} scanners" if count > 1 else acting[0].scanner
        more = f", {len(looking)} to look into" if looking else ""
        return f"ACT: {who} beyond a limit or near it{more}"
    if looking:
        who = f"{len(looking)} of {count} scanners" if count > 1 else looking[0].scanner
        return f"LOOK: something moved on {who}"
    charted = sum(s.charted for s in fleet.scanners)
    if not charted:
        return "NOT ENOUGH EXAMS yet to say anything"
    charts = "1 chart" if charted == 1 else f"{charted} charts"
    return f"NOTHING TO DO: {charts} in control"


def size_text(finding: DriftFinding) -> str:
    """Return size and 95 % interval, without sign where the verb says it."""
    size, ends = finding.size, finding.size_interval
    if math.isnan(size):
        return ""
    if finding.kind in _VERBS:
        sign = -1.0 if size < 0 else 1.0
        size = abs(size)
        if ends is not None:
            ends = (ends[0], ends[1]) if sign > 0 else (-ends[1], -ends[0])
    unit = unit_text(finding.unit)
    tail = f" {unit}" if unit else ""
    if ends is None or not all(map(math.isfinite, ends)) or ends[0] == ends[1]:
        return f"{plain_number(size, 3)}{tail}"
    places = decimals(max((ends[1] - ends[0]) / 2.0, 1e-300))
    return f"{fixed(size, places)} ({fixed(ends[0], places)} to {fixed(ends[1], places)}){tail}"


def interval_text(finding: DriftFinding) -> str:
    """Return since when, with the 95 % interval of that date where it is more than a day."""
    if finding.date is None:
        return ""
    if finding.kind is Kind.SPIKE:
        return f"on {day(finding.date)}"
    text = f"since {day(finding.date)}"
    ends = finding.date_interval
    if ends is not None and ends[0].date() != ends[1].date():
        text += f" (between {day(ends[0])} and {day(ends[1])})"
    return text


def sentence(finding: DriftFinding) -> str:
    """Return one finding as a sentence."""
    name, size, when = name_of(finding), size_text(finding), interval_text(finding)
    kind = finding.kind
    if kind is Kind.MISSING:
        count = round(finding.size)
        exams = "1 exam" if count == 1 else f"{count} exams"
        if not name:
            return f"{exams} missed {when}"
        return f"{name}: not measured in the last {exams}, {when}"
    if kind is Kind.VARIANCE:
        text = f"{name} scatters {size} times as much {when}"
    elif kind is Kind.TREND:
        verb = "rises" if finding.size > 0 else "falls"
        text = f"{name} {verb}: {size} {when}"
    else:
        verb = _VERBS[kind][0 if finding.size >= 0 else 1]
        text = f"{name} {verb} {size} {when}"
    if finding.causes:
        text += f", with {'; '.join(finding.causes)}"
    if finding.forecast is not None:
        text += f"; {forecast_text(finding.forecast)}"
    return text


def forecast_text(forecast: Forecast) -> str:
    """Return when a limit is reached."""
    ends = forecast.interval
    what = f"reaches its {forecast.level} limit of {plain_number(forecast.limit)}"
    if forecast.date is None:
        return f"{what} {day(ends[0])} at the earliest" if ends[0] else what
    late = day(ends[1]) if ends[1] else "later than can be said"
    return f"{what} about {day(forecast.date)} ({day(ends[0])} to {late})"
