"""Records: events, baselines, alarms and decisions, each a row that stays as it was written."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, or_, select

from qiqa.core.canonical import storable
from qiqa.core.drift import (
    Alarm,
    AlarmDecision,
    AlarmState,
    ApprovedBaseline,
    DriftFinding,
    ServiceEvent,
)
from qiqa.core.errors import StoreError
from qiqa.store import record_content as content_of
from qiqa.store.chain import GENESIS, seal_record
from qiqa.store.schema import audit, record
from qiqa.store.transactions import writing

__all__ = [
    "add_event",
    "alarms",
    "approve_baseline",
    "baselines",
    "decide_alarm",
    "events",
    "raise_alarm",
    "withdraw_event",
]

ALL_SCANNERS = "*"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Author:
    """Who writes a record, and when."""

    user: str
    at: dt.datetime
    """UTC, without zone."""


def _author(user: str, now: dt.datetime) -> _Author:
    who = content_of.needed(user, "who writes the record")
    return _Author(user=who, at=content_of.utc(now, "the time of storing"))


def _append(
    connection: Connection, kind: str, scanner: str | None, content: str, author: _Author
) -> int:
    """Insert one record at the end of the chain and return its id."""
    last = select(record.c.chain).order_by(record.c.id.desc()).limit(1)
    previous = connection.scalar(last) or GENESIS
    row = {
        "kind": kind,
        "scanner": storable(scanner),
        "created_at": author.at,
        "created_by": author.user,
    }
    chain = seal_record(previous, content, **row)
    values = {**row, "content": content, "chain_previous": previous, "chain": chain}
    key: Any = connection.execute(insert(record).values(values)).inserted_primary_key
    record_id = int(key[0])
    detail = {"record": record_id, "kind": kind, "chain": chain}
    connection.execute(
        insert(audit).values(at=author.at, by=author.user, action="record", detail=detail)
    )
    return record_id


def _read(connection: Connection, kind: str, scanner: str | None) -> list[Row[Any]]:
    """Return the records of one kind, oldest first; those about all scanners are of each."""
    query = select(record).where(record.c.kind == kind).order_by(record.c.id)
    if scanner is not None:
        own = storable(scanner)
        query = query.where(or_(record.c.scanner == own, record.c.scanner == ALL_SCANNERS))
    return list(connection.execute(query).all())


def _one(connection: Connection, kind: str, record_id: int, what: str) -> tuple[Row[Any], Any]:
    """Return a record and the noun's fields in it, which `what` is the name of; refuse others."""
    query = select(record).where(record.c.id == record_id, record.c.kind == kind)
    row = connection.execute(query).first()
    fields = None if row is None else content_of.read_content(row.content).get(what)
    if row is None or fields is None:
        name = "alarm" if what == "finding" else what
        raise StoreError(f"there is no {name} {record_id}", hint=f"see the list of {name}s")
    return row, fields


def add_event(engine: Engine, event: ServiceEvent, user: str, now: dt.datetime) -> int:
    """Put on record what was done to a scanner; see `Store.add_event`."""
    author = _author(user, now)
    content_of.check_event(event, now)
    text = content_of.write_content("event", event, ("record_id",))
    with writing(engine) as connection:
        return _append(connection, "event", event.scanner, text, author)


def withdraw_event(engine: Engine, record_id: int, reason: str, user: str, now: dt.datetime) -> int:
    """Put on record that an event does not count; see `Store.withdraw_event`."""
    author = _author(user, now)
    why = content_of.needed(reason, f"the reason to withdraw event {record_id}")
    text = content_of.write_content("withdrawal", {"event": record_id, "reason": why})
    with writing(engine) as connection:
        row, _ = _one(connection, "event", record_id, "event")
        by = _withdrawn(_read(connection, "event", row.scanner)).get(record_id)
        if by is not None:
            raise StoreError(f"event {record_id} was withdrawn already, by record {by}")
        return _append(connection, "event", row.scanner, text, author)


def _withdrawn(rows: list[Row[Any]]) -> dict[int, int]:
    """Return which events were withdrawn, each with the record that says so."""
    found = ((row.id, content_of.read_content(row.content).get("withdrawal")) for row in rows)
    return {fields["event"]: record_id for record_id, fields in found if fields is not None}


def events(engine: Engine, scanner: str | None) -> tuple[ServiceEvent, ...]:
    """Return the events that count; see `Store.events`."""
    with engine.connect() as connection:
        rows = _read(connection, "event", scanner)
    withdrawn = _withdrawn(rows)
    found = []
    for row in rows:
        fields = content_of.read_content(row.content).get("event")
        if fields is not None and row.id not in withdrawn:
            event = content_of.read_noun(ServiceEvent, fields, row.id)
            by = event.by or row.created_by
            found.append(dataclasses.replace(event, by=by, record_id=row.id))
    return tuple(sorted(found, key=lambda event: (event.at, event.record_id)))


def approve_baseline(
    engine: Engine, baseline: ApprovedBaseline, user: str, now: dt.datetime
) -> int:
    """Put a baseline on record; see `Store.approve_baseline`."""
    author = _author(user, now)
    content_of.check_baseline(baseline, now)
    kept = content_of.as_utc(baseline)
    text = content_of.write_content("baseline", kept, ("record_id",))
    with writing(engine) as connection:
        return _append(connection, "baseline", baseline.scanner, text, author)


def baselines(engine: Engine, scanner: str | None) -> tuple[ApprovedBaseline, ...]:
    """Return the baselines in the order of their approval; see `Store.baselines`."""
    with engine.connect() as connection:
        rows = _read(connection, "baseline", scanner)
    found = []
    for row in rows:
        fields = content_of.read_content(row.content)["baseline"]
        noun = content_of.read_noun(ApprovedBaseline, fields, row.id)
        found.append(dataclasses.replace(noun, record_id=row.id))
    return tuple(found)


def raise_alarm(engine: Engine, finding: DriftFinding, user: str, now: dt.datetime) -> int:
    """Put a finding on record as an alarm; see `Store.raise_alarm`."""
    author = _author(user, now)
    content_of.check_finding(finding)
    # the number of the alarm is that of the record; its state is what was decided since
    text = content_of.write_content("finding", finding, ("alarm_id", "state"))
    with writing(engine) as connection:
        return _append(connection, "alarm", finding.scanner, text, author)


def decide_alarm(
    engine: Engine,
    alarm_id: int,
    state: AlarmState,
    comment: str,
    corrective_action: str,
    user: str,
    now: dt.datetime,
) -> int:
    """Put on record what a person says about an alarm; see `Store.decide_alarm`."""
    author = _author(user, now)
    said = content_of.needed(comment, f"the comment on alarm {alarm_id}")
    if state not in set(AlarmState):
        hint = f"one of: {', '.join(AlarmState)}"
        raise StoreError(f"{state!r} is not a state of an alarm", hint=hint)
    # who and when are those of the record
    fields = {
        "alarm_id": alarm_id,
        "state": state,
        "comment": said,
        "corrective_action": corrective_action,
    }
    text = content_of.write_content("decision", fields)
    with writing(engine) as connection:
        row, _ = _one(connection, "alarm", alarm_id, "finding")
        return _append(connection, "decision", row.scanner, text, author)


def alarms(engine: Engine, scanner: str | None, *, open_only: bool) -> tuple[Alarm, ...]:
    """Return alarms with what was decided about them; see `Store.alarms`."""
    with engine.connect() as connection:
        raised = _read(connection, "alarm", scanner)
        decided = _read(connection, "decision", scanner)
    decisions: dict[int, list[AlarmDecision]] = {}
    for row in decided:
        decision = _decision(row)
        decisions.setdefault(decision.alarm_id, []).append(decision)
    found = (_alarm(row, tuple(decisions.get(row.id, ()))) for row in raised)
    return tuple(a for a in found if not open_only or a.state is not AlarmState.CLOSED)


def _decision(row: Row[Any]) -> AlarmDecision:
    fields = content_of.read_content(row.content)["decision"]
    at = row.created_at.replace(tzinfo=dt.UTC)
    known = {"at": at.isoformat(), "by": row.created_by, "record_id": row.id}
    return content_of.read_noun(AlarmDecision, {**fields, **known}, row.id)


def _alarm(row: Row[Any], decisions: tuple[AlarmDecision, ...]) -> Alarm:
    fields = content_of.read_content(row.content)["finding"]
    alarm = Alarm(
        record_id=row.id,
        raised_at=row.created_at.replace(tzinfo=dt.UTC),
        finding=content_of.read_noun(DriftFinding, fields, row.id),
        decisions=decisions,
    )
    finding = dataclasses.replace(alarm.finding, alarm_id=row.id, state=alarm.state.value)
    return dataclasses.replace(alarm, finding=finding)
