"""Whether the phantom says that the scanner was in control on the day."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from qiqa.core.finding import Severity
from qiqa.core.scanner_record import ScannerCorrection, ScannerRecord, ScannerTrouble
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import (
    Check,
    Needs,
    Observation,
    Reason,
    SetAnswer,
    SetStatement,
    Setting,
    Settings,
)

__all__ = ["CHECK", "look"]

_WARN = Severity.WARNING
_MOST_SAID = 3
CHECK = Check(
    name="phantom_lineage",
    needs=Needs.SET,
    title="The scanner was in control on the day",
    reasons=(
        Reason(
            code="scanner_without_phantom",
            severity=_WARN,
            title="no phantom of this scanner",
            meaning="The history holds no phantom exam of this scanner, or the scanner or the date "
            "is not known: nothing says that its numbers are right.",
        ),
        Reason(
            code="phantom_too_far",
            severity=_WARN,
            title="no phantom near the day",
            meaning="The nearest phantom exam of the scanner is farther from the day than the "
            "setting `days` allows. The value is how far it is.",
            unit="day",
        ),
        Reason(
            code="scanner_out_of_control",
            severity=Severity.ERROR,
            title="scanner out of control",
            meaning="On that day a measurement of the phantom had passed a limit of action, or may "
            "have. The value is the number of such findings.",
        ),
        Reason(
            code="scanner_biased",
            severity=Severity.ERROR,
            title="scanner beyond its claim",
            meaning="On that day phantoms with certified values showed a bias beyond what is "
            "claimed (setting `claims`), its uncertainty counted in. The value is the largest bias "
            "in units of the claim.",
            unit="claims",
        ),
        Reason(
            code="scanner_bias_unknown",
            severity=Severity.INFO,
            title="bias of scanners not known",
            meaning="Scanners of which no certified value says whether they are within a claim, "
            "or whose exams are too few to tell.",
        ),
        Reason(
            code="scanner_moved",
            severity=_WARN,
            title="scanner had moved",
            meaning="On that day a measurement of the phantom had moved, or may have, without "
            "passing a limit of action. The value is the farthest move, in SD of one exam: small "
            "ones are among those that a few false alarms a year make.",
            unit="SD",
        ),
        Reason(
            code="no_history",
            severity=Severity.INFO,
            title="no phantom history given",
            meaning="Whether scanners were in control was not looked at.",
        ),
    ),
    settings=(
        Setting(name="days", default=45.0, meaning="farthest phantom exam that speaks for a day"),
        Setting(
            name="claims",
            default=("adc=3.6%",),
            meaning="largest bias of a measurement, in its unit or in %; the default is QIBA's",
        ),
        Setting(name="modalities", default=("MR",), meaning="of which phantoms are asked for"),
    ),
)


def look(table: VetTable, settings: Settings) -> SetAnswer:
    """Hold the day of each series against what phantoms say of its scanner."""
    if table.records is None:
        words = "no history of phantoms was given (--history): lineage was not looked at"
        return SetAnswer(statements=(SetStatement(code="no_history", value=1.0, evidence=words),))
    asked = _modalities(table, settings)
    scanner, days = table.text("scanner"), float(str(settings["days"]))
    seen: list[tuple[int, Observation]] = []
    found: dict[tuple[str, dt.date | None], list[Observation]] = {}
    for row in np.flatnonzero(asked).tolist():
        known = None if np.isnat(table.date[row]) else table.date[row].astype(dt.date)
        name = scanner[row]
        # series of one scanner and day are of one answer
        if (name, known) not in found:
            found[name, known] = _of_series(table.records.get(name), known, days)
        seen += [(row, one) for one in found[name, known]]
    return SetAnswer(
        observations=tuple(seen), statements=_statements(table, asked, len(table.records))
    )


def _statements(
    table: VetTable, asked: np.ndarray[tuple[int], np.dtype[np.bool_]], known: int
) -> tuple[SetStatement, ...]:
    assert table.records is not None  # noqa: S101 - the caller looked
    shown_ones = table.text("scanner").take(asked)
    counts = [*shown_ones.counts.tolist(), int(np.count_nonzero(~shown_ones.known))]
    names = [(n, c) for n, c in zip((*shown_ones.names, ""), counts, strict=True) if c]
    phantoms: list[tuple[str, ...]] = []
    biases: list[tuple[str, ...]] = []
    untold = without = 0
    for name, count in names:
        record = table.records.get(name)
        exams = len(record.exams) if record else 0
        troubles = len(record.troubles) if record else math.nan
        shown = name or "not stated"
        phantoms.append((shown, str(count), str(exams), f"{troubles:g}"))
        without += not exams
        untold += record is None or not record.bias_known
        biases += [(shown, words) for words in (record.biases if record else ()) or ("not known",)]
    return (
        SetStatement(
            code="scanner_without_phantom",
            value=float(without),
            evidence=f"{known} scanners have a history of phantoms",
            rows=(("scanner", "series", "phantom exams", "findings"), *phantoms),
        ),
        SetStatement(
            code="scanner_bias_unknown",
            value=float(untold),
            evidence=f"of {len(names)} scanners, against the claims of the policy",
            rows=(("scanner", "bias by certified values"), *biases),
        ),
    )


def _modalities(table: VetTable, settings: Settings) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    wanted = settings["modalities"]
    names = wanted if isinstance(wanted, tuple) else (str(wanted),)
    # a NIfTI file that states no modality is asked like the others
    return table.text("modality").is_one_of((*names, ""))


def _of_series(record: ScannerRecord | None, day: dt.date | None, days: float) -> list[Observation]:
    if record is None or not record.exams or day is None:
        what = "date" if record is not None and record.exams else "scanner or its phantom"
        return [Observation(code="scanner_without_phantom", evidence=f"{what} not known")]
    seen = []
    nearest = min(record.exams, key=lambda exam: (abs((exam - day).days), exam))
    far = abs((nearest - day).days)
    if far > days:
        words = f"nearest phantom exam {far} days away"
        seen.append(Observation(code="phantom_too_far", value=float(far), evidence=words))
    # what one calibration puts right is one observation: a small move that it does not reach must
    # not keep the policy from correcting a large one that it does
    together: dict[tuple[str, str, str], list[ScannerTrouble]] = {}
    for trouble in record.troubles:
        if trouble.first <= day and (trouble.last is None or day <= trouble.last):
            correction, why = _correction(trouble, record, day)
            together.setdefault((trouble.code, correction, why), []).append(trouble)
    return seen + [_observed(*key, together[key], record) for key in sorted(together)]


def _observed(
    code: str, correction: str, why: str, found: list[ScannerTrouble], record: ScannerRecord
) -> Observation:
    """Return findings of one kind that one correction puts right, or none does."""
    words = [_said(one, record) for one in found[:_MOST_SAID]]
    if len(found) > _MOST_SAID:
        words.append(f"{len(found) - _MOST_SAID} more")
    if why:
        words.append(f"no correction: {why}")
    return Observation(
        code=code, value=_value(code, found), evidence="; ".join(words), correction=correction
    )


def _said(trouble: ScannerTrouble, record: ScannerRecord) -> str:
    if trouble.began is None or record.hides_days:
        return trouble.what
    return f"{trouble.what} since {trouble.began.isoformat()}"


def _correction(trouble: ScannerTrouble, record: ScannerRecord, day: dt.date) -> tuple[str, str]:
    """Return the correction of one finding on a day, or why there is none."""
    if record.corrections is None:
        return "", "no calibration was given (--calibration)"
    if trouble.beyond_correction:
        return "", trouble.beyond_correction
    own = [one for one in record.corrections if one.name == trouble.name]
    if not record.corrections:
        return "", "the calibration has none of this scanner"
    if not own:
        names = ", ".join(sorted({one.name for one in record.corrections}))
        return "", f"the calibration of this scanner is of {names}, not of {trouble.name}"
    valid = [one for one in own if one.is_valid(day)]
    if not valid:
        return "", f"no calibration of {trouble.name} is valid on that day"
    there = [one for one in valid if one.is_of_level(day)]
    if not there:
        return "", f"{trouble.name} moved among the exams of the calibration, or since"
    if len(there) > 1:
        names = " and ".join(repr(one.settings) for one in there)
        return "", f"calibrations for settings {names} hold, and those of the series are not known"
    return _words(there[0], record), ""


def _words(correction: ScannerCorrection, record: ScannerRecord) -> str:
    settings = f", settings {correction.settings!r}" if correction.settings else ""
    words = f"{correction.what}{settings}"
    if not record.hides_days:
        first, last = correction.exams
        words += f", exams {first.isoformat()} to {last.isoformat()}"
        words += f", holds {_holds(correction)}"
    # corrections are joined by semicolons
    return words.replace(";", ",")


def _holds(correction: ScannerCorrection) -> str:
    assert correction.level is not None  # noqa: S101 - it holds on some day
    low, high = correction.level
    spans = [(max(first, low), min(last, high)) for first, last in correction.valid]
    return " and ".join(f"{a.isoformat()} to {b.isoformat()}" for a, b in spans if a <= b)


def _value(code: str, found: list[ScannerTrouble]) -> float:
    if code == "scanner_moved":
        return max(one.size_sd for one in found)
    if code == "scanner_biased":
        return max(one.claims for one in found)
    return float(len(found))
