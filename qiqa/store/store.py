"""The history database as one object: save, read, verify."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

from sqlalchemy import Engine

from qiqa.core.drift import (
    Alarm,
    AlarmState,
    ApprovedBaseline,
    DriftFinding,
    ServiceEvent,
    TimeSeries,
)
from qiqa.core.finding import Finding
from qiqa.core.history import History, PastValue
from qiqa.core.result import QcResult
from qiqa.core.trial import Readings
from qiqa.store import columns as columns_of
from qiqa.store import reading, records, verifying, writing
from qiqa.store import readings as readings_of
from qiqa.store.faults import guard
from qiqa.store.writing import Saved

__all__ = ["Store"]


class Store:
    """An open history; get one from `open_store`, close it or use it in a `with` block.

    Attributes
    ----------
    url
        The database, as shown to a person: without password.
    findings
        What was noticed while opening, for instance that the file lies on a network share.
    """

    def __init__(self, *, engine: Engine, url: str, findings: tuple[Finding, ...] = ()) -> None:
        self.engine = engine
        self.url = url
        self.findings = findings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; the file can then be moved."""
        self.engine.dispose()

    def save(
        self,
        result: QcResult,
        *,
        user: str,
        now: dt.datetime,
        supersedes: int | None = None,
        reason: str | None = None,
    ) -> Saved:
        """Store one exam, whole or not at all.

        The same exam (same inputs, definitions, algorithms, parameters, entries, scanner and
        phantom unit) is stored once. Another result of the same input files supersedes the
        latest one, with a reason that says what differs unless `reason` is given.

        Parameters
        ----------
        result
            The exam.
        user
            Who stores it.
        now
            Time of storing, with time zone.
        supersedes
            Exam that this one replaces although its input files differ, for instance a repeat
            of a scan that went wrong. Needs a `reason`.
        reason
            Why it supersedes another exam.

        Raises
        ------
        StoreError
            If it cannot be stored: no input files, an exam that cannot be superseded, disk full,
            locked, read-only.
        """
        with guard(self.url):
            return writing.save(
                self.engine, result, user=user, now=now, supersedes=supersedes, reason=reason
            )

    def exams(
        self,
        *,
        scanner: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        include_superseded: bool = False,
    ) -> list[dict[str, Any]]:
        """Return the stored exams without payload, oldest acquisition first.

        Parameters
        ----------
        scanner
            Identity of a scanner; None: all.
        since, until
            First and last time of acquisition, both included; an exam without a time is left
            out when either is given.
        include_superseded
            Also exams that another one replaces.
        """
        with guard(self.url):
            return reading.exams(
                self.engine,
                reading.Filter(
                    scanner=scanner,
                    since=since,
                    until=until,
                    include_superseded=include_superseded,
                ),
            )

    def payload(self, exam_id: int) -> dict[str, Any]:
        """Return a stored exam as `qiqa.qc/1`.

        Raises
        ------
        StoreError
            If there is no such exam.
        """
        with guard(self.url):
            return reading.payload(self.engine, exam_id)

    def rows(
        self,
        name: str | None = None,
        scanner: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        *,
        include_superseded: bool = False,
        exam: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return measurements, oldest first: exam fields, then the fields of COLUMNS.

        Parameters are those of `exams`; `name` is the name of a measurement, `exam` an id (a
        superseded exam asked for by id is returned).
        """
        chosen = reading.Filter(
            name=name,
            scanner=scanner,
            since=since,
            until=until,
            include_superseded=include_superseded or exam is not None,
            exam=exam,
        )
        with guard(self.url):
            return reading.rows(self.engine, chosen)

    def history(
        self,
        *,
        name: str | None = None,
        scanner: str | None = None,
        series_key: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        include_superseded: bool = False,
    ) -> History:
        """Return measured values with a time of acquisition as columns, oldest first."""
        chosen = reading.Filter(
            name=name,
            scanner=scanner,
            series_key=series_key,
            since=since,
            until=until,
            include_superseded=include_superseded,
        )
        with guard(self.url):
            return reading.history(self.engine, chosen)

    def columns(
        self,
        scanner: str | None = None,
        name: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> tuple[TimeSeries, ...]:
        """Return every series over time, fast: one for each series key, oldest exam first.

        Superseded exams are left out, and values without a series key, which share no chart. A
        value that could not be measured is NaN; an exam in which the series was not looked for
        has no place in it. Limits and reference are those of the newest exam of the series.
        Covariate `temperature_degc` is what a person entered as temperature of phantom or room;
        it is there if any exam of the series states it. Should a measurement have changed its
        unit, the values in each unit are a series.

        Series of one scanner share arrays (`at`, `exam`, `epoch`, covariates): do not write to
        them.

        Parameters
        ----------
        scanner, name
            Identity of a scanner, name of a measurement; None: all.
        since, until
            First and last time of acquisition, both included.

        Returns
        -------
        tuple of TimeSeries
            By scanner; within one as they stand in its newest exam, then those of older ones.
        """
        chosen = reading.Filter(scanner=scanner, name=name, since=since, until=until)
        with guard(self.url):
            return columns_of.columns(self.engine, chosen)

    def readings(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> tuple[Readings, ...]:
        """Return every value that has a reference, of all scanners, one table a measurement.

        Superseded exams are left out, and exams without a scanner or a time. Names lose their
        insert: all inserts of a phantom share a measurement. How the acquisition differs from the
        protocol is told of the newest exam of each scanner.

        Parameters
        ----------
        since, until
            First and last time of acquisition, both included.
        """
        with guard(self.url):
            return readings_of.readings(self.engine, reading.Filter(since=since, until=until))

    def previous(
        self, series_key: str | None, before: dt.datetime | None, n: int = 12
    ) -> tuple[PastValue, ...]:
        """Return up to `n` values of one series acquired before a time, oldest first.

        Nothing is before an unknown time, and a value without a series key has no past.
        """
        if series_key is None or before is None:
            return ()
        with guard(self.url):
            return reading.previous(self.engine, series_key, before, n)

    def add_event(self, event: ServiceEvent, *, user: str, now: dt.datetime) -> int:
        """Put on record what was done to a scanner; return the record's number.

        Parameters
        ----------
        event
            `at` is wall clock; its `record_id` is not kept. Without `by`, `user` did it.
        user, now
            Who writes the record and when, with time zone; so for every record.

        Raises
        ------
        StoreError
            If its kind is not in `EVENT_KINDS`, scanner or text is empty, or it lies in the future.
        """
        with guard(self.url):
            return records.add_event(self.engine, event, user, now)

    def withdraw_event(self, record_id: int, reason: str, *, user: str, now: dt.datetime) -> int:
        """Put on record that an event does not count; it stays in the database.

        Raises
        ------
        StoreError
            If there is no such event, it was withdrawn already, or there is no reason.
        """
        with guard(self.url):
            return records.withdraw_event(self.engine, record_id, reason, user, now)

    def events(self, scanner: str | None = None) -> tuple[ServiceEvent, ...]:
        """Return the events that count, of one scanner (with those of all) or all, oldest first."""
        with guard(self.url):
            return records.events(self.engine, scanner)

    def approve_baseline(self, baseline: ApprovedBaseline, *, user: str, now: dt.datetime) -> int:
        """Put a baseline on record; return the record's number.

        `baseline.by` and `baseline.at` say who approved it and when, which may be another person
        and earlier than the record.

        Raises
        ------
        StoreError
            If it has no reason, no approver, ends before it begins, or lies in the future.
        """
        with guard(self.url):
            return records.approve_baseline(self.engine, baseline, user, now)

    def baselines(self, scanner: str | None = None) -> tuple[ApprovedBaseline, ...]:
        """Return every baseline of one scanner or all, in the order they went on record."""
        with guard(self.url):
            return records.baselines(self.engine, scanner)

    def raise_alarm(self, finding: DriftFinding, *, user: str, now: dt.datetime) -> int:
        """Put a finding on record as an open alarm; return the alarm's number.

        The store does not know whether it is the same as an earlier one: see `alarms` first.

        Raises
        ------
        StoreError
            If it names no scanner or rule, or a time of it has a zone.
        """
        with guard(self.url):
            return records.raise_alarm(self.engine, finding, user, now)

    def decide_alarm(
        self,
        alarm_id: int,
        state: AlarmState,
        comment: str,
        *,
        corrective_action: str = "",
        user: str,
        now: dt.datetime,
    ) -> int:
        """Put on record what a person says about an alarm; return the record's number.

        Raises
        ------
        StoreError
            If there is no such alarm, the comment is empty, or the state is not one.
        """
        with guard(self.url):
            return records.decide_alarm(
                self.engine, alarm_id, state, comment, corrective_action, user, now
            )

    def alarms(self, scanner: str | None = None, *, open_only: bool = False) -> tuple[Alarm, ...]:
        """Return alarms with what was decided about them, in the order they were raised.

        Each `finding` has the number and the state of its alarm. With `open_only` without those
        that are closed.
        """
        with guard(self.url):
            return records.alarms(self.engine, scanner, open_only=open_only)

    def verify(self) -> tuple[Finding, ...]:
        """Recompute every hash and compare every row with its payload; name what was altered."""
        with guard(self.url):
            return verifying.verify(self.engine)
