"""What the history of phantoms says of scanners, as vetting needs it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from qiqa.core.calibration import CalibrationSet
from qiqa.core.drift import Alarm, DriftFinding, Kind, ServiceEvent, TimeSeries
from qiqa.core.finding import Finding, Severity
from qiqa.core.pseudonyms import PseudonymKey, pseudonym, serial_pseudonym, shift_days
from qiqa.core.scanner_record import ScannerRecord, ScannerTrouble
from qiqa.core.trial import common_name
from qiqa.core.vet_table import VetTable
from qiqa.workflows.lineage_bias import BiasState
from qiqa.workflows.lineage_corrections import corrections_of
from qiqa.workflows.lineage_repairs import LEFT, Repair, repair_of, shown_by
from qiqa.workflows.watching import Records, watch

__all__ = ["Calibrations", "pseudonymous", "scanner_records", "true_days"]

_MEDIAN_RANGE = 0.95387
"""Median of |a - b| of two normal values of SD 1: 0.67449 times the root of 2."""
_KINDS = (Kind.STEP, Kind.TREND, Kind.VARIANCE, Kind.SPIKE)
"""What says that numbers of a day are not those of other days. A scanner unlike the others (bias)
and missed exams are of no day."""
_BEYOND_CORRECTION = {
    Kind.SPIKE: "of one odd exam nobody knows which level held around it",
    Kind.VARIANCE: "scatter that grew is no bias that could be taken off",
    Kind.TREND: "it drifted on: no one level held",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calibrations:
    """Calibrations of scanners, and the file that they are from."""

    content: CalibrationSet
    file: str
    """Name, version and date, in words."""


def scanner_records(
    series: Sequence[TimeSeries],
    records: Records,
    now: dt.datetime,
    *,
    biases: Mapping[str, BiasState] | None = None,
    calibrations: Calibrations | None = None,
    processes: int = 1,
) -> dict[str, ScannerRecord]:
    """Return, by scanner, when its phantom was scanned, when it was not in control, what helps.

    A finding of drift counts from the earliest day on which it may have begun (95 %): up to the
    next entry in the log that begins a new epoch, or until a step took the level back, or until it
    was repaired, or to this day. A single exam that was off counts from the exam before to the
    exam after it. What passed a limit of action is out of control, anything else had moved. A step
    at an entry of the log that no limit objects to is none, and so is what later exams do not
    confirm.

    Repaired is what has an alarm that a person closed with a corrective action, where the exams
    since are back.

    Parameters
    ----------
    series
        Measurements of phantoms over time, all scanners.
    records
        Service events, baselines, alarms.
    now
        Up to when.
    biases
        What is known of bias, by scanner.
    calibrations
        What may put scanners right; None: none was given.
    processes
        How many share the scanners.
    """
    # an alarm that was closed asks for nothing today; it is old images that are asked about
    asked = dataclasses.replace(records, alarms=())
    watched = watch(series, asked, now=now, detail=False, processes=processes)
    own: dict[str, list[TimeSeries]] = {}
    for one in series:
        own.setdefault(one.scanner, []).append(one)
    made = {}
    for state in watched.fleet.scanners:
        bias = (biases or {}).get(state.scanner, BiasState())
        events = [e for e in records.events if e.scanner in (state.scanner, "*") and e.new_epoch]
        history = _History(
            series={(s.name, s.insert, s.slice): s for s in own[state.scanner]},
            exams=_days(own[state.scanner]),
            events=events,
            alarms=[a for a in records.alarms if a.finding.scanner == state.scanner],
        )
        troubles = [*_troubles(state.findings, history), *bias.troubles]
        made[state.scanner] = ScannerRecord(
            scanner=state.scanner,
            exams=history.exams,
            troubles=tuple(sorted(troubles, key=lambda t: (t.first, t.what))),
            biases=bias.words,
            bias_known=bias.known,
            corrections=None
            if calibrations is None
            else corrections_of(
                calibrations.content,
                calibrations.file,
                state.scanner,
                [f for f in state.findings if _is_sure(f)],
                events,
                {key: _median(one) for key, one in history.series.items()},
            ),
        )
    return made


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """What is on record of one scanner."""

    series: Mapping[tuple[str, str, int], TimeSeries] = dataclasses.field(default_factory=dict)
    """Name, insert, slice -> values."""
    exams: tuple[dt.date, ...] = ()
    events: Sequence[ServiceEvent] = ()
    """Those that begin a new epoch."""
    alarms: Sequence[Alarm] = ()


def _days(series: Iterable[TimeSeries]) -> tuple[dt.date, ...]:
    """Return the days of exams, rising."""
    days = {day for one in series for day in np.unique(one.at.astype("datetime64[D]")).tolist()}
    return tuple(sorted(days))


def _troubles(findings: Iterable[DriftFinding], history: _History) -> list[ScannerTrouble]:
    by_series: dict[tuple[str, str, int], list[DriftFinding]] = {}
    for one in findings:
        explained = one.verdict == "pass" and bool(one.causes)
        # scatter that grew within its limits says of no day that its numbers are off
        explained |= one.kind is Kind.VARIANCE and one.verdict != "action"
        if one.kind in _KINDS and one.date is not None and not explained and _is_sure(one):
            by_series.setdefault((one.series_key or one.name, one.insert, one.slice), []).append(
                one
            )
    made = []
    for own in by_series.values():
        own.sort(key=lambda f: f.date or dt.datetime.min)
        taken_back: set[int] = set()
        for i, one in enumerate(own):
            if i in taken_back:
                continue
            back = _taken_back(own, i)
            series = history.series.get((one.name, one.insert, one.slice))
            repair = repair_of(one, history.alarms, series)
            taken_back |= {*([] if back is None else [back]), *shown_by(repair, own, i)}
            until = own[i + 1].date if i + 1 < len(own) else None
            size = _size_sd(one, until, history.exams, _spread(series))
            taken = None if back is None else own[back]
            trouble = _trouble(one, taken, repair, history)
            made.append(dataclasses.replace(trouble, size_sd=size))
    return made


def _spread(series: TimeSeries | None) -> float:
    """Return the SD of one exam, by the median distance of successive ones."""
    if series is None:
        return math.nan
    steps = np.abs(np.diff(series.value[np.isfinite(series.value)]))
    return float(np.median(steps)) / _MEDIAN_RANGE if steps.size > 2 else math.nan


def _median(series: TimeSeries) -> float:
    seen = series.value[np.isfinite(series.value)]
    return float(np.median(seen)) if seen.size else math.nan


def _size_sd(
    finding: DriftFinding, until: dt.datetime | None, exams: Sequence[dt.date], sd: float
) -> float:
    """Return how far a finding is from what was before, in SD of one exam."""
    if math.isfinite(finding.score):
        return abs(finding.score)
    if finding.kind is Kind.TREND and finding.date is not None and sd > 0:
        end = exams[-1] if until is None else until.date()
        years = max((end - finding.date.date()).days, 0) / 365.25
        return abs(finding.size) * years / sd
    return math.inf


def _is_sure(finding: DriftFinding) -> bool:
    """Say whether a finding still stands now that later exams are known.

    A rule that watches week by week also raises what later exams do not confirm: then the interval
    of the size holds no change at all. Old findings that drift has let rest (`pass`) count as
    others do: it is old images that are asked about.
    """
    if finding.verdict in ("tolerance", "action"):
        return True
    if finding.size_interval is None:
        return True
    low, high = finding.size_interval
    none = 1.0 if finding.kind is Kind.VARIANCE else 0.0
    return not low <= none <= high


def _taken_back(own: Sequence[DriftFinding], i: int) -> int | None:
    """Return which later step leaves less than half of this one, None where there is none."""
    if own[i].kind is not Kind.STEP:
        return None
    left = own[i].size
    for j in range(i + 1, len(own)):
        if own[j].kind is Kind.STEP:
            left += own[j].size
            if abs(left) < LEFT * abs(own[i].size):
                return j
    return None


def _trouble(
    finding: DriftFinding, back: DriftFinding | None, repair: Repair, history: _History
) -> ScannerTrouble:
    assert finding.date is not None  # noqa: S101 - the caller looked
    day = finding.date.date()
    if finding.kind is Kind.SPIKE:
        first = max((e for e in history.exams if e < day), default=day)
        last = min((e for e in history.exams if e > day), default=None)
    else:
        first = day if finding.date_interval is None else finding.date_interval[0].date()
        ends = (_ended(finding, back, history.events), repair.day)
        last = min((end for end in ends if end is not None), default=None)
    where = " ".join(part for part in (finding.name, finding.insert) if part)
    size = "" if math.isnan(finding.size) else f" {finding.size:+.3g} {finding.unit}".rstrip()
    return ScannerTrouble(
        first=first,
        last=last,
        code="scanner_out_of_control" if finding.verdict == "action" else "scanner_moved",
        what=f"{where}: {finding.kind.value}{size}{repair.words}",
        name=common_name(finding.name, finding.insert),
        began=day,
        beyond_correction=_BEYOND_CORRECTION.get(finding.kind, ""),
    )


def _ended(
    finding: DriftFinding, back: DriftFinding | None, events: Sequence[ServiceEvent]
) -> dt.date | None:
    """Return the last day of what began with a finding."""
    seen = finding.signalled or finding.date
    ends = [e.at for e in events if seen is not None and e.at > seen]
    if back is not None and back.date is not None:
        ends.append(back.date if back.date_interval is None else back.date_interval[1])
    return min(ends).date() if ends else None


def pseudonymous(
    records: Mapping[str, ScannerRecord], key: PseudonymKey
) -> dict[str, ScannerRecord]:
    """Return records under the names that scanners have in de-identified images.

    The true name is there too, so that a set may hold images of both kinds. None shows its days: a
    series that is said to be of a scanner's trouble in one week would be dated by it. Whether the
    first word of a name is a maker is known of the usual makers only: images of others are found
    with the word as well.
    """
    made = {}
    for name, shown in records.items():
        record = dataclasses.replace(shown, hides_days=True)
        made[name] = record
        maker, _, rest = name.partition(" ")
        if rest:
            made[f"{maker} {serial_pseudonym(name, key)}"] = record
        other = pseudonym(name, key)
        if other is not None:
            made[other] = record
    return made


def true_days(table: VetTable, key: PseudonymKey | None) -> tuple[VetTable, tuple[Finding, ...]]:
    """Return a set with the days on which de-identified images were really acquired.

    Pseudonyms are left out of it afterwards: nothing that is written out holds them. Images of a
    patient without one keep their day.

    Parameters
    ----------
    table
        Its column `pseudonym` holds the PatientID of images that qiqa de-identified.
    key
        That they were de-identified with; None: days stay as they are.
    """
    texts = {name: column for name, column in table.texts.items() if name != "pseudonym"}
    if key is None:
        return dataclasses.replace(table, texts=texts), ()
    column = table.text("pseudonym")
    # who has no pseudonym, -1, is the last
    days = np.array([*(shift_days(name, key) for name in column.names), 0], dtype=np.int64)
    moved = days[column.codes].astype("timedelta64[D]")
    found = () if days.any() else (_NOTHING_MOVED,)
    return dataclasses.replace(table, texts=texts, date=table.date + moved), found


_NOTHING_MOVED = Finding(
    code="no_pseudonym",
    severity=Severity.WARNING,
    message="no series has a pseudonym that qiqa gave: the days of all are taken as they are",
    hint="--history-key is for images that `qiqa trial deidentify` wrote",
)
