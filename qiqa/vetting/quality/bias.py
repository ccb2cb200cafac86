"""Shading: how far a smooth field through the object varies, and to which side it falls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.foreground import Foreground

__all__ = ["bias_field", "tilt"]

FloatArray = NDArray[np.float64]

_NAN = float("nan")
_PER_TERM = 20
"""Blocks that each term needs."""
_MOST = 4096
"""Blocks that are used; evenly spaced ones of more."""
_TRIM = 2.5
"""Robust standard deviations from the first fit beyond which a block is left out."""


def bias_field(found: Foreground) -> float:
    """Return the range of a field of second order over its middle [%].

    A polynomial of second order in row, column and slice is fitted to the logarithm of the block
    means inside the object, its rim left out; once more without blocks further than 2.5 robust
    standard deviations away. 100 (p98 - p2) / p50 of its exponential over these blocks. It holds
    anatomy that varies slowly as well. NaN with too few blocks.
    """
    good = found.core & (found.mean > 0)
    which = np.argwhere(good)
    if not which.size:
        return _NAN
    which = which[:: -(-which.shape[0] // _MOST)]
    design = _polynomial(which)
    if which.shape[0] < _PER_TERM * design.shape[1]:
        return _NAN
    logs = np.log(found.mean[tuple(which.T)].astype(np.float64))
    away = logs - design @ _solved(design, logs)
    limit = _TRIM * 1.4826 * float(np.median(np.abs(away)))
    kept = np.abs(away) <= limit
    if int(kept.sum()) < _PER_TERM * design.shape[1]:
        kept = np.ones(logs.shape, np.bool_)
    field = np.exp(design @ _solved(design[kept], logs[kept]))
    low, middle, high = np.percentile(field, (2, 50, 98))
    return float(100 * (high - low) / middle)


def tilt(found: Foreground) -> tuple[float, float]:
    """Return how much brighter the object is at its right end, and at its lower end [%].

    100 ln(right / left) and 100 ln(lower / upper) of a plane fitted to the logarithm of the block
    means of the object, rim and dark side with it, three times, each but the first without blocks
    further than 2.5 robust standard deviations away. Heads and coils are alike on both sides, and
    where they are not, they are so in each series: unlike the range of a field, which is mostly
    that of anatomy and coil from the middle to the rim, it shows a side that lost its signal. NaN
    with too few blocks, or where the object is less than four blocks wide.
    """
    which = np.argwhere(found.inside & (found.mean > 0))
    which = which[:: max(1, -(-which.shape[0] // _MOST))]
    if which.shape[0] < 3 * _PER_TERM:
        return _NAN, _NAN
    logs = np.log(found.mean[tuple(which.T)].astype(np.float64))
    spans = np.ptp(which[:, 1:], axis=0)
    if spans.min() < 3:
        return _NAN, _NAN
    ends = (which[:, 1:] - which[:, 1:].mean(axis=0)) / spans
    design = np.column_stack([np.ones(logs.size), ends])
    kept = np.ones(logs.size, np.bool_)
    for _ in range(3):
        plane = _solved(design[kept], logs[kept])
        away = np.abs(logs - design @ plane)
        kept = away <= _TRIM * 1.4826 * float(np.median(away))
    return float(100 * plane[2]), float(100 * plane[1])


def _polynomial(which: NDArray[np.intp]) -> FloatArray:
    """Return terms up to second order (blocks, terms) of the axes that have enough extent."""
    axes = []
    for column in which.T:
        span = int(column.max() - column.min())
        if span >= 3:
            axes.append(2 * (column - column.min()) / span - 1.0)
    terms = [np.ones(which.shape[0]), *axes]
    terms += [a * b for i, a in enumerate(axes) for b in axes[i:]]
    return np.stack(terms, axis=1)


def _solved(design: FloatArray, values: FloatArray) -> FloatArray:
    """Solve the normal equations; the least norm where a term is not determined.

    Sums by `einsum`: a matrix product's last bits depend on the number of threads of its library.
    """
    square = np.einsum("bi,bj->ij", design, design)
    return np.asarray(np.linalg.lstsq(square, np.einsum("bi,b->i", design, values), rcond=1e-10)[0])
