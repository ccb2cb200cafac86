"""Values over time from a CSV or Parquet file: rows to series."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from qiqa.core.drift import TimeSeries
from qiqa.core.errors import ReadError
from qiqa.core.finding import Finding
from qiqa.io._table_file import columns_of_file
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
    has_references: bool = False
    """Whether it states `reference_value`."""


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
    table = columns_of_file(path, columns)
    made = series_of(table)
    if not made:
        said = "; ".join(f"{f.message}: {f.hint}" for f in table.findings[:3] if f.hint)
        message = f"none of its {table.rows} rows can be used"
        raise ReadError(message, where=str(path), hint=said)
    return HistoryTable(
        series=made,
        findings=tuple(table.findings),
        rows=table.rows,
        has_references=table.has("reference_value"),
    )
