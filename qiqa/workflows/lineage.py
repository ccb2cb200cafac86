"""What the history of phantoms says of scanners, as vetting needs it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence

import numpy as np

from qiqa.core.drift import DriftFinding, Kind, ServiceEvent, TimeSeries
from qiqa.core.pseudonyms import PseudonymKey, pseudonym
from qiqa.core.vetting import ScannerRecord, ScannerTrouble
from qiqa.workflows.watching import Records, watch

__all__ = ["pseudonymous", "scanner_records"]

_CODES = {"action": "scanner_out_of_control", "tolerance": "scanner_moved"}
_ALONE = (Kind.SPIKE,)
"""What concerns one exam, not all since."""


def scanner_records(
    series: Sequence[TimeSeries], records: Records, now: dt.datetime, *, processes: int = 1
) -> dict[str, ScannerRecord]:
    """Return, by scanner, when its phantom was scanned and when it was not in control.

    A finding of drift counts from the earliest day on which it may have begun (95 %) up to the
    next entry in the log that begins a new epoch, or to this day; a single exam that was off counts
    from the exam before to the exam after it.

    Parameters
    ----------
    series
        Measurements of phantoms over time, all scanners.
    records
        Service events, baselines, alarms.
    now
        Up to when.
    processes
        How many share the scanners.
    """
    watched = watch(series, records, now=now, detail=False, processes=processes)
    days: dict[str, set[dt.date]] = {}
    for one in series:
        stamps = one.at.astype("datetime64[D]")
        days.setdefault(one.scanner, set()).update(np.unique(stamps).astype(dt.date).tolist())
    made = {}
    for state in watched.fleet.scanners:
        exams = tuple(sorted(days.get(state.scanner, set())))
        events = [e for e in records.events if e.scanner in (state.scanner, "*") and e.new_epoch]
        troubles = [_trouble(f, exams, events) for f in state.findings]
        made[state.scanner] = ScannerRecord(
            scanner=state.scanner,
            exams=exams,
            troubles=tuple(sorted(filter(None, troubles), key=lambda t: (t.first, t.what))),
        )
    return made


def _trouble(
    finding: DriftFinding, exams: Sequence[dt.date], events: Sequence[ServiceEvent]
) -> ScannerTrouble | None:
    """Return the days of a finding, or None where it says nothing of any day."""
    code = _CODES.get(finding.verdict)
    if code is None or finding.kind is Kind.MISSING or finding.date is None:
        return None
    began = finding.date if finding.date_interval is None else finding.date_interval[0]
    first, last = began.date(), _ended(finding, events)
    if finding.kind in _ALONE:
        before = [day for day in exams if day < finding.date.date()]
        after = [day for day in exams if day > finding.date.date()]
        first = before[-1] if before else finding.date.date()
        last = after[0] if after else None
    where = " ".join(part for part in (finding.name, finding.insert) if part)
    size = "" if math.isnan(finding.size) else f" {finding.size:+.3g} {finding.unit}".rstrip()
    return ScannerTrouble(
        first=first,
        last=last,
        code=code,
        what=f"{where}: {finding.kind.value}{size} since {finding.date.date().isoformat()}",
    )


def _ended(finding: DriftFinding, events: Sequence[ServiceEvent]) -> dt.date | None:
    seen = finding.signalled or finding.date
    later = sorted(e.at for e in events if seen is not None and e.at > seen)
    return later[0].date() if later else None


def pseudonymous(
    records: Mapping[str, ScannerRecord], key: PseudonymKey
) -> dict[str, ScannerRecord]:
    """Return records under the names that scanners have in de-identified images.

    Both names are there, so that a set may hold images of both kinds.
    """
    made = dict(records)
    for name, record in records.items():
        other = pseudonym(name, key)
        if other is not None:
            made[other] = record
    return made
