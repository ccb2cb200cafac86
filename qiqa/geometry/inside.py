"""Which voxels lie wholly inside a sphere or a tube, however it lies in them."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Body", "Grid", "across", "touching", "wholly_inside"]

_Array = NDArray[np.float64]
_Index = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Voxels along three orthogonal axes."""

    shape: tuple[int, int, int]
    spacing_mm: _Array
    """(3,) between centers."""
    voxel_mm: _Array
    """(3,) how far a voxel's signal comes from: with gaps less than the spacing."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A sphere, or a piece of a tube."""

    center_voxel: _Array
    """(3,)."""
    radius_mm: float
    axis: _Array | None = None
    """(3,) direction of a tube along the axes of the grid, in mm; None: a sphere."""
    half_length_mm: float = math.inf
    """Of the piece of a tube."""


def wholly_inside(grid: Grid, body: Body) -> _Index:
    """Return i, j, k of the voxels that lie in a body with all of their width, and half as much.

    A voxel whose center is at a distance r in the direction u counts if all its corners, and the
    places one voxel beside it along each axis, are inside, and if
    ``r + sqrt(sum((voxel_mm * u)**2)) <= radius``: half of that is its own width in that
    direction, the rest is room for ringing and blur, which are as anisotropic as the voxels.
    Along a tube its width counts alone.
    """
    index, offset = _near(grid, body)
    away, _ = _parted(offset, body.axis)
    r = np.linalg.norm(away, axis=1)
    direction = away / np.maximum(r, 1e-9)[:, None]
    clear = np.linalg.norm(direction * grid.voxel_mm, axis=1)
    kept = r + clear <= body.radius_mm
    for signs in itertools.product((-0.5, 0.5), repeat=3):
        corner, end = _parted(offset + np.array(signs) * grid.voxel_mm, body.axis)
        kept &= np.linalg.norm(corner, axis=1) <= body.radius_mm
        kept &= np.abs(end) <= body.half_length_mm
    for axis, side in itertools.product(range(3), (-1.0, 1.0)):
        beside, _ = _parted(offset + side * grid.voxel_mm * np.eye(3)[axis], body.axis)
        kept &= np.linalg.norm(beside, axis=1) <= body.radius_mm
    i, j, k = index[kept].T
    return i, j, k


def touching(grid: Grid, body: Body) -> _Index:
    """Return i, j, k of the voxels whose centers lie inside a body."""
    index, offset = _near(grid, body)
    away, along = _parted(offset, body.axis)
    kept = (np.linalg.norm(away, axis=1) <= body.radius_mm) & (np.abs(along) <= body.half_length_mm)
    i, j, k = index[kept].T
    return i, j, k


def across(axis: _Array) -> tuple[_Array, _Array]:
    """Return two unit vectors at right angles to an axis and to each other."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    return first, second / np.linalg.norm(second)


def _near(grid: Grid, body: Body) -> tuple[NDArray[np.intp], _Array]:
    """Return indices (n, 3) of the voxels in a box around a body, and offsets in mm."""
    half = np.full(3, body.radius_mm)
    if body.axis is not None:
        with np.errstate(invalid="ignore"):  # endless times nothing is nothing
            reach = np.nan_to_num(np.abs(body.axis) * body.half_length_mm, nan=0.0, posinf=1e9)
        half = half + reach
    low = np.floor(body.center_voxel - half / grid.spacing_mm).astype(int)
    high = np.ceil(body.center_voxel + half / grid.spacing_mm).astype(int)
    low, high = np.maximum(low, 0), np.minimum(high, np.array(grid.shape) - 1)
    ranges = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    index = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    return index.astype(np.intp), (index - body.center_voxel) * grid.spacing_mm


def _parted(offset: _Array, axis: _Array | None) -> tuple[_Array, _Array]:
    """Return what of offsets is across an axis (n, 3), and how far they are along it (n,)."""
    if axis is None:
        return offset, np.zeros(len(offset))
    along = offset @ axis
    return offset - along[:, None] * axis, along
