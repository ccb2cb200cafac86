"""Readings of phantoms against their references from a CSV or Parquet file."""

from __future__ import annotations

import collections
import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError, UsageError
from qiqa.core.finding import Finding
from qiqa.core.trial import Flag, Readings, common_name
from qiqa.io._table_columns import Columns, known_columns
from qiqa.io._table_doubts import (
    alike,
    doubled,
    refuse_participants,
    tell_scanners_apart,
    unit_of,
)
from qiqa.io._table_file import columns_of_file
from qiqa.io.value_table import epochs_of

__all__ = ["ReadingsTable", "read_readings"]

_NAMES = ("scanner", "site", "manufacturer", "insert", "phantom_unit", "name")
"""Columns of names: one thing should be spelled in one way."""
TEMPERATURES = ("temperature_degc", "temperature")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsTable:
    """What a file holds."""

    readings: tuple[Readings, ...]
    """One for each measurement and unit, by name."""
    findings: tuple[Finding, ...]
    """What was left out or taken for something, with the rows."""
    rows: int
    flags: tuple[Flag, ...] = ()
    """What looks wrong: scanners of one name, names that are nearly one, doubled rows."""


def read_readings(path: Path, columns: Mapping[str, str] | None = None) -> ReadingsTable:
    """Read values of phantoms on many scanners.

    Parameters
    ----------
    path
        `.csv` (comma, semicolon or tab; UTF-8) or `.parquet`. Columns are those of the row schema
        (`qiqa.measurement/1`) and of an exam; `scanner`, `acquired_at`, `value` and one of `name`
        or `quantity` are needed, `reference_value`, `insert`, `phantom_unit`, `site`,
        `manufacturer`, `visit`, `distance_mm`, `temperature_degc` and `deviations` (from the
        protocol, with semicolons between them; empty: none) used where they stand.
    columns
        Name that qiqa uses -> name in the file.

    Returns
    -------
    ReadingsTable
        Rows without scanner, name or date are left out and named; the others stand. A row without
        a name of its exam belongs to the exam of its scanner, phantom unit and day. Scanners of
        one name at several sites are named "site / scanner", a row that repeats another in
        every cell counts once; both are flagged.

    Raises
    ------
    ReadError
        If the file cannot be read or holds no row that can be used.
    UsageError
        If a column that is needed is missing; names what there is. If it holds values of
        participants.
    """
    _check_names(columns or {})
    table = columns_of_file(path, columns)
    refuse_participants(table)
    at = table.dates()
    fields, flags = _fields(table, at)
    usable = (fields["scanner"] != "") & (fields["name"] != "") & ~np.isnat(at)
    usable &= fields["superseded_by"] == ""
    lost = int(((fields["scanner"] == "") | (fields["name"] == "")).sum())
    if lost:
        table.tell(
            "no_name", f"{lost} rows name no scanner or no measurement", "fill both in; left out"
        )
    if not usable.any():
        said = "; ".join(f"{f.message}: {f.hint}" for f in table.findings[:3] if f.hint)
        message = f"none of its {table.rows} rows can be used"
        raise ReadError(message, where=str(path), hint=said)
    numbers = {
        "visit": table.numbers("visit"),
        "value": table.numbers("value"),
        "standard_uncertainty": table.numbers("standard_uncertainty"),
        "reference": table.numbers("reference_value"),
        "reference_standard_uncertainty": table.numbers("reference_standard_uncertainty"),
        "distance_mm": table.numbers("distance_mm"),
        "temperature_degc": table.numbers(next(filter(table.has, TEMPERATURES), TEMPERATURES[0])),
    }
    names = {role: fields[role] for role in _NAMES}
    flags += alike(names, usable, table.line)
    again, found = doubled(table, fields["scanner"], usable & np.isfinite(numbers["value"]))
    usable &= ~again
    flags += found
    made = []
    for name, unit in sorted({*zip(fields["name"][usable], fields["unit"][usable], strict=True)}):
        rows = usable & (fields["name"] == name) & (fields["unit"] == unit)
        made.append(_readings(fields, numbers, at, np.flatnonzero(rows)))
    return ReadingsTable(
        readings=tuple(made), findings=tuple(table.findings), rows=table.rows, flags=tuple(flags)
    )


def _fields(
    table: Columns, at: NDArray[np.datetime64]
) -> tuple[dict[str, NDArray[np.str_]], list[Flag]]:
    """Return the columns of texts, empty where nothing is stated, and flags of their scanners."""
    plain = ("scanner", "site", "manufacturer", "insert", "phantom_unit", "name", "quantity")
    fields = {role: np.array(table.texts(role)) for role in (*plain, "unit", "superseded_by")}
    fields["unit"] = np.array([unit_of(text) for text in fields["unit"].tolist()])
    fields["scanner"], flags = tell_scanners_apart(fields["scanner"], fields["site"])
    if not table.has("name"):
        shown = table.value_name if not table.has("quantity") else ""
        fields["name"] = np.full(table.rows, shown) if shown else fields["quantity"]
    fields["quantity"] = np.where(fields["quantity"] == "", fields["name"], fields["quantity"])
    pairs = zip(fields["name"], fields["insert"], strict=True)
    fields["name"] = np.array([common_name(name, insert) for name, insert in pairs])
    fields["insert"] = _with_slice(fields["insert"], table.texts("slice"))
    fields["epoch"] = epochs_of(table)
    stated = table.texts("exam_id") if table.has("exam_id") else table.texts("exam")
    day = np.datetime_as_string(at, unit="D")
    own = zip(stated, fields["scanner"], fields["phantom_unit"], day, strict=True)
    fields["exam"] = np.array([text or " ".join(filter(None, rest)) for text, *rest in own])
    fields["exam"] = _of_one_scanner(fields["exam"], fields["scanner"])
    if table.has("deviations"):
        fields["deviations"] = np.array(table.texts("deviations"))
    fields["row"] = np.array([f"line {table.line(i)}" for i in range(table.rows)])
    return fields, list(flags)


def _of_one_scanner(exam: NDArray[np.str_], scanner: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return exams with the scanner in the name of those that several scanners have.

    "visit 1" of every scanner is not one exam.
    """
    pairs = list(zip(exam.tolist(), scanner.tolist(), strict=True))
    count = collections.Counter(name for name, _ in {*pairs})
    return np.array([f"{s} {e}".strip() if count[e] > 1 else e for e, s in pairs])


def _with_slice(insert: NDArray[np.str_], slices: list[str]) -> NDArray[np.str_]:
    """Return the insert with its slice: values of another slice are of another place."""
    pairs = zip(insert, slices, strict=True)
    return np.array([f"{i} slice {s}".strip() if s not in ("", "0") else i for i, s in pairs])


def _readings(
    fields: Mapping[str, NDArray[np.str_]],
    numbers: Mapping[str, NDArray[np.float64]],
    at: NDArray[np.datetime64],
    rows: NDArray[np.intp],
) -> Readings:
    rows = rows[np.argsort(at[rows], kind="stable")]
    return Readings(
        name=str(fields["name"][rows[0]]),
        quantity=str(fields["quantity"][rows[0]]),
        unit=str(fields["unit"][rows[0]]),
        scanner=fields["scanner"][rows],
        site=fields["site"][rows],
        manufacturer=fields["manufacturer"][rows],
        epoch=fields["epoch"][rows],
        insert=fields["insert"][rows],
        phantom_unit=fields["phantom_unit"][rows],
        exam=fields["exam"][rows],
        row=fields["row"][rows],
        at=at[rows],
        visit=numbers["visit"][rows],
        value=numbers["value"][rows],
        standard_uncertainty=numbers["standard_uncertainty"][rows],
        reference=numbers["reference"][rows],
        reference_standard_uncertainty=numbers["reference_standard_uncertainty"][rows],
        temperature_degc=numbers["temperature_degc"][rows],
        distance_mm=numbers["distance_mm"][rows],
        deviations=_deviations(fields, rows),
    )


def _check_names(columns: Mapping[str, str]) -> None:
    """Refuse a name that means nothing here: its column would be left out without a word."""
    known = known_columns() | {*TEMPERATURES}
    for name in columns:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(
                f"{name!r} is no name of qiqa{meant}",
                where="--column",
                hint=f"NAME=COLUMN, with one of {', '.join(sorted(known))}",
            )


def _deviations(
    fields: Mapping[str, NDArray[np.str_]], rows: NDArray[np.intp]
) -> dict[str, tuple[str, ...]]:
    """Return what each exam states of its protocol; none where there is no such column."""
    if "deviations" not in fields:
        return {}
    made: dict[str, dict[str, None]] = {}
    for exam, text in zip(fields["exam"][rows], fields["deviations"][rows], strict=True):
        words = made.setdefault(str(exam), {})
        words.update(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))
    return {exam: tuple(words) for exam, words in made.items()}
