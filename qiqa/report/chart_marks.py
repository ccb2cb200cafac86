"""What happened along a chart: service events, new settings, changes; where their labels go."""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Mapping, Sequence

from qiqa.core.drift import DriftFinding, Kind, SeriesState, ServiceEvent
from qiqa.report.drift_names import Key, finding_key
from qiqa.report.drift_text import day
from qiqa.report.svg import line, number, text
from qiqa.report.time_frame import Frame, day_number, day_numbers

__all__ = ["BARE", "LANE", "Mark", "bands", "marks", "verticals"]

LANE = 50.0
"""Height above a chart that labels take."""
BARE = 22.0
"""The same where there are none: the unit only."""
FONT = 12.5
_ROWS = 3
_LETTER_WIDTH = 0.58
_LONGEST = 34
_CROWD = 8
"""Marks from which on events have their letter only, so that changes keep their words."""
_EDGE = 1135.0
"""Where a label has to end."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One thing that happened, at a day or in an interval of days."""

    tag: str
    """Letter or number that stands in the chart and beside the words below it."""
    words: str
    when: str
    day: float
    kind: str
    """`event`, `epoch` or `change`; also the style."""
    span: tuple[float, float] | None = None


def marks(
    state: SeriesState, events: Sequence[ServiceEvent], numbers: Mapping[Key, int]
) -> list[Mark]:
    """Return what happened to a series, oldest first.

    Parameters
    ----------
    state
        The series; its findings that ask for something become marks with their number.
    events
        What was done to the scanner; those outside the exams are left out.
    numbers
        Key of a finding -> its number on the page.
    """
    days = day_numbers(state.series.at)
    if days.size == 0:
        return []
    found: list[tuple[float, str, str, str]] = []
    for event in events:
        when = day_number(event.at)
        if days[0] - 31.0 <= when <= days[-1] + 31.0:
            found.append((when, day(event.at), "event", f"{event.kind}: {event.text}"))
    told = [when for when, *_ in found]
    for segment in state.segments:
        if segment.why != "epoch" or segment.first == 0:
            continue
        before, when = days[segment.first - 1], float(days[segment.first])
        if any(before <= t <= when for t in told):
            continue  # the event that made it is a mark already
        date = state.series.at[segment.first].astype("datetime64[us]").item()
        found.append((when, day(date), "epoch", segment.label or "settings changed"))
    found.sort(key=lambda item: item[0])
    made = [
        Mark(tag=tag, words=words, when=date, day=when, kind=kind)
        for tag, (when, date, kind, words) in zip(_tags(len(found)), found, strict=True)
    ]
    changes = [
        _change(f, numbers[finding_key(f)])
        for f in state.findings
        if finding_key(f) in numbers and f.date
    ]
    return sorted([*made, *changes], key=lambda mark: mark.day)


def _tags(count: int) -> list[str]:
    """Return A to Z, then A1 to Z1 and so on."""
    letters = string.ascii_uppercase
    return [letters[i % 26] + (str(i // 26) if i >= 26 else "") for i in range(count)]


def _change(finding: DriftFinding, position: int) -> Mark:
    assert finding.date is not None  # noqa: S101 - the caller looked
    span = None
    if finding.date_interval is not None and finding.kind is not Kind.SPIKE:
        span = day_number(finding.date_interval[0]), day_number(finding.date_interval[1])
    return Mark(
        tag=str(position),
        words=finding.kind.value,
        when=day(finding.date),
        day=day_number(finding.date),
        kind="change",
        span=span,
    )


def bands(found: Sequence[Mark], frame: Frame) -> str:
    """Return the 95 % interval of each change's date as a band from top to foot."""
    parts = []
    for mark in found:
        if mark.span is None:
            continue
        x0, x1 = frame.x(mark.span[0]), frame.x(mark.span[1])
        width = max(x1 - x0, 1.5)
        box = f'x="{number(x0)}" width="{number(width)}"'
        height = number(frame.foot - frame.top)
        parts.append(f'<rect class="d-when" {box} y="{number(frame.top)}" height="{height}"/>')
        parts.append(f'<rect class="d-span" {box} y="{number(frame.foot - 5)}" height="5"/>')
    return "".join(parts)


def verticals(found: Sequence[Mark], frame: Frame, foot: float) -> str:
    """Return a line at each mark from its label to `foot`, labeled where there is room.

    Labels begin at their line and go up a stair from right to left, so that no line crosses one. A
    label that finds no room in the rows is its tag alone, or left to the words below the chart.
    """
    parts = []
    placed: list[tuple[float, float, int]] = []
    for mark in sorted(found, key=lambda m: m.day, reverse=True):
        x = frame.x(mark.day)
        brief = len(found) > _CROWD and mark.kind != "change"
        label, row = _placed(mark, x, placed, brief=brief)
        top = frame.top - 3.0
        if label:
            base = frame.top - 6.0 - 15.0 * row
            top = base - 10.0
            parts.append(text((x + 4.0, base), label, f"d-tag d-{mark.kind}-tag", "start", FONT))
        parts.append(line((x, top), (x, foot), f"d-{mark.kind}"))
    return "".join(parts)


def _placed(
    mark: Mark, x: float, placed: list[tuple[float, float, int]], *, brief: bool
) -> tuple[str, int]:
    """Return the longest label that fits and its row; books the room in `placed`."""
    words = mark.words if len(mark.words) <= _LONGEST else mark.words[: _LONGEST - 1] + "…"
    labels = [mark.tag] if brief else [f"{mark.tag} {words}", mark.tag]
    for label in labels:
        end = x + _LETTER_WIDTH * FONT * len(label) + 9.0
        # above every mark whose line or label it would meet
        row = max((r + 1 for start, stop, r in placed if start < end and stop > x), default=0)
        if row < _ROWS and end <= _EDGE:
            placed.append((x, end, row))
            return label, row
    return "", 0
