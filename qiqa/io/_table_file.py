"""A file of columns, CSV or Parquet, to the columns that have a meaning."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from qiqa.core.errors import ReadError, UsageError
from qiqa.io._table_columns import Columns

__all__ = ["columns_of_file"]

_SAVE = "save the table as CSV UTF-8 with a line of column names"


def columns_of_file(path: Path, mapped: Mapping[str, str] | None = None) -> Columns:
    """Return the columns of a `.csv` (comma, semicolon or tab; UTF-8) or `.parquet` file.

    Parameters
    ----------
    path
        The file.
    mapped
        Name that qiqa uses -> name in the file.

    Raises
    ------
    ReadError
        If the file cannot be read, or has no rows.
    UsageError
        If it is of another kind, or a column that is needed is missing; names what there is.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".txt", ".parquet"):
        raise UsageError(
            f"{suffix or 'no suffix'!r} is not .csv or .parquet",
            where=str(path),
            hint=_SAVE,
        )
    table = (_parquet if suffix == ".parquet" else _csv)(path, dict(mapped or {}))
    if table.rows == 0:
        said = "; ".join(f.message for f in table.findings)
        hint = said or "write one row for each value below the names"
        raise ReadError("has names of columns and no rows", where=str(path), hint=hint)
    return table


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
