"""Masks and B1 maps that a person gives: on the grid of the images or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError, UsageError
from qiqa.core.series import SeriesHeader
from qiqa.io.write_maps import read_map

__all__ = ["read_b1", "read_mask"]

_SAME_PLACE_MM = 1e-2
"""Largest distance of corners: NIfTI stores affines in single precision."""
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
    inside = np.isfinite(values) & (values != 0)
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


def _on_grid(path: Path, header: SeriesHeader) -> tuple[NDArray[np.float64], str | None]:
    values, affine, units = read_map(path)
    shape = header.shape[:3]
    if values.shape != shape:
        text = f"has {_size(values.shape)} voxels, the images have {_size(shape)}"
        raise ReadError(text, where=str(path), hint="resample it to the images")
    corners = np.array(np.meshgrid(*([0, n - 1] for n in shape), [1])).reshape(4, -1)
    off = np.linalg.norm(((affine - header.affine) @ corners)[:3], axis=0).max()
    if off > _SAME_PLACE_MM:
        raise ReadError(
            f"lies elsewhere than the images: corners are up to {off:.3g} mm apart; "
            f"its origin is {_point(affine)}, that of the images {_point(header.affine)}",
            where=str(path),
            hint="draw it on these images, or resample it to them",
        )
    return values, units


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)


def _point(affine: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{x:.2f}' for x in affine[:3, 3])}) mm"
