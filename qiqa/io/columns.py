"""Columns to CSV and Parquet, block by block: tables of millions of rows never stand in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import OutputError, UsageError
from qiqa.core.rows import ROW_SCHEMA
from qiqa.io.export import cell, write_file

__all__ = ["columns_to_csv", "columns_to_file", "columns_to_parquet"]

Block = Mapping[str, NDArray[Any]]
"""Name to array (r,): numbers (NaN: none), times (datetime64), or objects (texts, None)."""


def columns_to_file(block: Block, target: Path) -> None:
    """Write one block of rows as CSV or Parquet, by the name of the file.

    Raises
    ------
    OutputError
        If it cannot be written; nothing half written is left behind.
    UsageError
        If the name says another kind of file.
    """
    suffix = target.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        what = repr(suffix) if suffix else "a name without an ending"
        raise UsageError(f"{what} is not .csv or .parquet", where=str(target))
    (columns_to_parquet if suffix == ".parquet" else columns_to_csv)([block], target)


def columns_to_csv(blocks: Iterable[Block], target: Path) -> int:
    """Write blocks of rows as CSV, in the manner of `rows_to_csv`; return the number of rows.

    Parameters
    ----------
    blocks
        Blocks of rows, all with the same columns in the same order.
    target
        Path of the file.

    Raises
    ------
    OutputError
        If it cannot be written; nothing half written is left behind.
    ValueError
        If blocks differ in their columns, or columns in their length.
    """
    written = [0]

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, "utf-8-sig", errors="backslashreplace", newline="")
        writer = csv.writer(text)
        for index, block in enumerate(_alike(blocks)):
            if index == 0:
                writer.writerow([cell(name) for name in block])
            writer.writerows(zip(*map(_fields, block.values()), strict=True))
            written[0] += _length(block)
        text.detach()  # flushes; the file stays open for whoever opened it

    write_file(target, write)
    return written[0]


def columns_to_parquet(blocks: Iterable[Block], target: Path) -> int:
    """Write blocks of rows as Parquet, one row group a block; return the number of rows.

    Texts are dictionary encoded. Parameters and errors are those of `columns_to_csv`; also
    OutputError if pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-not-found, unused-ignore]
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        hint = "pip install pyarrow, or write CSV"
        raise OutputError("Parquet needs pyarrow", where=str(target), hint=hint) from error
    written = [0]

    def array(name: str, column: NDArray[Any]) -> Any:
        if column.dtype != np.object_:
            return pa.array(column, from_pandas=True)  # NaN: no value
        if name in _WHOLE:
            return pa.array(column.tolist(), type=pa.int64())
        if all(isinstance(value, str | None) for value in column):
            return pa.array(column.tolist(), type=pa.string()).dictionary_encode()
        return pa.array(column.tolist())  # as they were read: whole numbers, times

    def write(file: BinaryIO) -> None:
        writer = None
        for block in _alike(blocks):
            found = pa.table({name: array(name, column) for name, column in block.items()})
            table = found.replace_schema_metadata({"schema": ROW_SCHEMA})
            if writer is None:
                writer = parquet.ParquetWriter(file, table.schema)
            writer.write_table(table)
            written[0] += len(table)
        if writer is not None:
            writer.close()

    write_file(target, write)
    return written[0]


_WHOLE = frozenset({"slice"})
"""Columns of whole numbers among those of objects, where None means none."""


def _alike(blocks: Iterable[Block]) -> Iterator[Block]:
    names: list[str] | None = None
    for block in blocks:
        names = list(block) if names is None else names
        if list(block) != names:
            raise ValueError(f"columns {list(block)} are not {names}")
        _length(block)
        yield block


def _length(block: Block) -> int:
    lengths = {len(column) for column in block.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns differ in length: {sorted(lengths)}")
    return lengths.pop() if lengths else 0


def _fields(column: NDArray[Any]) -> list[Any]:
    """Return the fields of a column; the writer leaves None empty and prints numbers exactly."""
    if column.dtype == np.object_:
        values = column.tolist()
        # few texts stand in many rows: each is looked at once
        shown = {value: cell(value) for value in set(values)}
        return [shown[value] for value in values]
    if column.dtype.kind == "M":
        times = np.datetime_as_string(column, unit="s").tolist()
        return ["" if text == "NaT" else text for text in times]
    if column.dtype.kind != "f":
        return list(column.tolist())
    numbers = column.astype(np.object_)
    numbers[~np.isfinite(column)] = None
    return list(numbers.tolist())
