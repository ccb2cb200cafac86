"""Readings to the mean of each insert on each scanner, epoch and phantom unit."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.trial import numbered
from qiqa.harmonize.scanners.differences import Differences, known_units
from qiqa.harmonize.scanners.stability import ExamScatter, cell_of, exam_scatter
from qiqa.metrology.moderated import moderated_variances

__all__ = ["Cells", "cells_of"]

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
    reference_u: FloatArray
    """(m,) its standard uncertainty in the unit of the differences; NaN where none is stated."""
    exams: IntArray
    """(m,) that each mean is one of."""
    noise_variance: FloatArray
    """(m,) of the mean, from what exams scatter by beyond what their inserts have in common."""
    noise_sd: float
    """Of one insert in one exam, pooled; NaN where no insert was read twice."""
    noise_df: float
    scatter: ExamScatter
    """Of the means of exams; arrays (c,)."""

    exam_sds: FloatArray
    """(c,) SD of what the inserts of an exam have in common; NaN where not known."""
    consensus: bool
    """Whether references are the consensus of the scanners."""


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
    # of the readings that state one; NaN, not zero, where none does
    stated = np.where(np.isfinite(found.reference_u), found.reference_u, 0.0)[first]
    known = np.bincount(row, weights=np.isfinite(found.reference_u)[first])
    left, share = _beyond_the_exam(value - mean[row], exam[first], row)
    df = float(share.sum())
    noise_variance = float(np.sum(left**2)) / df if df > 0 else np.nan
    by_cell = _by_cell(left, share, cell[first], len(names))
    scaled = left / np.sqrt(by_cell[cell[first]])
    by_insert = _by_insert(scaled, share, insert[first], len(insert_names))
    own = by_cell[cell[start]] * by_insert[insert[start]]
    scatter = exam_scatter(found)
    return Cells(
        names=names,
        percent=found.unit == "%",
        of_reading=cell,
        cell=cell[start],
        insert=np.array(insert_names)[insert[start]],
        unit=np.array(unit_names)[unit[start]],
        mean=mean,
        reference=reference,
        reference_u=np.where(
            known > 0, np.bincount(row, weights=stated) / np.maximum(known, 1.0), np.nan
        ),
        exams=count,
        noise_variance=own / count,
        noise_sd=float(np.sqrt(noise_variance)),
        noise_df=df,
        scatter=scatter,
        exam_sds=_exam_sds(scatter, own, cell[start], insert[start]),
        consensus=found.basis == "consensus",
    )


def _exam_sds(
    scatter: ExamScatter, noise_variance: FloatArray, cell: IntArray, insert: IntArray
) -> FloatArray:
    """Return the SD of what the inserts of an exam have in common, of each cell.

    The mean of an exam scatters also by the noise of its inserts, which is told apart.
    """
    sds = np.array(scatter.sd)
    for i in range(sds.size):
        own = cell == i
        if np.isfinite(noise_variance[own]).all():
            noise = float(np.mean(noise_variance[own])) / np.unique(insert[own]).size
            sds[i] = np.sqrt(max(float(sds[i]) ** 2 - noise, 0.0))
    return sds


def _index(keys: object) -> IntArray:
    """Return the number of each key, counted in the order in which keys appear."""
    listed = list(keys)  # type: ignore[call-overload]
    number = {key: i for i, key in enumerate(dict.fromkeys(listed))}
    return np.array([number[key] for key in listed], dtype=np.intp)


def _first(index: IntArray) -> IntArray:
    """Return where each number stands first."""
    return np.unique(index, return_index=True)[1].astype(np.intp)


def _beyond_the_exam(
    left: FloatArray, exam: IntArray, row: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return what is left after the mean of each exam, and the freedom that each value has left.

    Values of exams and rows that have nothing in common with others are a block of their own: one
    exam has nothing left, whatever others have.
    """
    for _ in range(3):  # exams without some insert: means of rows and of exams share a little
        left = left - (np.bincount(exam, weights=left) / np.bincount(exam))[exam]
        left = left - (np.bincount(row, weights=left) / np.bincount(row))[row]
    block = _blocks(exam, row)
    count = int(block.max()) + 1
    values = np.bincount(block)
    exams = np.bincount(block[_first(exam)], minlength=count)
    rows = np.bincount(block[_first(row)], minlength=count)
    freedom = np.maximum(values - exams - rows + 1, 0)
    # what is left of a block without freedom is rounding
    return np.where(freedom[block] > 0, left, 0.0), (freedom / values)[block]


def _blocks(exam: IntArray, row: IntArray) -> IntArray:
    """Return the block of each value: exams and rows that have values in common."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    exams, rows = int(exam.max()) + 1, int(row.max()) + 1
    edges = sparse.coo_array(
        (np.ones(exam.size), (exam, exams + row)), shape=(exams + rows, exams + rows)
    )
    labels = connected_components(edges.tocsr(), directed=False)[1]
    return np.asarray(labels[exam], dtype=np.intp)


def _by_cell(left: FloatArray, share: FloatArray, cell: IntArray, count: int) -> FloatArray:
    """Return the noise variance of each scanner and epoch, moderated by that of all."""
    own_df = np.asarray(np.bincount(cell, weights=share, minlength=count), dtype=np.float64)
    square = np.bincount(cell, weights=left**2, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.asarray(square / own_df, dtype=np.float64)
    return moderated_variances(variance, own_df).variance


def _by_insert(scaled: FloatArray, share: FloatArray, insert: IntArray, count: int) -> FloatArray:
    """Return how much larger than usual the noise variance of each insert is.

    In percent an insert of small value scatters more. Ten degrees of freedom of the usual keep an
    insert that was hardly read twice from looking exact.
    """
    if not share.any():
        return np.full(count, np.nan)
    own_df = np.bincount(insert, weights=share, minlength=count)
    square = np.bincount(insert, weights=scaled**2, minlength=count)
    return np.asarray((square + 10.0) / (own_df + 10.0), dtype=np.float64)
