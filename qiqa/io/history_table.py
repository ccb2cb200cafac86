"""Values over time from a CSV or Parquet file: rows to series."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from qiqa.core.drift import TimeSeries
from qiqa.core.errors import ReadError, UsageError
from qiqa.core.finding import Finding, Severity
from qiqa.io._table_columns import Columns
from qiqa.io._table_series import series_of

__all__ = ["REQUIRED", "HistoryTable", "read_history_table"]

REQUIRED = ("scanner", "acquired_at", "name", "value")
"""Columns without which there is no chart; `quantity` may stand for `name`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTable:
    """What a file holds."""

    series: tuple[TimeSeries, ...]
    """One for each scanner, measurement, phantom unit, protocol and coil; oldest exam first."""
    findings: tuple[Finding, ...]
    """What was left out or taken for something, with the rows."""
    rows: int


def read_history_table(path: Path, columns: Mapping[str, str] | None = None) -> HistoryTable:
    """Read values over time.

    Parameters
    ----------
    path
        `.csv` (comma, semicolon or tab; UTF-8) or `.parquet`. Columns are those of the row schema
        (`qiqa.measurement/1`) and of an exam; `scanner`, `acquired_at`, `value` and one of `name`
        or `quantity` are needed. Other columns of numbers are covariates; other texts are not used,
        and named.
    columns
        Name that qiqa uses -> name in the file. With `value` taken from a column of another name
        and no column `name`, that name is the measurement's.

    Returns
    -------
    HistoryTable
        Rows that cannot be used are left out and named; the others stand.

    Raises
    ------
    ReadError
        If the file cannot be read or holds no row that can be used.
    UsageError
        If a column that is needed is missing; names what there is.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".txt", ".parquet"):
        raise UsageError(
            f"{suffix or 'no suffix'!r} is not .csv or .parquet",
            where=str(path),
            hint="save the table as CSV with a line of column names",
        )
    raw = _parquet(path) if suffix == ".parquet" else _csv(path)
    table = Columns(raw, dict(columns or {}), str(path))
    made = series_of(table)
    if not made:
        raise ReadError(
            f"none of its {table.rows} rows can be used",
            where=str(path),
            hint="; ".join(f.message for f in table.findings[:3])
            or "are there rows below the names?",
        )
    return HistoryTable(series=made, findings=tuple(table.findings), rows=table.rows)


def _csv(path: Path) -> dict[str, Sequence[object]]:
    """Return the columns of a CSV file as texts."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ReadError("there is no such file", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise ReadError(
            f"is not UTF-8 (byte {error.start})", where=str(path), hint="save it as CSV UTF-8"
        ) from error
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}", where=str(path)) from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(text.splitlines(), delimiter=delimiter)
    try:
        names = [name.strip() for name in next(rows, [])]
        body = [row for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ReadError(f"is not CSV: {error}", where=str(path)) from error
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ReadError(f"has columns of one name: {', '.join(twice)}", where=str(path))
    width = len(names)
    padded = [row[:width] + [""] * (width - len(row)) for row in body]
    columns: list[Sequence[object]] = list(zip(*padded, strict=True)) or [()] * width
    return dict(zip(names, columns, strict=True))


def _parquet(path: Path) -> dict[str, Sequence[object]]:
    """Return the columns of a Parquet file."""
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise ReadError(
            "reading Parquet needs pyarrow", where=str(path), hint="pip install 'qiqa[parquet]'"
        ) from error
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise ReadError("there is no such file", where=str(path)) from None
    except (OSError, ValueError) as error:
        raise ReadError(f"is not Parquet: {error}", where=str(path)) from error
    return {name: table.column(name).to_pylist() for name in table.column_names}


def warning(code: str, message: str, where: str, hint: str | None = None) -> Finding:
    """Return a finding about the table."""
    return Finding(code=code, severity=Severity.WARNING, message=message, where=where, hint=hint)
