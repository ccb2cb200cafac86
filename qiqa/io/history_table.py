"""Values over time from a CSV or Parquet file: rows to series."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from qiqa.core.drift import TimeSeries
from qiqa.core.errors import ReadError, UsageError
from qiqa.core.finding import Finding
from qiqa.io._table_columns import Columns
from qiqa.io._table_series import series_of

__all__ = ["REQUIRED", "HistoryTable", "read_history_table"]

_SAVE = "save the table as CSV UTF-8 with a line of column names"

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
            hint=_SAVE,
        )
    table = (_parquet if suffix == ".parquet" else _csv)(path, dict(columns or {}))
    made = series_of(table)
    if table.rows == 0:
        said = "; ".join(f.message for f in table.findings)
        hint = said or "write one row for each value below the names"
        raise ReadError("has names of columns and no rows", where=str(path), hint=hint)
    if not made:
        said = "; ".join(f"{f.message}: {f.hint}" for f in table.findings[:3] if f.hint)
        message = f"none of its {table.rows} rows can be used"
        raise ReadError(message, where=str(path), hint=said)
    return HistoryTable(series=made, findings=tuple(table.findings), rows=table.rows)


def _csv(path: Path, mapped: dict[str, str]) -> Columns:
    """Return the columns of a CSV file, as texts."""
    text = _text(path)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    body, lines, long = list[list[str]](), list[int](), list[int]()
    try:
        names = [name.strip() for name in next(rows, [])]
        for row in rows:
            if any(cell.strip() for cell in row[len(names) :]):
                long.append(rows.line_num)
            elif any(cell.strip() for cell in row):
                body.append(row[: len(names)] + [""] * (len(names) - len(row)))
                lines.append(rows.line_num)
    except csv.Error as error:
        where = f"{path}, line {rows.line_num}"
        raise ReadError(f"is not CSV: {error}", where=where, hint=_SAVE) from error
    if not any(names):
        raise ReadError("is empty: there are no names of columns", where=str(path), hint=_SAVE)
    _once(names, path)
    columns: list[Sequence[object]] = list(zip(*body, strict=True)) or [()] * len(names)
    cells = dict(zip(names, columns, strict=True))
    table = Columns(cells, mapped, str(path), lines=lines, comma=delimiter != ",")
    if long:
        table.tell(
            "too_many_cells",
            f"{len(long)} rows have more cells than the {len(names)} names, first line {long[0]}",
            "is it a comma in a number? write a point; these rows are left out",
        )
    return table


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = "look at the name and the folder"
        raise ReadError("there is no such file", where=str(path), hint=hint) from None
    except UnicodeDecodeError as error:
        raise ReadError(
            f"is not UTF-8 (byte {error.start})", where=str(path), hint=_SAVE
        ) from error
    except OSError as error:
        hint = "is it a file, and may you read it?"
        message = f"cannot be read: {error.strerror}"
        raise ReadError(message, where=str(path), hint=hint) from error


def _once(names: Sequence[str], path: Path) -> None:
    """Refuse a name that two columns have: which one is meant cannot be told."""
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ReadError(
            f"has two columns of one name: {', '.join(twice)}",
            where=str(path),
            hint="rename or remove one of them",
        )


def _parquet(path: Path, mapped: dict[str, str]) -> Columns:
    """Return the columns of a Parquet file."""
    if not path.exists():
        hint = "look at the name and the folder"
        raise ReadError("there is no such file", where=str(path), hint=hint)
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise ReadError(
            "reading Parquet needs pyarrow", where=str(path), hint="pip install 'qiqa[parquet]'"
        ) from error
    try:
        # opened here: a folder or an address is not what a file name should lead to
        with path.open("rb") as file:
            table = pq.ParquetFile(file).read()
        names = list(table.column_names)
        _once(names, path)
        cells = {name: table.column(name).to_pylist() for name in names}
    except FileNotFoundError:
        hint = "look at the name and the folder"
        raise ReadError("there is no such file", where=str(path), hint=hint) from None
    except (OSError, ValueError, NotImplementedError, pa.ArrowException) as error:
        said = str(error).partition("\n")[0][:120]
        message = f"cannot be read as Parquet: {said}"
        raise ReadError(message, where=str(path), hint="write the file again, or as CSV") from error
    return Columns(cells, mapped, str(path))
