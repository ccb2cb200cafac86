"""Readings to the mean of each insert on each scanner, epoch and phantom unit."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.trial import numbered
from qiqa.harmonize.scanners.differences import Differences
from qiqa.harmonize.scanners.stability import ExamScatter, cell_of, exam_scatter
from qiqa.metrology.moderated import moderated_variances

__all__ = ["Cells", "cells_of", "known_units"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """c scanners in their epochs; m means over exams, one for each insert and phantom unit."""

    names: list[tuple[str, str]]
    """(c,) scanner and epoch."""
    percent: bool
    """Whether differences are in percent of the reference."""
    of_reading: IntArray
    """(n,) cell of each reading."""
    cell: IntArray
    """(m,)"""
    insert: NDArray[np.str_]
    """(m,)"""
    unit: NDArray[np.str_]
    """(m,) phantom unit."""
    mean: FloatArray
    """(m,) difference from the reference."""
    reference: FloatArray
    """(m,) in the unit of the measurement."""
    noise_variance: FloatArray
    """(m,) of the mean, from what exams scatter by beyond what their inserts have in common."""
    noise_sd: float
    """Of one insert in one exam, pooled; NaN where no insert was read twice."""
    noise_df: float
    scatter: ExamScatter
    """Of the means of exams; arrays (c,)."""

    def exam_sd(self, i: int) -> float:
        """Return the SD of what the inserts of an exam have in common; NaN where not known.

        The mean of an exam scatters also by the noise of its inserts, which is told apart.
        """
        own = self.cell == i
        if not np.isfinite(self.noise_variance[own]).all():
            return float(self.scatter.sd[i])
        exams, inserts = float(self.scatter.exams[i]), float(own.sum())
        noise = float(self.noise_variance[own].sum()) * exams / inserts**2
        return float(np.sqrt(max(float(self.scatter.sd[i]) ** 2 - noise, 0.0)))


def known_units(found: Differences) -> NDArray[np.str_]:
    """Return the phantom unit of each reading; one that is not stated is the scanner's own.

    Nothing else would do: two scanners that state none have no unit in common.
    """
    r = found.readings
    own = np.char.add("not stated, ", r.scanner)
    return np.where(r.phantom_unit == "", own, r.phantom_unit)


def cells_of(found: Differences) -> Cells:
    """Return means by insert, with what is known of their scatter.

    A mean is that of exams, not of readings: repeats in one exam share its day.
    """
    r = found.readings
    names, cell = cell_of(found)
    exam = _index(zip(r.exam.tolist(), cell.tolist(), strict=True))
    insert_names, insert = numbered(r.insert)
    unit_names, unit = numbered(known_units(found))
    key = (cell * len(insert_names) + insert) * len(unit_names) + unit
    # first repeats within an exam, then exams
    in_exam = _index(zip(exam.tolist(), key.tolist(), strict=True))
    first = _first(in_exam)
    value = np.bincount(in_exam, weights=found.value) / np.bincount(in_exam)
    row = _index(key[first].tolist())
    start = first[_first(row)]
    count = np.bincount(row)
    mean = np.bincount(row, weights=value) / count
    reference = np.bincount(row, weights=found.reference[first]) / count
    left, df = _beyond_the_exam(value - mean[row], exam[first], row)
    noise_variance = float(np.sum(left**2)) / df if df > 0 else np.nan
    by_cell = _by_cell(left, cell[first], len(names), df)
    scaled = left / np.sqrt(by_cell[cell[first]])
    by_insert = _by_insert(scaled, insert[first], len(insert_names), df)
    own = by_cell[cell[start]] * by_insert[insert[start]]
    return Cells(
        names=names,
        percent=found.unit == "%",
        of_reading=cell,
        cell=cell[start],
        insert=np.array(insert_names)[insert[start]],
        unit=np.array(unit_names)[unit[start]],
        mean=mean,
        reference=reference,
        noise_variance=own / count,
        noise_sd=float(np.sqrt(noise_variance)),
        noise_df=df,
        scatter=exam_scatter(found),
    )


def _index(keys: object) -> IntArray:
    """Return the number of each key, counted in the order in which keys appear."""
    listed = list(keys)  # type: ignore[call-overload]
    number = {key: i for i, key in enumerate(dict.fromkeys(listed))}
    return np.array([number[key] for key in listed], dtype=np.intp)


def _first(index: IntArray) -> IntArray:
    """Return where each number stands first."""
    return np.unique(index, return_index=True)[1].astype(np.intp)


def _beyond_the_exam(left: FloatArray, exam: IntArray, row: IntArray) -> tuple[FloatArray, float]:
    """Return what is left after the mean of each exam, and its degrees of freedom."""
    for _ in range(3):  # exams without some insert: means of rows and of exams share a little
        left = left - (np.bincount(exam, weights=left) / np.bincount(exam))[exam]
        left = left - (np.bincount(row, weights=left) / np.bincount(row))[row]
    rows_per_cell = int(row.max()) + 1
    cells = _blocks(exam, row)
    return left, float(max(0, left.size - rows_per_cell - (int(exam.max()) + 1) + cells))


def _blocks(exam: IntArray, row: IntArray) -> int:
    """Return how many groups of exams and rows have nothing in common: one constant each."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    exams, rows = int(exam.max()) + 1, int(row.max()) + 1
    edges = sparse.coo_array(
        (np.ones(exam.size), (exam, exams + row)), shape=(exams + rows, exams + rows)
    )
    return int(connected_components(edges.tocsr(), directed=False)[0])


def _by_cell(left: FloatArray, cell: IntArray, count: int, df: float) -> FloatArray:
    """Return the noise variance of each scanner and epoch, moderated by that of all."""
    if df <= 0:
        return np.full(count, np.nan)
    share = df / left.size  # freedom that a value has left on average
    own_df = np.bincount(cell, minlength=count) * share
    square = np.bincount(cell, weights=left**2, minlength=count)
    # scanners with one exam have nothing left: no freedom either
    own_df = np.where(square > 0, own_df, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.asarray(square / own_df, dtype=np.float64)
    return moderated_variances(variance, own_df.astype(np.float64)).variance


def _by_insert(scaled: FloatArray, insert: IntArray, count: int, df: float) -> FloatArray:
    """Return how much larger than usual the noise variance of each insert is.

    In percent an insert of small value scatters more. Ten degrees of freedom of the usual keep an
    insert that was hardly read twice from looking exact.
    """
    if df <= 0:
        return np.full(count, np.nan)
    share = df / scaled.size
    own_df = np.bincount(insert, minlength=count) * share
    square = np.bincount(insert, weights=scaled**2, minlength=count)
    return np.asarray((square + 10.0) / (own_df + 10.0), dtype=np.float64)
