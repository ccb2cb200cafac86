"""Cells of a workbook, old (.xls) or new (.xlsx); the libraries come with the extra `workbook`."""

from __future__ import annotations

import dataclasses
import io
import warnings
import zipfile
from pathlib import Path

from qiqa.core.errors import DefinitionError

__all__ = ["Cell", "Sheet", "read_workbook"]

Cell = str | float | None

_LARGEST_BYTES = 20_000_000
_LARGEST_UNPACKED = 200_000_000
_MOST_ROWS, _MOST_COLUMNS = 5000, 100
_OLD, _NEW = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
"""What files of the old and of the new kind begin with, whatever they are called."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet: rows of cells, from the first row and column on."""

    name: str
    rows: tuple[tuple[Cell, ...], ...]

    def cell(self, row: int, column: int) -> Cell:
        """Return a cell; None beyond the end of its row."""
        return self.rows[row][column] if column < len(self.rows[row]) else None

    def address(self, row: int, column: int) -> str:
        """Return sheet and cell as a spreadsheet names them.

        >>> Sheet(name="A", rows=()).address(3, 27)
        "sheet 'A', cell AB4"
        """
        letters = ""
        column += 1
        while column:
            column, rest = divmod(column - 1, 26)
            letters = chr(ord("A") + rest) + letters
        return f"sheet {self.name!r}, cell {letters}{row + 1}"


def read_workbook(path: Path) -> tuple[Sheet, ...]:
    """Return the sheets of a workbook; numbers as floats, everything else as text.

    Raises
    ------
    DefinitionError
        If the file cannot be read, is no workbook, or the library for its kind is missing.
    """
    where = str(path)
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            message = f"{size} bytes are too many for a calibration workbook (20 MB at most)"
            raise DefinitionError(message, where=where)
        raw = path.read_bytes()
    except OSError as error:
        raise DefinitionError(f"cannot be read: {error.strerror}", where=where) from error
    if raw.startswith(_OLD):
        return _read_old(raw, where)
    if raw.startswith(_NEW):
        return _read_new(raw, where)
    raise DefinitionError(
        "is not a workbook (.xls or .xlsx)",
        where=where,
        hint="give the maker's file as it came, not a table copied or exported from it",
    )


def _missing(library: str, kind: str, where: str) -> DefinitionError:
    return DefinitionError(
        f"reading {kind} needs the library {library}, which is not installed",
        where=where,
        hint="pip install 'qiqa[workbook]'",
    )


def _read_old(raw: bytes, where: str) -> tuple[Sheet, ...]:
    try:
        import xlrd
    except ImportError as error:
        raise _missing("xlrd", ".xls", where) from error
    try:
        book = xlrd.open_workbook(file_contents=raw, logfile=io.StringIO())
        return tuple(
            Sheet(
                name=sheet.name,
                rows=tuple(
                    tuple(_plain(value) for value in sheet.row_values(n, 0, _MOST_COLUMNS))
                    for n in range(min(sheet.nrows, _MOST_ROWS))
                ),
            )
            for sheet in book.sheets()
        )
    except Exception as error:  # a damaged file makes xlrd raise almost anything
        raise DefinitionError(f"is a damaged .xls workbook: {error}", where=where) from error


def _read_new(raw: bytes, where: str) -> tuple[Sheet, ...]:
    try:
        import openpyxl
    except ImportError as error:
        raise _missing("openpyxl", ".xlsx", where) from error
    try:
        _check_unpacked(raw, where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, not about values
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
            sheets = tuple(
                Sheet(
                    name=sheet.title,
                    rows=tuple(
                        tuple(_plain(value) for value in row)
                        for row in sheet.iter_rows(
                            max_row=_MOST_ROWS, max_col=_MOST_COLUMNS, values_only=True
                        )
                    ),
                )
                for sheet in book.worksheets
            )
            book.close()
    except DefinitionError:
        raise
    except Exception as error:  # a damaged file makes openpyxl raise almost anything
        raise DefinitionError(f"is a damaged .xlsx workbook: {error}", where=where) from error
    return sheets


def _check_unpacked(raw: bytes, where: str) -> None:
    """Refuse an archive that would fill the memory."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        unpacked = sum(item.file_size for item in archive.infolist())
    if unpacked > _LARGEST_UNPACKED:
        message = f"unpacks to {unpacked} bytes, too many for a calibration workbook"
        raise DefinitionError(message, where=where)


def _plain(value: object) -> Cell:
    """Return a number as float, an empty cell as None, and the text of everything else."""
    if isinstance(value, bool) or value is None:
        return None if value is None else str(value)
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    return text or None
