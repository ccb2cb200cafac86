"""How much a scanner's readings scatter from exam to exam, and whose scatter is unlike others'."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.trial import Flag, numbered
from qiqa.harmonize.scanners.differences import Differences, known_units
from qiqa.metrology.moderated import moderated_variances

__all__ = ["ExamScatter", "block_of", "cell_of", "exam_means", "exam_scatter", "unstable_scanners"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_FEWEST_SCANNERS = 5
_CHANCE = 0.01
_MEDIAN_KNOWS = 0.5
"""Share of the degrees of freedom that a median of variances keeps: names fewer than one in a
hundred steady trials with 5 to 60 scanners of 1 to 20 degrees of freedom (simulated)."""


def cell_of(found: Differences) -> tuple[list[tuple[str, str]], NDArray[np.intp]]:
    """Return each scanner with each of its epochs, in the order of time, and each reading's."""
    r = found.readings
    pairs = list(zip(r.scanner.tolist(), r.epoch.tolist(), strict=True))
    cells = sorted(dict.fromkeys(pairs), key=lambda pair: pair[0])  # stable: epochs stay in order
    place = {cell: i for i, cell in enumerate(cells)}
    return cells, np.array([place[pair] for pair in pairs], dtype=np.intp)


def block_of(found: Differences, cell: IntArray) -> IntArray:
    """Return the number of each reading's scanner, epoch and phantom unit."""
    unit_names, unit = numbered(known_units(found))
    return np.asarray(cell * len(unit_names) + unit, dtype=np.intp)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExamScatter:
    """What all inserts of an exam share: SD from exam to exam, for k scanners in their epochs."""

    sd: FloatArray
    """(k,) moderated; NaN where no scanner was scanned twice."""
    degrees_of_freedom: FloatArray
    """(k,)."""
    own: FloatArray
    """(k,) degrees of freedom before any is borrowed."""
    exams: NDArray[np.intp]
    """(k,)."""


def exam_scatter(found: Differences) -> ExamScatter:
    """Return how much the mean of an exam scatters about that of its scanner, epoch and unit.

    What units differ by is no scatter of the scanner. Where scanners read most of their units once,
    that leaves next to nothing, and sums of scanner and unit are taken off instead.
    """
    cells, cell = cell_of(found)
    block = block_of(found, cell)
    off, exam_cell, first = exam_means(found, cell, block)
    count = np.bincount(exam_cell, minlength=len(cells))
    some = np.unique(block[first], return_index=True)[1]
    blocks = np.bincount(exam_cell[some], minlength=len(cells))
    df = np.maximum(count - blocks, 0).astype(np.float64)
    if (blocks > 1).any():
        plain, _, _ = exam_means(found, cell)
        left, share = _less_sums(plain, exam_cell, numbered(known_units(found))[1][first])
        crossed = np.bincount(exam_cell, weights=share, minlength=len(cells))
        if crossed.sum() > 2.0 * df.sum() + 0.5:
            off, df = left, crossed
    square = np.bincount(exam_cell, weights=off**2, minlength=len(cells))
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = square / df
    moderated = moderated_variances(variance, df)
    return ExamScatter(
        sd=np.sqrt(moderated.variance),
        degrees_of_freedom=moderated.degrees_of_freedom,
        own=df,
        exams=count,
    )


def _less_sums(off: FloatArray, cell: IntArray, unit: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return what is left of exams (e,) after sums of scanner and unit, and the freedom of each."""
    x = np.column_stack(
        [*(cell == i for i in np.unique(cell)), *(unit == u for u in np.unique(unit))]
    ).astype(np.float64)
    vectors, size, _ = np.linalg.svd(x, full_matrices=False)
    basis = vectors[:, size > 1e-9 * size[0]]
    share = 1.0 - np.sum(basis**2, axis=1)
    return off - basis @ (basis.T @ off), np.where(share < 1e-9, 0.0, share)


def exam_means(
    found: Differences, cell: IntArray, block: IntArray | None = None
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return how far each exam (e,) is from the mean of its cell, its cell, and one reading of it.

    Over what its inserts differ by from their own means, so that an exam without some insert is
    not off for that. With `block`: from the mean of its cell and phantom unit.
    """
    _, insert = numbered(found.readings.insert)
    about = cell if block is None else block
    place = np.unique(about * (int(insert.max()) + 1) + insert, return_inverse=True)[1]
    mean = np.bincount(place, weights=found.value) / np.bincount(place)
    keys = list(zip(found.readings.exam.tolist(), cell.tolist(), strict=True))
    index = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    exam = np.array([index[key] for key in keys])
    off = np.bincount(exam, weights=found.value - mean[place]) / np.bincount(exam)
    exam_cell = np.array([one for _, one in index], dtype=np.intp)
    first = np.unique(exam, return_index=True)[1].astype(np.intp)
    # the mean of exams, not of readings, is what they scatter about
    group = np.unique(about[first], return_inverse=True)[1]
    center = np.bincount(group, weights=off) / np.bincount(group)
    return off - center[group], exam_cell, first


def unstable_scanners(found: Differences) -> tuple[Flag, ...]:
    """Return scanners whose readings of an insert scatter more from exam to exam than others'.

    F of the variance against the median of the other scanners' (scaled by the median of
    chi-square), Holm over scanners and inserts, 1 %. Fewer than five scanners name none.
    """
    r = found.readings
    cells, cell = cell_of(found)
    block = block_of(found, cell)
    exam = numbered(r.exam)[1]
    inserts, of_insert = numbered(r.insert)
    tests: list[tuple[float, str, str, float, float]] = []
    for k, insert in enumerate(inserts):
        rows = of_insert == k
        variance, df, names = _by_scanner(
            cells, cell[rows], block[rows], exam[rows], found.value[rows]
        )
        if len(names) < _FEWEST_SCANNERS:
            continue
        scaled = variance * df / special.chdtri(df, 0.5)
        for i, name in enumerate(names):
            others = np.delete(np.arange(len(names)), i)
            usual = float(np.median(scaled[others]))
            if usual > 0:
                f = float(variance[i]) / usual
                p = float(special.fdtrc(df[i], _MEDIAN_KNOWS * df[others].sum(), f))
                tests.append((p, name, str(insert), float(variance[i]) ** 0.5, usual**0.5))
    tests.sort()
    worst: dict[str, tuple[str, float, float]] = {}
    for rank, (p, name, insert, sd, usual_sd) in enumerate(tests):
        if p * (len(tests) - rank) >= _CHANCE:
            break
        worst.setdefault(name, (insert, sd, usual_sd))
    return tuple(
        Flag(
            kind="unstable",
            where=name,
            reason=f"scatters from exam to exam by {sd:.3g} {found.unit}".rstrip()
            + f" at {f'insert {insert}' if insert else r.name}, other scanners by {usual:.3g}",
            hint="look at its chart: qiqa drift",
        )
        for name, (insert, sd, usual) in worst.items()
    )


def _by_scanner(
    cells: list[tuple[str, str]],
    cell: IntArray,
    block: IntArray,
    exam: IntArray,
    value: FloatArray,
) -> tuple[FloatArray, FloatArray, list[str]]:
    """Return the variance of the means of exams within epochs and units, and its freedom.

    By scanner; those that read no unit twice are left out.
    """
    _, first, visit = np.unique(
        exam * (int(block.max()) + 1) + block, return_index=True, return_inverse=True
    )
    mean = np.bincount(visit, weights=value) / np.bincount(visit)
    _, begins, own = np.unique(block[first], return_index=True, return_inverse=True)
    count = np.bincount(own)
    center = np.bincount(own, weights=mean) / count
    square = np.bincount(own, weights=(mean - center[own]) ** 2)
    names, of_cell = numbered([name for name, _ in cells])
    scanner = of_cell[cell[first][begins]]
    df = np.asarray(
        np.bincount(scanner, weights=count - 1.0, minlength=len(names)), dtype=np.float64
    )
    total = np.bincount(scanner, weights=square, minlength=len(names))
    several = np.flatnonzero(df > 0)
    return total[several] / df[several], df[several], [names[i] for i in several]
