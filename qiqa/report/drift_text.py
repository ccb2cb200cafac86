"""Findings about a scanner as sentences: what, when, how much, how sure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

from qiqa.core.drift import DriftFinding, FleetState, Forecast, Kind, SeriesState
from qiqa.report.numbers import DASH, decimals, fixed, plain_number, unit_text

__all__ = [
    "alarm_command",
    "alarm_text",
    "day",
    "finding_lines",
    "forecast_text",
    "headline",
    "interval_text",
    "level_text",
    "name_of",
    "next_text",
    "sentence",
    "short_sentence",
    "size_text",
    "standing",
    "sureness",
]

_TOGETHER = ("hotelling", "mewma")
"""Rules of several measurements: what moved has no size of its own."""
_VERBS = {
    Kind.STEP: ("rose by", "fell by"),
    Kind.SPIKE: ("was too high by", "was too low by"),
    Kind.BIAS: ("is above the other scanners by", "is below the other scanners by"),
}
_SMALLEST = 1e-100
"""Half an interval below which there is none."""


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


def size_text(finding: DriftFinding, *, ends_too: bool = True) -> str:
    """Return size and 95 % interval, rounded by it; without sign where the verb says it."""
    size, ends = finding.size, finding.size_interval
    if math.isnan(size):
        return ""
    if finding.kind in _VERBS:
        sign = -1.0 if size < 0 else 1.0
        size = abs(size)
        if ends is not None:
            ends = (ends[0], ends[1]) if sign > 0 else (-ends[1], -ends[0])
    unit = unit_text(finding.unit)
    if unit.startswith("1/"):
        unit = f"a {unit[2:]}"
    tail = f" {unit}" if unit else ""
    half = math.nan if ends is None else ends[1] / 2.0 - ends[0] / 2.0
    # an interval without width, without ends or with its ends exchanged rounds no size
    if ends is None or not max(1e-12 * abs(size), _SMALLEST) < half < math.inf:
        return f"{plain_number(size, 3)}{tail}"
    places = decimals(half)
    if not ends_too:
        return f"{fixed(size, places)}{tail}"
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


def sentence(finding: DriftFinding, name: str | None = None) -> str:
    """Return one finding as a sentence; `name`: what to call it, else as in the protocol."""
    name = name_of(finding) if name is None else name
    size, when = size_text(finding), interval_text(finding)
    kind = finding.kind
    if kind is Kind.MISSING:
        exams = _exams_text(finding.size)
        if not name:
            return f"{exams} missed {when}".rstrip()
        return f"{name}: not measured in the last {exams}, {when}".rstrip(", ")
    if not size and finding.rule in _TOGETHER:
        text = f"{name} moved together {when}"
    elif not size:
        text = f"{name}: {_what(kind)} of unknown size {when}"
    elif kind is Kind.VARIANCE:
        text = f"{name} scatters {size} times as much {when}"
    elif kind is Kind.TREND:
        verb = "rises" if finding.size > 0 else "falls"
        text = f"{name} {verb}: {size} {when}"
    else:
        verb = _VERBS[kind][0 if finding.size >= 0 else 1]
        text = f"{name} {verb} {size} {when}"
    text = text.rstrip()
    if finding.causes:
        text += f", with {'; '.join(finding.causes)}"
    if finding.forecast is not None:
        text += f"; {forecast_text(finding.forecast)}"
    return text


def _exams_text(count: float) -> str:
    """Return how many exams, as far as that is known."""
    if not math.isfinite(count):
        return "exams"
    return "1 exam" if round(count) == 1 else f"{plain_number(float(round(count)))} exams"


def _what(kind: Kind) -> str:
    return "change of scatter" if kind is Kind.VARIANCE else kind.value


def forecast_text(forecast: Forecast) -> str:
    """Return when a limit is reached."""
    ends = forecast.interval
    what = f"reaches its {forecast.level} limit of {plain_number(forecast.limit, 6)}"
    if forecast.date is None:
        return f"{what} {day(ends[0])} at the earliest" if ends[0] else what
    late = day(ends[1]) if ends[1] else "later than can be said"
    return f"{what} about {day(forecast.date)} ({day(ends[0])} to {late})"


def level_text(value: float, sd: float) -> str:
    """Return a value to the second digit of the SD of one exam; four digits where there is none."""
    if not math.isfinite(value):
        return DASH if math.isnan(value) else str(value)
    if not math.isfinite(sd) or sd <= 1e-12 * abs(value):
        return plain_number(value)
    return fixed(value, decimals(sd))


def short_sentence(finding: DriftFinding, name: str | None = None) -> str:
    """Return what, how much and since when without intervals, for a headline.

    Parameters
    ----------
    finding
        What was found.
    name
        What to call the measurement; None: its name in the protocol.
    """
    plain = dataclasses.replace(finding, date_interval=None, causes=(), forecast=None)
    full, short = size_text(finding), size_text(finding, ends_too=False)
    words = sentence(plain, name)
    return words.replace(full, short, 1) if full else words


def sureness(finding: DriftFinding) -> str:
    """Return how sure a finding is: its interval, its distance, and which rule saw it when."""
    parts = []
    ends = finding.size_interval
    if ends is not None and not any(map(math.isnan, ends)):
        nothing = 1.0 if finding.kind is Kind.VARIANCE else 0.0
        inside = ends[0] <= nothing <= ends[1]
        parts.append(
            "not sure: the 95 % interval includes 'no change'"
            if inside
            else "sure: the 95 % interval excludes 'no change'"
        )
    if math.isfinite(finding.score):
        parts.append(f"{fixed(abs(finding.score), 1)} SD from what was expected")
    if finding.signalled is not None and finding.kind is not Kind.MISSING:
        parts.append(f"seen on {day(finding.signalled)} (rule: {finding.rule})")
    return "; ".join(parts) or "as counted"


def next_text(finding: DriftFinding) -> str:
    """Return what to do next."""
    return finding.hint or finding.message or "look at the chart"


def alarm_text(finding: DriftFinding) -> str:
    """Return the state of a finding's alarm; empty where there is none on record."""
    return f"alarm {finding.alarm_id}, {finding.state}" if finding.alarm_id else ""


def alarm_command(finding: DriftFinding) -> str:
    """Return the command with which a person answers an alarm; empty where there is nothing to."""
    if not finding.alarm_id or finding.state == "closed":
        return ""
    verb = "close" if finding.state == "acknowledged" else "acknowledge"
    return f'qiqa drift {verb} {finding.alarm_id} --comment "..."'


def finding_lines(finding: DriftFinding) -> list[str]:
    """Return a finding as lines: what and when, how sure, what next with the command for it."""
    lines = [sentence(finding), sureness(finding), f"next: {next_text(finding)}"]
    alarm, command = alarm_text(finding), alarm_command(finding)
    if alarm:
        lines.append(f"{alarm}: {command}" if command else alarm)
    return lines


def standing(state: SeriesState) -> str:
    """Return what watching says about one series, with alarms that are not closed."""
    urgent = [f for f in state.findings if f.verdict in ("action", "tolerance")]
    if urgent:
        worst = min(urgent, key=lambda f: f.verdict != "action")
        said, first = _change_text(worst), alarm_text(worst)
    elif state.verdict == "not_evaluated":
        said, first = state.notes[-1] if state.notes else "no limits yet", ""
    else:
        said, first = "in control", ""
    others = [alarm_text(f) for f in state.findings if f.alarm_id and f.state != "closed"]
    alarms = [text for text in dict.fromkeys([first, *others]) if text]
    return ", ".join([said, "; ".join(alarms)]) if alarms else said


def _change_text(finding: DriftFinding) -> str:
    if finding.kind is Kind.TREND and finding.unit.startswith("1/"):
        finding = dataclasses.replace(finding, unit=f"a {finding.unit[2:]}")
    what = "scatter" if finding.kind is Kind.VARIANCE else finding.kind.value
    size = "" if math.isnan(finding.size) else f" of {plain_number(finding.size, 2)}"
    unit = unit_text(finding.unit)
    if finding.kind is Kind.VARIANCE:
        size, unit = f" times {plain_number(finding.size, 2)}", ""
    if finding.kind is Kind.MISSING:
        size, unit = "", ""
    word = "on" if finding.kind is Kind.SPIKE else "since"
    when = "" if finding.date is None else f" {word} {day(finding.date)}"
    return f"{what}{size}{' ' + unit if unit and size else ''}{when}"
