"""New slices cut from a stack or a volume, in any direction: to look at, never to measure in."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.series import Encoding, Series
from qiqa.locate._disks import PIXEL_MM

__all__ = ["Window", "cut", "divided", "leaned", "middle_mm"]

_Array = NDArray[np.float64]

_COARSE_MM = 2.0
"""Voxels longer than this are divided by cubic splines: a straight line between slices of 5 mm
rounds off walls that splines still show."""
_WITHIN_MM = 2.0
"""Distance of the planes that a slab is the mean of: what is looked for is longer than that."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What of space is cut, along the axes of the new slices [mm in the frame of the series]."""

    low: _Array
    """(3,)."""
    high: _Array
    """(3,)."""

    @classmethod
    def of(cls, series: Series, axes: _Array) -> Window:
        """Return the box that holds all voxels of a series."""
        last = np.array(series.header.shape[:3]) - 1
        corners = np.array(np.meshgrid(*[(0, n) for n in last])).reshape(3, -1).T
        affine = series.header.affine
        at = (corners @ affine[:3, :3].T + affine[:3, 3]) @ axes
        return cls(at.min(axis=0), at.max(axis=0))

    def around(self, center: _Array, radius_mm: float) -> Window:
        """Return the part within a distance of a line through `center` (2,), along its axis."""
        low, high = self.low.copy(), self.high.copy()
        low[:2] = np.maximum(low[:2], center - radius_mm)
        high[:2] = np.minimum(high[:2], center + radius_mm)
        return Window(low, high)

    def slab(self, middle: float, thickness_mm: float) -> Window:
        """Return one slab about `middle` along the third axis."""
        low, high = self.low.copy(), self.high.copy()
        low[2], high[2] = middle - thickness_mm / 2, middle + thickness_mm / 2
        return Window(low, high)

    def part(self, middle: float, half_mm: float) -> Window:
        """Return what lies within a distance of `middle` along the third axis."""
        low, high = self.low.copy(), self.high.copy()
        low[2], high[2] = max(low[2], middle - half_mm), min(high[2], middle + half_mm)
        return Window(low, high)


def cut(series: Series, axes: _Array, window: Window, slab_mm: float) -> Series:
    """Return slices across an axis, each the mean of a slab.

    Parameters
    ----------
    series
        Images; all volumes of it are cut.
    axes : (3, 3)
        Columns: directions of the first and the second axis of the new slices and the axis that
        they lie across; orthogonal unit vectors in the frame of the series.
    window
        What of space is cut; slabs fill it along the third axis from its middle on.
    slab_mm
        Thickness of a slab, and distance from one to the next.

    Returns
    -------
    Series
        Pixels of `PIXEL_MM`; zero where the series does not reach. Its affine leads to the same
        millimetres. Values are interpolated.
    """
    from scipy.ndimage import affine_transform

    header = series.header
    sizes = np.array(header.voxel_size_mm)
    n_slabs = max(int(np.floor((window.high[2] - window.low[2]) / slab_mm + 1e-6)), 1)
    along = np.abs(header.affine[:3, :3].T @ axes[:, 2] / sizes) @ sizes
    many = max(round(slab_mm / max(float(along), _WITHIN_MM)), 1)
    size = np.maximum(np.floor((window.high - window.low)[:2] / PIXEL_MM).astype(int) + 1, 2)
    steps = np.array([PIXEL_MM, PIXEL_MM, slab_mm / many])
    first = window.low.copy()
    first[2] = (window.low[2] + window.high[2] - slab_mm * n_slabs + steps[2]) / 2
    inverse = np.linalg.inv(header.affine)
    matrix = inverse[:3, :3] @ (axes * steps)
    offset = inverse[:3, :3] @ (axes @ first) + inverse[:3, 3]
    volumes = []
    for n in range(header.shape[3]):
        fine = affine_transform(
            series.signal[..., n], matrix, offset, (*size, n_slabs * many), order=1
        )
        volumes.append(fine.reshape(*size, n_slabs, many).mean(axis=3))
    signal = np.asfortranarray(np.stack(volumes, axis=-1), dtype=np.float32)
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array([PIXEL_MM, PIXEL_MM, slab_mm])
    start = first.copy()
    start[2] += (slab_mm - steps[2]) / 2
    affine[:3, 3] = axes @ start
    changed = dataclasses.replace(
        header,
        affine=affine,
        shape=signal.shape,
        frames=(),
        slice_positions_mm=tuple(start[2] + slab_mm * k for k in range(n_slabs)),
    )
    return dataclasses.replace(series, header=changed, signal=signal)


def divided(series: Series, most: int) -> Series:
    """Return a series to cut: some of its volumes, long voxels divided into shorter ones.

    Parameters
    ----------
    series
        Images.
    most
        Number of volumes that are kept, evenly spread.
    """
    header = series.header
    n = header.shape[3]
    picked = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
    signal, affine = series.signal[..., picked], header.affine.copy()
    for axis in range(3):
        long = int(np.ceil(header.voxel_size_mm[axis] / _COARSE_MM))
        if long > 1 and signal.shape[axis] > 3:
            mixing = _between(signal.shape[axis], long)
            signal = np.moveaxis(np.tensordot(mixing, signal, axes=(1, axis)), 0, axis)
            affine[:3, axis] /= long
    signal = np.asfortranarray(np.maximum(signal, 0), dtype=np.float32)
    changed = dataclasses.replace(
        header,
        affine=affine,
        shape=signal.shape,
        encoding=Encoding(),
        frames=(),
        slice_positions_mm=tuple(float(k) for k in range(signal.shape[2])),
    )
    return dataclasses.replace(series, header=changed, signal=signal)


def _between(n: int, parts: int) -> NDArray[np.float32]:
    """Return weights (new, n) of the cubic spline through n values, `parts` points an interval."""
    from scipy.ndimage import map_coordinates

    at = [np.arange((n - 1) * parts + 1) / parts]
    rows = [map_coordinates(row, at, order=3, mode="mirror") for row in np.eye(n)]
    return np.stack(rows, axis=1).astype(np.float32)


def middle_mm(series: Series, axes: _Array) -> float:
    """Return where half of the signal lies on either side, along the third axis [mm]."""
    steps = [max(n // 32, 1) for n in series.header.shape[:3]]
    i, j, k = (slice(None, None, step) for step in steps)
    part = series.signal[i, j, k, 0].astype(np.float64)
    ranges = [np.arange(n) * step for n, step in zip(part.shape, steps, strict=True)]
    index = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1)
    affine = series.header.affine
    at = (index @ affine[:3, :3].T + affine[:3, 3]) @ axes[:, 2]
    total = float(part.sum())
    return float((at * part).sum() / total) if total > 0 else float(at.mean())


def leaned(axes: _Array, goal: _Array) -> _Array:
    """Return axes turned the shortest way so that the third becomes `goal` (unit vector)."""
    old = axes[:, 2]
    cross = np.cross(old, goal)
    skew = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    turn = np.eye(3) + skew + skew @ skew / (1.0 + float(old @ goal))
    return np.asarray(turn @ axes)
