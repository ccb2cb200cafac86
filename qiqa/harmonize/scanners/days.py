"""What a day does to a mean, and what a unit does that is not in the model, by scanner and unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.harmonize.scanners.cells import Cells
from qiqa.metrology.factors import KnownFactor

__all__ = ["Days", "days_of"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Days:
    """Shifts that the m means of one scanner and unit share; b of them, c cells.

    A scanner that read one unit has the same shift in all its means: that changes no estimate, and
    stands in `alone`.
    """

    keys: tuple[tuple[int, str], ...]
    """(b,) cells and units, where a scanner read several."""
    labels: NDArray[np.str_]
    """(m,) level of each mean, empty where its scanner read one unit."""
    day_variance: FloatArray
    """(b,)"""
    unit_variance: FloatArray
    """(b,) stated or seen, the larger, of units that are not in the model: what they differ by is
    no scatter of inserts."""
    alone: FloatArray
    """(c,) variance from days where a scanner read one unit, else 0."""

    def factors(self) -> list[KnownFactor]:
        """Return what a model is given."""
        if not self.keys:
            return []
        variance = self.day_variance + self.unit_variance
        return [
            KnownFactor(
                name="day", labels=self.labels, levels=_names(self.keys), covariance=variance
            )
        ]

    def add_up(self, weights: FloatArray) -> FloatArray:
        """Return the weights (m, k) of means as weights (b, k) of these shifts."""
        place = {level: k for k, level in enumerate(_names(self.keys))}
        total = np.zeros((len(self.keys), weights.shape[1]))
        for row, label in enumerate(self.labels.tolist()):
            if label:
                total[place[label]] += weights[row]
        return total


def _names(keys: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(f"{cell} {unit}" for cell, unit in keys)


def days_of(cells: Cells, *, units_estimated: bool) -> Days:
    """Return the shifts of scanners and units.

    Parameters
    ----------
    cells
        Means of inserts.
    units_estimated
        Whether the model has phantom units of its own.
    """
    labels = np.full(cells.cell.size, "", dtype=object)
    keys: list[tuple[int, str]] = []
    day, unit_variance = [], []
    sd2 = np.where(np.isfinite(cells.exam_sds), cells.exam_sds, 0.0) ** 2
    alone = sd2 / cells.scatter.exams
    for i in range(len(cells.names)):
        own = cells.cell == i
        units = np.unique(cells.unit[own])
        if units.size < 2:
            continue
        alone[i] = 0.0
        seen = float(np.var([cells.mean[own & (cells.unit == u)].mean() for u in units], ddof=1))
        for unit in units.tolist():
            rows = own & (cells.unit == unit)
            keys.append((i, unit))
            labels[rows] = _names(keys[-1:])[0]
            # an insert may be missing from some exams
            day.append(sd2[i] / float(cells.exams[rows].max()))
            u = cells.reference_u[rows]
            stated = float(np.nanmean(u)) ** 2 if np.isfinite(u).any() else 0.0
            unit_variance.append(0.0 if units_estimated else max(stated, seen))
    return Days(
        keys=tuple(keys),
        labels=labels.astype(np.str_),
        day_variance=np.array(day, dtype=np.float64),
        unit_variance=np.array(unit_variance, dtype=np.float64),
        alone=alone,
    )
