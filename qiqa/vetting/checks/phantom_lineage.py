"""Whether the phantom says that the scanner was in control on the day."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from qiqa.core.finding import Severity
from qiqa.core.scanner_record import ScannerRecord, ScannerTrouble
from qiqa.core.vetting import (
    Check,
    Needs,
    Observation,
    Reason,
    SetAnswer,
    SetStatement,
    Setting,
    Settings,
    VetTable,
)

__all__ = ["CHECK", "look"]

_WARN = Severity.WARNING
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
    for row in np.flatnonzero(asked).tolist():
        known = None if np.isnat(table.date[row]) else table.date[row].astype(dt.date)
        record = table.records.get(str(scanner[row]))
        seen += [(row, one) for one in _of_series(record, known, days)]
    rows = _by_scanner(table, asked)
    return SetAnswer(
        observations=tuple(seen),
        statements=(
            SetStatement(
                code="scanner_without_phantom",
                value=float(sum(1 for row in rows if row[2] == "0")),
                evidence=f"{len(table.records)} scanners have a history of phantoms",
                rows=(("scanner", "series", "phantom exams", "findings"), *rows),
            ),
        ),
    )


def _modalities(table: VetTable, settings: Settings) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    wanted = settings["modalities"]
    names = wanted if isinstance(wanted, tuple) else (str(wanted),)
    modality = table.text("modality")
    # a NIfTI file that states no modality is asked like the others
    return np.isin(modality, [*names, ""])


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
    by_code: dict[str, list[ScannerTrouble]] = {}
    for trouble in record.troubles:
        if trouble.first <= day and (trouble.last is None or day <= trouble.last):
            by_code.setdefault(trouble.code, []).append(trouble)
    for code, found in sorted(by_code.items()):
        corrections = {one.correction for one in found}
        seen.append(
            Observation(
                code=code,
                value=_value(code, found),
                evidence="; ".join(one.what for one in found[:3])
                + (f"; {len(found) - 3} more" if len(found) > 3 else ""),
                # all of it must be put right, or none is
                correction="" if "" in corrections else "; ".join(sorted(corrections)),
            )
        )
    return seen


def _value(code: str, found: list[ScannerTrouble]) -> float:
    if code == "scanner_moved":
        return max(one.size_sd for one in found)
    return float(len(found))


def _by_scanner(
    table: VetTable, asked: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> list[tuple[str, ...]]:
    assert table.records is not None  # noqa: S101 - the caller looked
    names, counts = np.unique(table.text("scanner")[asked], return_counts=True)
    rows: list[tuple[str, ...]] = []
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        record = table.records.get(name)
        exams = len(record.exams) if record else 0
        troubles = len(record.troubles) if record else math.nan
        rows.append((name or "not stated", str(count), str(exams), f"{troubles:g}"))
    return rows
