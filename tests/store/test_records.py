"""Events, baselines, alarms and decisions go on record, come back, and stay as they were."""

import contextlib
import dataclasses
import datetime as dt
import math
import sqlite3

import pytest
import sqlalchemy as sa

from qiqa.core.drift import (
    EVENT_KINDS,
    AlarmDecision,
    AlarmState,
    ApprovedBaseline,
    DriftFinding,
    Forecast,
    Kind,
    ServiceEvent,
)
from qiqa.core.errors import StoreError

LATER = dt.timedelta(days=1)
MARCH = dt.datetime(2024, 3, 12, 7, 15)
APRIL = dt.datetime(2024, 4, 2, 7, 30, 1, 250000)
EVENT = ServiceEvent(
    at=MARCH, scanner="MR1", kind="coil", text="Head coil µ replaced", by="vendor", new_epoch=False
)
FINDING = DriftFinding(
    scanner="MR1",
    name="piu",
    quantity="piu",
    slice=7,
    role="T1",
    kind=Kind.TREND,
    rule="change_point/1",
    date=MARCH,
    date_interval=(MARCH, APRIL),
    signalled=APRIL,
    size=0.1 + 0.2,
    size_interval=(-math.inf, -1.5),
    unit="%",
    verdict="action",
    message="PIU fell",
    causes=("coil: Head coil replaced", "software"),
    score=-4.25,
    series_key="k",
    exam="12",
    forecast=Forecast(limit=82.0, level="tolerance", date=APRIL, interval=(MARCH, None)),
)


def baseline(now, **changes):
    given = {
        "scanner": "MR1",
        "name": "piu",
        "first": MARCH,
        "last": APRIL,
        "left_out": ((MARCH + LATER, "bubble in slice 7"),),
        "reason": "after the new coil",
        "by": "physicist",
        "at": now,
    }
    return ApprovedBaseline(**{**given, **changes})


def test_event_comes_back_as_it_was(history, now):
    record = history.add_event(EVENT, user="jd", now=now)
    assert history.events() == (dataclasses.replace(EVENT, record_id=record),)
    assert history.verify() == ()


def test_who_did_it_is_who_wrote_it_unless_said(history, now):
    history.add_event(dataclasses.replace(EVENT, by=""), user="jd", now=now)
    assert history.events()[0].by == "jd"


def test_events_of_a_scanner_hold_those_of_all(history, now):
    for scanner, at in (("MR1", APRIL), ("MR2", MARCH), ("*", MARCH)):
        event = dataclasses.replace(EVENT, scanner=scanner, at=at)
        history.add_event(event, user="jd", now=now)
    assert [e.scanner for e in history.events("MR1")] == ["*", "MR1"]
    assert [e.scanner for e in history.events("MR3")] == ["*"]
    assert [e.scanner for e in history.events()] == ["MR2", "*", "MR1"]


def test_withdrawn_event_stays_on_record_but_does_not_count(history, now):
    first = history.add_event(EVENT, user="jd", now=now)
    second = history.add_event(dataclasses.replace(EVENT, kind="room"), user="jd", now=now)
    history.withdraw_event(first, "other scanner", user="xy", now=now + LATER)
    assert [e.record_id for e in history.events()] == [second]
    assert [e.record_id for e in history.events("MR1")] == [second]
    with history.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM record").scalar() == 3
    with pytest.raises(StoreError, match="withdrawn already, by record 3"):
        history.withdraw_event(first, "again", user="xy", now=now)
    assert history.verify() == ()


def test_only_events_are_withdrawn(history, now):
    alarm = history.raise_alarm(FINDING, user="jd", now=now)
    event = history.add_event(EVENT, user="jd", now=now)
    withdrawal = history.withdraw_event(event, "twice", user="jd", now=now)
    for record in (alarm, withdrawal, 99):
        with pytest.raises(StoreError, match=f"no event {record}"):
            history.withdraw_event(record, "why", user="jd", now=now)


def test_baseline_comes_back_as_it_was(history, now):
    record = history.approve_baseline(baseline(now), user="jd", now=now + LATER)
    assert history.baselines("MR1") == (baseline(now, record_id=record),)
    assert history.baselines("MR2") == ()
    zone = dt.timezone(dt.timedelta(hours=2))
    history.approve_baseline(baseline(now.astimezone(zone)), user="jd", now=now)
    assert history.baselines()[1].at.utcoffset() == dt.timedelta(0)
    assert history.baselines()[1].at == now


def test_alarm_comes_back_with_its_decisions(history, now):
    number = history.raise_alarm(FINDING, user="watch", now=now)
    other = history.raise_alarm(dataclasses.replace(FINDING, scanner="MR2"), user="w", now=now)
    (alarm,) = history.alarms("MR1")
    assert (alarm.record_id, alarm.raised_at, alarm.decisions) == (number, now, ())
    assert alarm.finding == dataclasses.replace(FINDING, alarm_id=number, state="open")
    later = now + LATER
    first = history.decide_alarm(number, AlarmState.ACKNOWLEDGED, "look", user="jd", now=now)
    history.decide_alarm(
        number, AlarmState.CLOSED, "fixed", corrective_action="coil", user="xy", now=later
    )
    alarm = history.alarms()[0]
    assert alarm.state is AlarmState.CLOSED
    assert alarm.finding.state == "closed"
    assert alarm.decisions[0].record_id == first
    assert alarm.decisions[1] == AlarmDecision(
        alarm_id=number,
        at=later,
        by="xy",
        state=AlarmState.CLOSED,
        comment="fixed",
        corrective_action="coil",
        record_id=first + 1,
    )
    assert [a.record_id for a in history.alarms(open_only=True)] == [other]
    history.decide_alarm(number, AlarmState.OPEN, "came back", user="jd", now=later)
    assert len(history.alarms(open_only=True)) == 2
    assert history.verify() == ()


def test_finding_without_numbers_comes_back_without(store, now):
    bare = DriftFinding(
        scanner="MR1",
        name="",
        quantity="",
        kind=Kind.MISSING,
        rule="schedule/1",
        date=None,
        date_interval=None,
        verdict="action",
    )
    store.raise_alarm(bare, user="watch", now=now)
    finding = store.alarms()[0].finding
    assert math.isnan(finding.size)
    assert math.isnan(finding.score)
    assert finding.size_interval is finding.date is finding.forecast is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": "repair"}, "'repair' is not a kind of event.*" + ".*".join(EVENT_KINDS)),
        ({"text": "  "}, "what was done is missing"),
        ({"scanner": ""}, "scanner of the event .* is missing"),
        ({"at": dt.datetime(2024, 5, 6, 23, 0)}, "2024-05-06T23:00:00, lies in the future"),
        ({"at": dt.datetime(2024, 5, 1, tzinfo=dt.UTC)}, "has a time zone"),
    ],
)
def test_event_that_nobody_could_use_is_refused(store, now, changes, text):
    with pytest.raises(StoreError, match=f"(?s){text}"):
        store.add_event(dataclasses.replace(EVENT, **changes), user="jd", now=now)
    assert store.events() == ()


def test_event_of_today_is_taken_whatever_the_zone(store, now):
    ahead = (now + dt.timedelta(hours=14)).replace(tzinfo=None)
    store.add_event(dataclasses.replace(EVENT, at=ahead), user="jd", now=now)
    assert store.events()[0].at == ahead


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"reason": ""}, "reason for the baseline is missing"),
        ({"by": ""}, "who approved the baseline is missing"),
        ({"scanner": ""}, "scanner of the baseline is missing"),
        ({"first": APRIL, "last": MARCH}, "after its end"),
        ({"last": dt.datetime(2024, 6, 1)}, "lies in the future"),
        ({"first": MARCH.replace(tzinfo=dt.UTC)}, "has a time zone"),
        ({"at": dt.datetime(2024, 5, 6)}, "has no time zone"),
        ({"at": dt.datetime(2024, 5, 7, tzinfo=dt.UTC)}, "approval.*lies in the future"),
        ({"left_out": ((MARCH, " "),)}, "reason to leave out"),
        ({"left_out": ((APRIL + LATER, "late"),)}, "not in the baseline"),
    ],
)
def test_baseline_that_proves_nothing_is_refused(store, now, changes, text):
    with pytest.raises(StoreError, match=text):
        store.approve_baseline(baseline(now, **changes), user="jd", now=now)
    assert store.baselines() == ()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"scanner": ""}, "scanner of the finding is missing"),
        ({"rule": ""}, "rule that raised the finding is missing"),
        ({"date": MARCH.replace(tzinfo=dt.UTC)}, "has a time zone"),
        ({"size_interval": (math.nan, 1.0)}, "interval of the size"),
        ({"size_interval": (2.0, 1.0)}, "interval of the size"),
        ({"size_interval": (math.inf, math.inf)}, "interval of the size"),
    ],
)
def test_finding_that_would_not_come_back_is_refused(store, now, changes, text):
    with pytest.raises(StoreError, match=text):
        store.raise_alarm(dataclasses.replace(FINDING, **changes), user="jd", now=now)


def test_decision_needs_an_alarm_a_comment_and_a_state(store, now):
    alarm = store.raise_alarm(FINDING, user="jd", now=now)
    event = store.add_event(EVENT, user="jd", now=now)
    for number in (event, 99):
        with pytest.raises(StoreError, match=f"no alarm {number}"):
            store.decide_alarm(number, AlarmState.CLOSED, "done", user="jd", now=now)
    with pytest.raises(StoreError, match="comment on alarm 1 is missing"):
        store.decide_alarm(alarm, AlarmState.CLOSED, " \n", user="jd", now=now)
    with pytest.raises(StoreError, match=r"(?s)'done' is not a state.*acknowledged"):
        store.decide_alarm(alarm, "done", "done", user="jd", now=now)
    assert store.alarms()[0].decisions == ()


def test_every_record_needs_a_writer_and_a_time_with_zone(store, now):
    with pytest.raises(StoreError, match="no time zone"):
        store.add_event(EVENT, user="jd", now=now.replace(tzinfo=None))
    with pytest.raises(StoreError, match="who writes the record is missing"):
        store.add_event(EVENT, user="", now=now)
    record = store.add_event(EVENT, user="jd", now=now)
    with pytest.raises(StoreError, match="reason to withdraw event 1 is missing"):
        store.withdraw_event(record, "", user="jd", now=now)


def test_hostile_text_is_kept_and_verifies(history, now):
    hostile = "'); DROP TABLE record;--\x00\udcff µ"
    kept = "'); DROP TABLE record;--\\x00\\udcff µ"
    event = dataclasses.replace(EVENT, text=hostile, scanner=hostile)
    history.add_event(event, user=hostile, now=now)
    assert history.events(hostile)[0].text == kept
    assert history.events(kept)[0].scanner == kept
    assert history.verify() == ()


def test_record_of_a_newer_schema_is_refused(store, now):
    store.add_event(EVENT, user="jd", now=now)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER record_refuse_update")
        change = "UPDATE record SET content = replace(content, 'record/1', 'record/2')"
        connection.exec_driver_sql(change)
    with pytest.raises(StoreError, match=r"qiqa\.record/2.*reads qiqa\.record/1"):
        store.events()


def test_records_refuse_change(history, now):
    history.add_event(EVENT, user="jd", now=now)
    for change in ("UPDATE record SET kind = 'alarm'", "DELETE FROM record"):
        with (
            history.engine.connect() as connection,
            pytest.raises(sa.exc.DBAPIError, match="immutable"),
        ):
            connection.exec_driver_sql(change)
    assert len(history.events()) == 1


@pytest.fixture
def altered(store, now):
    """Return a function that alters three records without the triggers and verifies."""
    store.add_event(EVENT, user="jd", now=now)
    store.raise_alarm(FINDING, user="jd", now=now)
    store.decide_alarm(2, AlarmState.CLOSED, "fixed", user="jd", now=now)
    assert store.verify() == ()

    def alter(*statements):
        store.close()
        with contextlib.closing(sqlite3.connect(store.engine.url.database)) as connection:
            for table in ("record", "audit"):
                for change in ("update", "delete"):
                    connection.execute(f"DROP TRIGGER {table}_refuse_{change}")
            for statement in statements:
                assert connection.execute(statement).rowcount == 1
            connection.commit()
        return {(item.code, item.where) for item in store.verify()}

    return alter


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE record SET content = replace(content, 'PIU fell', 'PIU rose') WHERE id = 2",
            {("record_altered", "record 2")},
        ),
        ("UPDATE record SET kind = 'event' WHERE id = 2", {("record_altered", "record 2")}),
        ("UPDATE record SET scanner = 'MR2' WHERE id = 2", {("record_altered", "record 2")}),
        ("UPDATE record SET created_by = 'xy' WHERE id = 2", {("record_altered", "record 2")}),
        (
            "UPDATE record SET created_at = '2020-01-01 00:00:00.000000' WHERE id = 2",
            {("record_altered", "record 2")},
        ),
        (
            "DELETE FROM record WHERE id = 2",
            {("chain_broken", "record 3"), ("record_removed", "record 2")},
        ),
        ("DELETE FROM record WHERE id = 3", {("record_removed", "record 3")}),
        (
            "UPDATE record SET id = 7 WHERE id = 3",
            {("record_removed", "record 3"), ("audit_altered", "record 7")},
        ),
        ("DELETE FROM audit WHERE id = 2", {("audit_altered", "record 2")}),
        (
            "UPDATE audit SET detail = NULL WHERE id = 2",
            {("audit_altered", "record 2"), ("audit_altered", "line 2 of the audit trail")},
        ),
        (
            "UPDATE audit SET detail = '5' WHERE id = 2",
            {("audit_altered", "record 2"), ("audit_altered", "line 2 of the audit trail")},
        ),
    ],
)
def test_names_what_was_altered(altered, statement, expected):
    assert altered(statement) == expected


def test_chain_made_anew_for_one_record_is_seen(altered):
    found = altered("UPDATE record SET chain = 'f' WHERE id = 1")
    assert ("record_altered", "record 1") in found
    assert ("chain_broken", "record 2") in found
