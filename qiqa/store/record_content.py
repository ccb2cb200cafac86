"""What a record holds, as JSON and back, and what may not go on record."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from typing import Any, TypeVar

from qiqa.core.canonical import canonical_json, plain, storable
from qiqa.core.drift import EVENT_KINDS, ApprovedBaseline, DriftFinding, ServiceEvent
from qiqa.core.errors import StoreError
from qiqa.core.restoring import restore

__all__ = [
    "RECORD_SCHEMA",
    "check_baseline",
    "check_event",
    "check_finding",
    "needed",
    "read_content",
    "read_noun",
    "utc",
    "write_content",
]

Noun = TypeVar("Noun")

RECORD_SCHEMA = "qiqa.record/1"

_AHEAD = dt.timedelta(hours=14)
"""How far a wall clock can be ahead of UTC (Line Islands, UTC+14)."""


def write_content(kind: str, noun: Any, left_out: tuple[str, ...] = ()) -> str:
    """Return canonical JSON `{"schema": ..., kind: fields}` of a dataclass or dict.

    `left_out` names fields that the record itself says: its number, its time.
    """
    fields = {key: value for key, value in plain(noun).items() if key not in left_out}
    return canonical_json(storable({"schema": RECORD_SCHEMA, kind: fields}))


def read_content(text: str) -> dict[str, Any]:
    """Return the content of a record without its schema.

    Raises
    ------
    StoreError
        If it has another schema, as a newer version of qiqa may write.
    """
    content: dict[str, Any] = json.loads(text)
    schema = content.pop("schema", None)
    if schema != RECORD_SCHEMA:
        raise StoreError(
            f"a record has schema {schema!r}; this version of qiqa reads {RECORD_SCHEMA}",
            hint="use the newer version of qiqa that wrote it",
        )
    return content


def read_noun(kind: type[Noun], fields: dict[str, Any], record_id: int) -> Noun:
    """Return the noun that a record holds.

    Raises
    ------
    StoreError
        Naming the record and the field that cannot be read.
    """
    try:
        return restore(kind, fields)
    except ValueError as error:
        hint = "qiqa history --verify says whether it was altered"
        raise StoreError(f"record {record_id} cannot be read: {error}", hint=hint) from error


def needed(text: str, what: str) -> str:
    """Return a text as a database can hold it; refuse one without a word in it.

    Raises
    ------
    StoreError
        Naming `what` is missing.
    """
    if not text.strip():
        raise StoreError(f"{what} is missing", hint="write it in words")
    cleaned: str = storable(text)
    return cleaned


def utc(moment: dt.datetime, what: str) -> dt.datetime:
    """Return a time with zone as UTC without zone, as the database keeps it.

    Raises
    ------
    StoreError
        If it has no zone.
    """
    if moment.tzinfo is None:
        raise StoreError(f"{what} has no time zone", hint="pass a time in UTC")
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


def check_event(event: ServiceEvent, now: dt.datetime) -> None:
    """Refuse an event that nobody could use: of no known kind, without words, in the future."""
    if event.kind not in EVENT_KINDS:
        allowed = ", ".join(EVENT_KINDS)
        hint = f"one of: {allowed}"
        raise StoreError(f"{event.kind!r} is not a kind of event", hint=hint)
    needed(event.scanner, "the scanner of the event (`*`: all scanners)")
    needed(event.text, "what was done")
    _wall_clock(event.at, "the time of the event")
    _not_ahead(event.at, "the time of the event", now)


def check_baseline(baseline: ApprovedBaseline, now: dt.datetime) -> None:
    """Refuse a baseline that does not say from which exams, why and by whom."""
    needed(baseline.scanner, "the scanner of the baseline")
    needed(baseline.reason, "the reason for the baseline")
    needed(baseline.by, "who approved the baseline")
    if utc(baseline.at, "the time of approval") > utc(now, "the time of storing"):
        raise StoreError(f"the time of approval, {baseline.at.isoformat()}, lies in the future")
    _wall_clock(baseline.first, "the first exam of the baseline")
    _wall_clock(baseline.last, "the last exam of the baseline")
    _not_ahead(baseline.last, "the last exam of the baseline", now)
    if baseline.first > baseline.last:
        raise StoreError(
            f"the baseline begins at {baseline.first.isoformat()}, "
            f"after its end at {baseline.last.isoformat()}",
            hint="give the first exam first",
        )
    for at, reason in baseline.left_out:
        needed(reason, f"the reason to leave out the exam of {at.isoformat()}")
        _wall_clock(at, "an exam that is left out")
        if not baseline.first <= at <= baseline.last:
            raise StoreError(f"the exam of {at.isoformat()} is left out but not in the baseline")


def check_finding(finding: DriftFinding) -> None:
    """Refuse a finding that names no scanner, or whose numbers and times would not come back."""
    needed(finding.scanner, "the scanner of the finding")
    needed(finding.rule, "the rule that raised the finding")
    times = (finding.date, finding.signalled, *(finding.date_interval or ()))
    for at in times:
        if at is not None:
            _wall_clock(at, "a time of the finding")
    low, high = finding.size_interval or (-math.inf, math.inf)
    if not low <= high or low == math.inf or high == -math.inf:
        raise StoreError(
            f"the interval of the size, {low:g} to {high:g}, is none",
            hint="its ends rise; an open end is infinite; no interval is None",
        )


def as_utc(baseline: ApprovedBaseline) -> ApprovedBaseline:
    """Return the baseline with the time of approval in UTC."""
    return dataclasses.replace(baseline, at=baseline.at.astimezone(dt.UTC))


def _wall_clock(moment: dt.datetime, what: str) -> None:
    if moment.tzinfo is not None:
        raise StoreError(
            f"{what}, {moment.isoformat()}, has a time zone",
            hint="give the time of the clock on the wall, without zone, as scanners do",
        )


def _not_ahead(moment: dt.datetime, what: str, now: dt.datetime) -> None:
    latest = utc(now, "the time of storing") + _AHEAD
    if moment > latest:
        raise StoreError(
            f"{what}, {moment.isoformat()}, lies in the future",
            hint=f"it is {now.isoformat()}; put on record what has happened",
        )
