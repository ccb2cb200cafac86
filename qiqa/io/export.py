"""Rows to CSV, JSON and Parquet files, written whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from qiqa.core.canonical import canonical_json, plain
from qiqa.core.errors import OutputError
from qiqa.core.rows import COLUMNS, ROW_SCHEMA

__all__ = ["cell", "reported", "rows_to_csv", "rows_to_json", "rows_to_parquet", "write_file"]

Rows = Sequence[Mapping[str, Any]]

# What a spreadsheet may take for a formula, also in the full-width forms that some input methods
# type (OWASP, CSV Injection).
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)


def rows_to_csv(rows: Rows, target: str | Path | TextIO) -> None:
    """Write rows as CSV: comma, CRLF (RFC 4180), one header line, empty where there is no value.

    A file is UTF-8 with byte order mark: without it Excel reads µ and ² as the letters of an old
    code page. A text that a spreadsheet would run as a formula gets a leading apostrophe; numbers
    stay numbers. Lists and objects are written as JSON.

    Parameters
    ----------
    rows
        Rows as `Store.rows` or `result_rows` return them.
    target
        Path of the file, or an open text stream (opened with `newline=""`).

    Raises
    ------
    OutputError
        If it cannot be written; nothing half written is left behind.
    """
    if not isinstance(target, str | Path):
        with reported("the stream"):
            _write_csv(rows, target)
        return
    text = io.StringIO(newline="")
    _write_csv(rows, text)
    content = text.getvalue().encode("utf-8-sig", "backslashreplace")
    write_file(Path(target), lambda file: _write_all(file, content))


def rows_to_json(rows: Rows, target: str | Path | TextIO) -> None:
    """Write rows as JSON: {"schema": "qiqa.measurement/1", "rows": [...]}, UTF-8 without mark.

    Parameters and errors are those of `rows_to_csv`.
    """
    content = {"schema": ROW_SCHEMA, "rows": [plain(dict(row)) for row in rows]}
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    if not isinstance(target, str | Path):
        with reported("the stream"):
            target.write(text)
        return
    raw = text.encode("utf-8", "backslashreplace")
    write_file(Path(target), lambda file: _write_all(file, raw))


def rows_to_parquet(rows: Rows, target: str | Path) -> None:
    """Write rows as Parquet, one typed column a field; lists and objects as JSON text.

    Parameters are those of `rows_to_csv`; only a path can be the target.

    Raises
    ------
    OutputError
        If it cannot be written, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-not-found, unused-ignore]
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        hint = "pip install pyarrow, or export as CSV or JSON"
        raise OutputError("Parquet needs pyarrow", where=str(target), hint=hint) from error
    kinds = {"number": pa.float64(), "integer": pa.int64()}
    types = {column.name: kinds.get(column.type, pa.string()) for column in COLUMNS}
    arrays = {}
    for name in _fields(rows):
        values = [_flat(row.get(name)) for row in rows]
        arrays[name] = pa.array(values, type=types.get(name))
    table = pa.table(arrays).replace_schema_metadata({"schema": ROW_SCHEMA})
    write_file(Path(target), lambda file: parquet.write_table(table, file))


def _fields(rows: Rows) -> list[str]:
    """Return every field in order of first use; the row schema's where there are no rows."""
    if not rows:
        return [column.name for column in COLUMNS]
    return list(dict.fromkeys(name for row in rows for name in row))


def _flat(value: Any) -> Any:
    return canonical_json(value) if isinstance(value, list | dict | tuple) else value


def _write_csv(rows: Rows, stream: TextIO) -> None:
    fields = _fields(rows)
    writer = csv.writer(stream)
    writer.writerow([cell(name) for name in fields])
    for row in rows:
        writer.writerow([cell(row.get(name)) for name in fields])


def cell(value: Any) -> str:
    """Return the text of one CSV field: empty for None, no formula for a spreadsheet to run."""
    value = _flat(value)
    if not isinstance(value, str):
        number = plain(value)
        return "" if number is None else str(number)
    # a NUL ends the text for some readers and so hides what follows
    text = value.replace("\x00", "\\x00")
    if text.startswith(_FORMULA) and not _NUMBER.match(text):
        return f"'{text}"
    return text


def _write_all(file: BinaryIO, content: bytes) -> None:
    file.write(content)


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a neighbor first and move it into place, so that nobody sees half a file."""
    neighbor = path.with_name(f".{path.name}.{os.getpid()}.part")
    with reported(str(path)):
        try:
            with neighbor.open("xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            neighbor.replace(path)
        finally:
            # gone already where the move succeeded
            with contextlib.suppress(OSError):
                neighbor.unlink()


@contextlib.contextmanager
def reported(where: str) -> Iterator[None]:
    """Turn what the system says about a file into an OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror or error}",
            where=where,
            hint="check that the folder exists, allows writing and has room",
        ) from error
