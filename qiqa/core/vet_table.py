"""All series of a set, column by column: what checks of the whole set see."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from qiqa.core.declared import DeclaredSet
from qiqa.core.scanner_record import ScannerRecord
from qiqa.core.space import Space
from qiqa.core.words import Texts, Words

__all__ = ["GRID", "VetTable"]

GRID = (
    *("grid_i", "grid_j", "grid_k", "grid_n"),
    *(f"grid_{axis}{column}" for axis in "xyz" for column in "ijko"),
)
"""Columns that say where voxels lie: how many along i, j, k and volumes, then the first three rows
of the affine from (i, j, k, 1) to RAS+ mm, as the file has them."""

FloatArray = NDArray[np.float64]
_ROWS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VetTable:
    """All series of a set, n of them, in the order of their series UID, then path."""

    path: Sequence[str]
    series_uid: Sequence[str]
    texts: Mapping[str, Words]
    """Name -> (n,). `patient` (hash), `site`, `scanner`, `manufacturer`, `model`,
    `software`, `modality`, `protocol`; where a table states them also `label`, `split`, `sex`, and
    any other column of words; `study` (UID), where it is known."""
    numbers: Mapping[str, FloatArray]
    """Name -> (n,); NaN unknown: `field_t`, `tr_ms`, `te_ms`, `age`, ...; `GRID` of NIfTI."""
    date: NDArray[np.datetime64]
    """(n,) day of acquisition; NaT unknown."""
    features: tuple[str, ...]
    values: NDArray[np.float32]
    """(n, p) image quality; NaN where it could not be measured."""
    signatures: NDArray[np.uint8] | None = None
    """(n, bytes); all zero where there is none."""
    records: Mapping[str, ScannerRecord] | None = None
    """Scanner -> what its phantom says; None: no history was given."""
    population: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    """Whom the set is to stand for: column -> value, or bin of numbers -> share; shares of a
    column add up to 1. Empty where none is stated."""
    declared: tuple[DeclaredSet, ...] = ()
    """What `dataset.json` of each folder states, in the order of their paths."""
    space: Space = np.zeros
    """Where arrays of many bytes a series are made."""

    def __len__(self) -> int:
        return len(self.series_uid)

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Return some rows, in another order."""

        def taken(column: NDArray[Any]) -> NDArray[Any]:
            made = self.space((len(rows), *column.shape[1:]), column.dtype)
            for begin in range(0, len(rows), _ROWS_AT_ONCE):
                some = rows[begin : begin + _ROWS_AT_ONCE]
                made[begin : begin + len(some)] = column[some]
            return made

        return dataclasses.replace(
            self,
            path=Texts((self.path[i] for i in rows), self.space),
            series_uid=Texts((self.series_uid[i] for i in rows), self.space),
            texts={n: Words(one.names, taken(one.codes)) for n, one in self.texts.items()},
            numbers={name: taken(column) for name, column in self.numbers.items()},
            date=taken(self.date),
            values=taken(self.values),
            signatures=None if self.signatures is None else taken(self.signatures),
        )

    def text(self, name: str) -> Words:
        """Return a column of words; all unknown where there is no such column."""
        known = self.texts.get(name)
        return Words.unknown(len(self)) if known is None else known

    def number(self, name: str) -> FloatArray:
        """Return a column of numbers; all unknown where there is no such column."""
        known = self.numbers.get(name)
        return np.full(len(self), np.nan) if known is None else known
