"""Features of many scans from a table with one row a scan, and back with everything else in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError, UsageError
from qiqa.core.features import FeatureTable
from qiqa.core.finding import Finding, Severity
from qiqa.io._table_cells import Wrong, numbers_of, text_of
from qiqa.io._table_columns import known_columns
from qiqa.io._table_file import Cells, cells_of_file
from qiqa.io.columns import columns_to_file

__all__ = ["HARMONIZED", "Roles", "WideTable", "read_features", "write_features"]

_WIDE = frozenset(("name", "value"))
"""Columns of a table with one row a value; one with a row a scan has a column a feature."""

HARMONIZED = "harmonized_by"
"""Column for what each row was harmonized by: names of batch columns, "; " between them."""
_NO_FEATURES = (known_columns() - {"value", "displacement"}) | {
    *("x_mm", "y_mm", "z_mm", "temperature_degc", "temperature")
}
"""Where, when and how something was measured: numbers, and yet nothing to harmonize."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What the columns of a table are."""

    batch: str
    """Scanner or site: what features may differ by without anything being different."""
    keep: tuple[str, ...] = ()
    """Covariates whose effects are kept."""
    subject: str = ""
    """Who; rows of one subject belong together."""
    row: str = ""
    """Name of each scan; empty: its line."""
    features: tuple[str, ...] = ()
    """Empty: all other columns of numbers, but those that say where, when and how."""
    lenient: bool = False
    """Whether covariates that the table has no column of are left out."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WideTable:
    """What a file holds."""

    table: FeatureTable
    findings: tuple[Finding, ...]
    others: Mapping[str, NDArray[Any]]
    """All columns of the file, in its order, as they stand: for writing them out again."""

    @property
    def harmonized(self) -> tuple[str, ...]:
        """Batch columns that some of the rows were harmonized by, sorted; see `write_features`."""
        said = {text_of(cell) for cell in self.others.get(HARMONIZED, ())}
        return tuple(sorted({name for text in said for name in text.split("; ") if name}))


def read_features(path: Path, roles: Roles) -> WideTable:
    """Read one row a scan.

    Parameters
    ----------
    path
        `.csv` (comma, semicolon or tab; UTF-8) or `.parquet`.
    roles
        Which column is what. Numbers in a covariate make it continuous, anything else a category.

    Raises
    ------
    ReadError
        If the file cannot be read, or holds no feature.
    UsageError
        If a column is missing; names what there is.
    """
    cells = cells_of_file(path)
    if roles.lenient:
        kept = tuple(name for name in roles.keep if name in cells.columns)
        roles = dataclasses.replace(roles, keep=kept)
    _check(cells, roles, path)
    findings: list[Finding] = []
    if cells.too_long:
        findings.append(
            _warn(path, "too_many_cells", f"{len(cells.too_long)} rows have more cells than names")
        )
    lines = cells.lines or range(2, cells.rows + 2)
    row = _texts(cells, roles.row) if roles.row else np.array([f"line {i}" for i in lines])
    names, columns = _features(cells, roles, path, findings)
    table = FeatureTable(
        features=tuple(names),
        values=np.column_stack(columns),
        batch=_texts(cells, roles.batch),
        row=row,
        subject=_texts(cells, roles.subject) if roles.subject else row,
        covariates={name: _covariate(cells, name, path) for name in roles.keep},
        batch_name=roles.batch,
    )
    others = {name: np.array(list(column), dtype=object) for name, column in cells.columns.items()}
    return WideTable(table=table, findings=tuple(findings), others=others)


def _check(cells: Cells, roles: Roles, path: Path) -> None:
    if cells.columns.keys() >= _WIDE and roles.batch not in cells.columns:
        raise UsageError(
            "has one row a value, not one a scan",
            where=str(path),
            hint="write a column for each feature, and one for the batch",
        )
    named = (roles.batch, *roles.keep, roles.subject, roles.row, *roles.features)
    for name in filter(None, named):
        if name not in cells.columns:
            shown = ", ".join(list(cells.columns)[:20])
            raise UsageError(f"there is no column {name!r}; there are {shown}", where=str(path))
    both = {roles.batch} & {*roles.keep, *roles.features}
    if both:
        raise UsageError(
            f"{both.pop()!r} cannot be the batch and something else too", where=str(path)
        )


def _texts(cells: Cells, name: str) -> NDArray[np.str_]:
    return np.array([text_of(cell) for cell in cells.columns[name]], dtype=np.str_)


def _covariate(cells: Cells, name: str, path: Path) -> NDArray[np.float64] | NDArray[np.str_]:
    numbers, wrong, _ = numbers_of(cells.columns[name], comma=cells.comma)
    _refuse_slips(name, numbers, wrong, path)
    return _texts(cells, name) if wrong else numbers


def _refuse_slips(name: str, numbers: NDArray[np.float64], wrong: Wrong, path: Path) -> None:
    """Refuse a few texts among numbers: the column is one of numbers, and these are slips."""
    if wrong and int(np.isfinite(numbers).sum()) > len(wrong):
        at, text = wrong[0]
        raise UsageError(
            f"{name!r} holds numbers, but {len(wrong)} of its cells are none below 1e100, first "
            f"{text!r} in row {at + 1}",
            where=str(path),
            hint="correct it, or leave it empty where nothing is known",
        )


def _features(
    cells: Cells, roles: Roles, path: Path, findings: list[Finding]
) -> tuple[list[str], list[NDArray[np.float64]]]:
    """Return names and columns of features; columns that hold texts are named."""
    taken = {roles.batch, roles.subject, roles.row, *roles.keep, HARMONIZED}
    names, columns, texts = list[str](), list[NDArray[np.float64]](), list[str]()
    if not roles.features:
        left_out = [n for n in cells.columns if n in _NO_FEATURES - taken and _has_number(cells, n)]
        taken |= {*left_out}
        if left_out:
            said = f"columns of numbers that are taken for no features: {', '.join(left_out)}"
            findings.append(_note(path, f"{said} (--features names those that are)"))
    for name in roles.features or [n for n in cells.columns if n not in taken]:
        values, wrong, _ = numbers_of(cells.columns[name], comma=cells.comma)
        _refuse_slips(name, values, wrong, path)
        if not wrong and np.isfinite(values).any():
            names.append(name)
            columns.append(values)
        elif name in roles.features:
            at, text = wrong[0] if wrong else (0, "empty")
            raise UsageError(
                f"{name!r} is no column of numbers: {text!r} in row {at + 1}", where=str(path)
            )
        else:
            texts.append(name)
    if not names:
        raise ReadError(
            "holds no column of numbers besides batch and covariates",
            where=str(path),
            hint="name the features with --features",
        )
    if texts:
        findings.append(_note(path, f"columns that are no features: {', '.join(texts)}"))
    return names, columns


def _has_number(cells: Cells, name: str) -> bool:
    numbers, _, _ = numbers_of(cells.columns[name], comma=cells.comma)
    return bool(np.isfinite(numbers).any())


def _warn(path: Path, code: str, message: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.WARNING,
        message=message,
        where=str(path),
        hint="is it a comma in a number? write a point; these rows are left out",
    )


def _note(path: Path, message: str) -> Finding:
    return Finding(
        code="columns_not_used", severity=Severity.INFO, message=message, where=str(path)
    )


def write_features(
    path: Path,
    table: FeatureTable,
    others: Mapping[str, NDArray[Any]],
    also: Sequence[str] = (),
    *,
    harmonized: bool = False,
) -> None:
    """Write a table with its features changed and every other column as it was.

    Parameters
    ----------
    path
        `.csv` or `.parquet`.
    table
        (n, p) features.
    others
        All columns of the file that it came from, n cells each.
    also
        Features that `others` has no column of: written behind all others.
    harmonized
        Whether the table was harmonized by its batches: column `harmonized_by` then says so, so
        that it is not done again.

    Raises
    ------
    OutputError
        If it cannot be written; nothing half written is left behind.
    UsageError
        If the name says another kind of file.
    """
    place = {name: i for i, name in enumerate(table.features)}
    block: dict[str, NDArray[Any]] = {
        name: table.values[:, place[name]] if name in place else column
        for name, column in others.items()
    }
    block.update({name: table.values[:, place[name]] for name in also})
    if harmonized:
        before = others.get(HARMONIZED, np.full(len(table), "", dtype=object))
        said = ["; ".join(filter(None, (text_of(cell), table.batch_name))) for cell in before]
        block[HARMONIZED] = np.array(said, dtype=object)
    columns_to_file(block, path)
