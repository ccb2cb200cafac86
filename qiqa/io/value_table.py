"""Values of participants, one a row, and back with every column that the table had."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding
from qiqa.io._table_columns import SETTINGS, Columns
from qiqa.io._table_doubts import tell_scanners_apart, unit_of
from qiqa.io._table_file import cells_of_file, columns_of
from qiqa.io.columns import columns_to_file

__all__ = ["ValueTable", "epochs_of", "read_values", "write_values"]

FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValueTable:
    """Rows of a file; arrays (n,)."""

    scanner: TextArray
    """As `read_readings` names them: "site / scanner" where several sites have one of a name."""
    site: TextArray
    epoch: TextArray
    name: TextArray
    quantity: TextArray
    unit: TextArray
    at: NDArray[np.datetime64]
    value: FloatArray
    standard_uncertainty: FloatArray
    distance_mm: FloatArray
    others: Mapping[str, NDArray[Any]]
    """All columns of the file, in its order, as they stand."""
    findings: tuple[Finding, ...]


def read_values(path: Path) -> ValueTable:
    """Read one row a value, in the columns of `qiqa.measurement/1`.

    The distance from isocenter is `distance_mm`, or that of `x_mm`, `y_mm`, `z_mm`.

    Raises
    ------
    ReadError, UsageError
        If it cannot be read, or lacks scanner, acquired_at, value or name.
    """
    cells = cells_of_file(path)
    table = columns_of(cells, path, fixed=True)
    distance = table.numbers("distance_mm")
    if not table.has("distance_mm") and all(f"{axis}_mm" in cells.columns for axis in "xyz"):
        axes = [table.numbers(f"{axis}_mm") for axis in "xyz"]
        distance = np.linalg.norm(np.array(axes), axis=0)
    site = np.array(table.texts("site"))
    scanner, flags = tell_scanners_apart(np.array(table.texts("scanner")), site)
    for flag in flags:
        table.tell(flag.kind, f"{flag.where!r} {flag.reason}", flag.hint)
    return ValueTable(
        scanner=scanner,
        site=site,
        epoch=epochs_of(table),
        name=np.array(table.texts("name" if table.has("name") else "quantity")),
        quantity=np.array(table.texts("quantity")),
        unit=np.array([unit_of(text) for text in table.texts("unit")]),
        at=table.dates(),
        value=table.numbers("value"),
        standard_uncertainty=table.numbers("standard_uncertainty"),
        distance_mm=distance,
        others={name: np.array(list(col), dtype=object) for name, col in cells.columns.items()},
        findings=tuple(table.findings),
    )


def epochs_of(table: Columns) -> TextArray:
    """Return what settings each row was measured with, in words; empty: not stated."""
    settings = [table.texts(role) for role in (*SETTINGS, "protocol", "coil")]
    return np.array(["; ".join(filter(None, texts)) for texts in zip(*settings, strict=True)])


def write_values(path: Path, read: ValueTable, changed: Mapping[str, NDArray[Any]]) -> None:
    """Write the rows of a table with some columns changed or added.

    Raises
    ------
    OutputError
        If it cannot be written; nothing half written is left behind.
    UsageError
        If the name says another kind of file.
    """
    block: dict[str, NDArray[Any]] = {**read.others, **changed}
    columns_to_file(block, path)
