"""Which calibration by phantoms puts a scanner right, and on which days it does."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from qiqa.core.calibration import CalibrationSet, ScannerCalibration
from qiqa.core.drift import DriftFinding, Kind, ServiceEvent
from qiqa.core.scanner_record import Days, ScannerCorrection
from qiqa.core.trial import common_name
from qiqa.harmonize.phantom.calibrated import correct
from qiqa.harmonize.scanners.moves import stated_epoch

__all__ = ["corrections_of", "level_changes"]

_DAY = dt.timedelta(days=1)


def level_changes(
    findings: Iterable[DriftFinding], events: Iterable[ServiceEvent], name: str
) -> tuple[Days, ...]:
    """Return the days in which the level of a measurement changed on a scanner.

    A step changes it within its interval (95 %), a trend until something else happened to the
    same insert, an entry of the log that begins a new epoch on its day.

    Parameters
    ----------
    findings
        Of the scanner, those that stand.
    events
        Of the scanner, those that begin a new epoch.
    name
        Measurement without its insert: all inserts count.
    """
    done = [event.at.date() for event in events]
    by_insert: dict[tuple[str, str, int], list[tuple[Days, Kind]]] = {}
    for one in findings:
        level = one.kind in (Kind.STEP, Kind.TREND)
        if level and one.date is not None and common_name(one.name, one.insert) == name:
            first, last = one.date_interval or (one.date, one.date)
            own = by_insert.setdefault((one.series_key, one.insert, one.slice), [])
            own.append(((first.date(), last.date()), one.kind))
    made = [(day, day) for day in done]
    for spans in by_insert.values():
        spans.sort()
        for i, (span, kind) in enumerate(spans):
            later = [other[0] for other, _ in spans[i + 1 :]]
            later += [day for day in done if day > span[1]]
            until = min(later, default=dt.date.max) if kind is Kind.TREND else span[1]
            made.append((span[0], until))
    return tuple(sorted(made))


def corrections_of(
    calibrations: CalibrationSet,
    file: str,
    scanner: str,
    findings: Sequence[DriftFinding],
    events: Sequence[ServiceEvent],
    levels: Mapping[tuple[str, str, int], float],
) -> tuple[ScannerCorrection, ...]:
    """Return the calibrations of a scanner with the days that each is for.

    A change that is smaller than the standard uncertainty of a corrected value divides nothing:
    that uncertainty covers it.

    Parameters
    ----------
    calibrations
        Of all scanners.
    file
        Name, version and date of the file that they are from, for the words.
    scanner
        Its identity.
    findings, events
        As for `level_changes`.
    levels
        Name, insert, slice -> what the phantom reads, about.
    """
    own = [one for one in calibrations.calibrations if one.scanner == scanner]
    made = []
    for one in own:
        siblings = [other for other in own if other.name == one.name and other is not one]
        large = [f for f in findings if not _is_covered(f, one, levels)]
        changes = level_changes(large, events, one.name)
        made.append(
            ScannerCorrection(
                name=one.name,
                what=f"calibration {file}: {_words(one)}",
                settings=stated_epoch(one.epoch),
                exams=(one.first.date(), one.last.date()),
                valid=_valid(one, calibrations.valid_days),
                level=_level(one, siblings, changes),
            )
        )
    return tuple(sorted(made, key=lambda c: (c.name, c.exams, c.settings)))


def _is_covered(
    finding: DriftFinding, one: ScannerCalibration, levels: Mapping[tuple[str, str, int], float]
) -> bool:
    """Say whether a change is within the uncertainty that a value has after correction."""
    level = levels.get((finding.name, finding.insert, finding.slice), math.nan)
    size = abs(finding.size)
    if finding.kind is Kind.TREND:
        size *= (one.last - one.first).days / 365.25
    inside = np.array([min(max(level, one.low), one.high)])
    return size < float(correct(one, inside, np.zeros(1))[1][0])


def _valid(one: ScannerCalibration, valid_days: float) -> tuple[Days, ...]:
    """Return the days near enough to exams; where these are not kept, to the first and last."""
    far = dt.timedelta(days=int(valid_days))
    stretches = [(day, day) for day in one.exam_days] or [(one.first, one.last)]
    made: list[Days] = []
    for begin, end in sorted(stretches):
        first, last = begin.date() - far, end.date() + far
        if made and first <= made[-1][1] + _DAY:
            first = made.pop()[0]
        made.append((first, last))
    return tuple(made)


def _level(
    one: ScannerCalibration, siblings: Sequence[ScannerCalibration], changes: Sequence[Days]
) -> Days | None:
    """Return the days on which the scanner surely was where it was in the exams.

    Where the exams were divided (another setting, or a move that was found), what lies between
    the parts belongs to neither, and a change there is that division.
    """
    begin, end = one.first.date(), one.last.date()
    before = any(s.last < one.first for s in siblings)
    after = any(s.first > one.last for s in siblings)
    first = begin if before else dt.date.min
    last = end if after else dt.date.max
    for early, late in changes:
        if late <= begin or (before and early <= begin and late < end):
            first = max(first, min(late, begin))
        elif early >= end:
            last = min(last, early - _DAY)  # it may have begun after the exam of that day
        elif after and early > begin and late >= end:
            last = min(last, end)
        else:
            return None
    return first, last


def _words(one: ScannerCalibration) -> str:
    """Return what it changes and how well it is known afterwards; standard uncertainties."""
    at = np.array(sorted({one.low, (one.low + one.high) / 2.0, one.high}))
    corrected, u = correct(one, at, np.zeros(at.size))
    by, known = corrected - at, u
    unit = f" {one.unit}".rstrip()
    if one.bias_unit == "%" and one.low > 0.0:
        by, known, unit = 100.0 * by / at, 100.0 * u / at, " %"
    reach = f"up to {one.reach_mm:.0f} mm from isocenter" if one.reach_mm > 0 else "at isocenter"
    basis = "" if one.basis == "stated" else f", against the {one.basis} of scanners"
    return (
        f"{one.name} from {one.low:.4g} to {one.high:.4g} {one.unit} "
        f"changes by {_range(by, '+.3g')}{unit} with standard uncertainty "
        f"{_range(known, '.2g')}{unit}, {reach}, {one.exams} phantom exams{basis}"
    )


def _range(values: np.ndarray[tuple[int], np.dtype[np.float64]], pattern: str) -> str:
    low, high = format(float(values.min()), pattern), format(float(values.max()), pattern)
    return low if low == high else f"{low} to {high}"
