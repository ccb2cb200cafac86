"""Masks and B1 maps that a person gives: on the grid of the images or refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.series import SeriesHeader, SourceFile
from qiqa.io.read_map import onto, read_map

__all__ = ["read_b1", "read_mask", "source_of"]

_PERCENT = ("percent", "%", "p.u.")
_RELATIVE = ("1", "arbitrary", "a.u.", "ratio", "relative", "fraction")
_LARGEST_RELATIVE = 3.0
"""A median above that is no factor of a flip angle."""


def read_mask(path: Path, header: SeriesHeader) -> NDArray[np.bool_]:
    """Return which voxels (i, j, k) are fitted: those that are not 0.

    Raises
    ------
    ReadError
        If it cannot be read or lies on another grid.
    UsageError
        If no voxel is inside.
    """
    values, _ = _on_grid(path, header)
    inside: NDArray[np.bool_] = np.isfinite(values) & (values != 0)
    if not inside.any():
        raise UsageError("every voxel of the mask is 0", where=str(path), hint="draw it again")
    return inside


def read_b1(path: Path, header: SeriesHeader) -> NDArray[np.float64]:
    """Return the flip angle relative to nominal (i, j, k), 1 = nominal.

    Percent (the unit of BIDS `TB1map`) is converted where the sidecar says so.

    Raises
    ------
    ReadError
        If it cannot be read or lies on another grid.
    UsageError
        If the unit is neither stated nor plain from the values.
    """
    values, units = _on_grid(path, header)
    unit = (units or "").strip().lower()
    if unit in _PERCENT:
        return values / 100.0
    if unit and unit not in _RELATIVE:
        raise UsageError(
            f"the unit of the B1 map is {units!r}, not percent of nominal or 1",
            where=str(path),
            hint="set Units to percent in its JSON sidecar, or give a map of 1 = nominal",
        )
    positive = values[np.isfinite(values) & (values > 0)]
    middle = float(np.median(positive)) if positive.size else 0.0
    if not 0.0 < middle <= _LARGEST_RELATIVE:
        raise UsageError(
            f"the median of the B1 map is {middle:g}, and no unit is stated: not a factor of the "
            f"nominal flip angle (0 to {_LARGEST_RELATIVE:g})",
            where=str(path),
            hint='put {"Units": "percent"} into its JSON sidecar if it is percent of nominal',
        )
    return values


def source_of(path: Path) -> SourceFile:
    """Return a file with the hash that proves which it was."""
    return SourceFile(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _on_grid(path: Path, header: SeriesHeader) -> tuple[NDArray[np.float64], str | None]:
    values, affine, units = read_map(path)
    return onto(values, affine, header, where=str(path)), units
