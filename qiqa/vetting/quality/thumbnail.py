"""A small gray picture of the middle slice, for a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.scan import Scan

__all__ = ["SIDE", "thumbnail"]

SIDE = 96
"""Rows and columns of the picture."""


def thumbnail(scan: Scan, voxel_mm: tuple[float, float, float]) -> bytes:
    """Return 96 x 96 gray values, row by row; empty where nothing is finite.

    The middle of the slices with content, of the brightest volume, in its true proportions on
    black; the 1st percentile is black, the 99th white. Values between voxels are means of those
    that a point of the picture covers, or the nearest one.
    """
    if not scan.chosen.size:
        return b""
    image = scan.volume[scan.chosen[scan.chosen.size // 2]]
    height, width = image.shape
    tall, wide = height * _size(voxel_mm[1]), width * _size(voxel_mm[0])
    scale = SIDE / max(tall, wide)
    rows, columns = max(1, round(tall * scale)), max(1, round(wide * scale))
    small = _means(_means(image.astype(np.float64), rows, 0), columns, 1)
    known = np.isfinite(small)
    if not known.any():
        return b""
    low, high = np.percentile(small[known], (1, 99))
    span = high - low if high > low else 1.0
    gray = np.clip(np.where(known, (small - low) / span, 0.0), 0, 1) * 255
    picture = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - rows) // 2, (SIDE - columns) // 2
    picture[top : top + rows, left : left + columns] = np.rint(gray).astype(np.uint8)
    return picture.tobytes()


def _size(mm: float) -> float:
    return mm if np.isfinite(mm) and mm > 0 else 1.0


def _means(image: NDArray[np.float64], count: int, axis: int) -> NDArray[np.float64]:
    """Return `count` lines along an axis: means of the lines each covers, or the nearest."""
    length = image.shape[axis]
    first = np.arange(count) * length // count
    if count >= length:
        return np.asarray(image.take(first, axis=axis))
    sums = np.add.reduceat(image, first, axis=axis)
    sizes = np.diff(np.append(first, length))
    return np.asarray(sums / (sizes[:, None] if axis == 0 else sizes[None, :]))
