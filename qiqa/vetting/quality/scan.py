"""One pass over all voxels, and which slices and which volume are looked at more closely."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vetting import Stack
from qiqa.kernels.slice_scan import scan_levels
from qiqa.vetting.quality.once import once

__all__ = ["Scan", "planes", "scan"]

FloatArray = NDArray[np.float64]

MAX_SLICES = 16
"""Slices that are looked at closely, evenly spaced."""
OVERFLOW_STEP = 0.85
"""Of the stored range: a step between neighbors that only a value gone over the end makes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Scan:
    """What every slice holds, and the volume that stands for the series."""

    volumes: NDArray[np.float32]
    """(n, k, rows, columns), contiguous."""
    finite: FloatArray
    """(n, k) number of finite voxels."""
    mean: FloatArray
    """(n, k) of the finite voxels; NaN where there are none."""
    least: FloatArray
    most: FloatArray
    fine: FloatArray
    """(n, k) mean absolute second difference, see `scan_levels`."""
    jumps: FloatArray
    """(n, k) steps along a row that are nearly the whole stored range."""
    brightest: int
    """Volume with the largest mean: b = 0, the first echo."""
    chosen: NDArray[np.intp]
    """(m,) slices of it that are looked at closely; those without a finite voxel are left out."""
    picked: NDArray[np.float32]
    """(m, rows, columns) these slices."""

    @property
    def volume(self) -> NDArray[np.float32]:
        """(k, rows, columns) the brightest volume."""
        return np.asarray(self.volumes[self.brightest])


def planes(stack: Stack) -> NDArray[np.float32]:
    """Return the signal as (n, k, rows, columns), contiguous; a view where it is stored so."""
    return np.ascontiguousarray(np.asarray(stack.signal, dtype=np.float32).T)


@once
def scan(stack: Stack) -> Scan:
    """Read all voxels once."""
    volumes = planes(stack)
    n, k, height, width = volumes.shape
    low, high = stack.stored_range
    span = OVERFLOW_STEP * (high - low)
    jump = span if np.isfinite(span) and span > 0 else np.inf
    found = scan_levels(volumes.reshape(n * k, height, width), jump).reshape(n, k, 6)
    finite, total = found[..., 0], found[..., 1]
    mean = np.divide(total, finite, out=np.full((n, k), np.nan), where=finite > 0)
    whole = np.divide(
        total.sum(axis=1), finite.sum(axis=1), out=np.full(n, -np.inf), where=finite.any(axis=1)
    )
    brightest = int(np.argmax(whole)) if n else 0
    there = np.flatnonzero(finite[brightest] > 0) if n else np.empty(0, np.intp)
    chosen = _evenly(there, MAX_SLICES)
    return Scan(
        volumes=volumes,
        finite=finite,
        mean=mean,
        least=found[..., 2],
        most=found[..., 3],
        fine=found[..., 4],
        jumps=found[..., 5],
        brightest=brightest,
        chosen=chosen,
        picked=volumes[brightest, chosen] if n else np.empty((0, height, width), np.float32),
    )


def _evenly(items: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return at most `most` of the items, each from the middle of an equal share."""
    if items.size <= most:
        return items
    at = (np.arange(most) + 0.5) * items.size / most
    return items[at.astype(np.intp)]
