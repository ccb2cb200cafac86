"""A file of columns, CSV or Parquet, to the columns that have a meaning."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from qiqa.core.errors import ReadError, UsageError
from qiqa.io._table_columns import Columns

__all__ = ["Cells", "cells_of_file", "columns_of", "columns_of_file"]

_SAVE = "save the table as CSV UTF-8 with a line of column names"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """What stands in a file, before anything has a meaning."""

    columns: Mapping[str, Sequence[object]]
    """Name -> cells: texts from CSV, numbers and texts from Parquet."""
    lines: Sequence[int] | None
    """Line of the file that each row stands in; None: rows of Parquet."""
    comma: bool
    """Whether `1,5` may be one and a half."""
    too_long: tuple[int, ...]
    """Lines with more cells than names; they are left out."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), ()))


def cells_of_file(path: Path) -> Cells:
    """Return the cells of a `.csv` (comma, semicolon or tab; UTF-8) or `.parquet` file.

    Raises
    ------
    ReadError
        If the file cannot be read, or has no rows.
    UsageError
        If it is of another kind.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".txt", ".parquet"):
        what = f"{suffix!r} is" if suffix else "a name without an ending is"
        if path.is_dir():
            what = "is a folder,"
        raise UsageError(f"{what} not .csv or .parquet", where=str(path), hint=_SAVE)
    cells = (_parquet if suffix == ".parquet" else _csv)(path)
    if cells.rows == 0:
        hint = _too_long(cells) or "write one row for each value below the names"
        raise ReadError("has names of columns and no rows", where=str(path), hint=hint)
    return cells


def columns_of_file(path: Path, mapped: Mapping[str, str] | None = None) -> Columns:
    """Return the columns of a file by the names that qiqa uses.

    Parameters
    ----------
    path
        See `cells_of_file`.
    mapped
        Name that qiqa uses -> name in the file.

    Raises
    ------
    ReadError
        If the file cannot be read, or has no rows.
    UsageError
        If it is of another kind, or a column that is needed is missing; names what there is.
    """
    return columns_of(cells_of_file(path), path, mapped)


def columns_of(
    cells: Cells, path: Path, mapped: Mapping[str, str] | None = None, *, fixed: bool = False
) -> Columns:
    """Return cells by the names that qiqa uses; see `columns_of_file`.

    `fixed`: whoever gave the file cannot say that a column has another name.
    """
    table = Columns(
        cells.columns,
        dict(mapped or {}),
        str(path),
        lines=cells.lines,
        comma=cells.comma,
        fixed=fixed,
    )
    if cells.too_long:
        table.tell("too_many_cells", _too_long(cells), _LONG_HINT)
    return table


def _too_long(cells: Cells) -> str:
    """Say which rows have more cells than there are names; empty: none."""
    if not cells.too_long:
        return ""
    return (
        f"{len(cells.too_long)} rows have more cells than the {len(cells.columns)} names, first "
        f"line {cells.too_long[0]}"
    )


_LONG_HINT = "is it a comma in a number? write a point; these rows are left out"


def _csv(path: Path) -> Cells:
    """Return the cells of a CSV file, as texts."""
    text = _text(path)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    body, lines, long = list[list[str]](), list[int](), list[int]()
    try:
        names = [name.strip() for name in next(rows, [])]
        for row in rows:
            if row and len(row) == len(names) and row[0].strip():
                body.append(row)  # nearly all are like this: no other cell is looked at
                lines.append(rows.line_num)
            elif any(cell.strip() for cell in row[len(names) :]):
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
    return Cells(
        columns=dict(zip(names, columns, strict=True)),
        lines=lines,
        comma=delimiter != ",",
        too_long=tuple(long),
    )


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


def _parquet(path: Path) -> Cells:
    """Return the cells of a Parquet file."""
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
    return Cells(columns=cells, lines=None, comma=False, too_long=())
