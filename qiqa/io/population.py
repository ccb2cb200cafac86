"""Whom a set is to stand for: a table of shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from qiqa.core.errors import ReadError
from qiqa.io._table_cells import numbers_of, text_of
from qiqa.io._table_file import cells_of_file

__all__ = ["read_population"]

_COLUMNS = ("column", "value", "share")
_TOLERANCE = 0.02
"""That shares may miss their sum by: they are printed rounded."""


def read_population(path: Path) -> Mapping[str, Mapping[str, float]]:
    """Read the shares of a population, one row a category.

    Parameters
    ----------
    path
        `.csv` or `.parquet` with the columns `column` (of the set: `sex`, `age`, ...), `value` (a
        category, or a bin of numbers such as `18-29`, `<18`, `65+`) and `share` (of 1 or of 100).

    Returns
    -------
    Mapping
        Column -> value -> share; the shares of a column add up to 1.

    Raises
    ------
    ReadError
        If the file cannot be read, a column is missing, a share is no number or below zero, a
        value stands there twice, or the shares of a column add up neither to 1 nor to 100.
    """
    cells = cells_of_file(path)
    missing = [name for name in _COLUMNS if name not in cells.columns]
    if missing:
        raise ReadError(
            f"has no column {missing[0]!r}; there are {', '.join(list(cells.columns)[:20])}",
            where=str(path),
            hint=f"a table of a population has the columns {', '.join(_COLUMNS)}",
        )
    shares, wrong, _ = numbers_of(cells.columns["share"], comma=cells.comma)
    lines = cells.lines or range(1, cells.rows + 1)
    if wrong:
        at, text = wrong[0]
        raise ReadError(f"share {text!r} is no number", where=f"{path}, line {lines[at]}")
    found: dict[str, dict[str, float]] = {}
    for i, share in enumerate(shares.tolist()):
        column, value = (text_of(cells.columns[name][i]) for name in _COLUMNS[:2])
        _check(column, value, share, found.get(column, {}), f"{path}, line {lines[i]}")
        found.setdefault(column, {})[value] = share
    return {column: _of_one(column, of, path) for column, of in found.items()}


def _check(column: str, value: str, share: float, known: Mapping[str, float], where: str) -> None:
    if not column or not value:
        raise ReadError("lacks a column or a value", where=where, hint="fill in every cell")
    if not (math.isfinite(share) and share >= 0):
        raise ReadError(
            f"share {share:g} of {column} {value!r} is not zero or above", where=where,
            hint="leave out what is not known, so that the others add up to 1",
        )  # fmt: skip
    if value in known:
        raise ReadError(f"{column} {value!r} stands there twice", where=where,
                        hint="remove one of them")  # fmt: skip


def _of_one(column: str, shares: Mapping[str, float], path: Path) -> Mapping[str, float]:
    total = math.fsum(shares.values())
    for whole in (1.0, 100.0):
        if abs(total / whole - 1) <= _TOLERANCE:
            return {value: share / total for value, share in shares.items()}
    raise ReadError(
        f"the shares of {column!r} add up to {total:g}, neither 1 nor 100",
        where=str(path),
        hint="add a row for all others, or correct the shares",
    )
