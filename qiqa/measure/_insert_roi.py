"""Which voxels lie wholly inside an insert, clear of its wall."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Group
from qiqa.core.errors import NotMeasurable
from qiqa.core.pose import InsertPosition
from qiqa.geometry.inside import across, wholly_inside
from qiqa.measure._insert_bodies import insert_axis, insert_body, insert_grid
from qiqa.measure.insert_view import InsertView

__all__ = ["InsertRoi", "insert_roi", "placement_uncertainty_mm"]

_DEPTH_MM = 1.0
"""How far the slice may lie from the middle of a sphere: prescribed by eye."""
_CLEAR_VOXELS = 1.0
"""Distance from the wall in voxels: half a voxel is its own width, the rest is ringing and blur."""
_LEAST_VOXELS = 9


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class InsertRoi:
    """Voxels of one insert."""

    index: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
    """i, j, k."""
    radius_mm: float
    center: tuple[float, float]
    """i, j."""
    slices: tuple[int, ...]
    solid: bool = False
    """Whether the voxels were chosen in three dimensions: no disk of that radius in every slice."""

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(self.index[0].size)


def placement_uncertainty_mm(group: Group, insert: InsertPosition) -> float:
    """Return the standard uncertainty of the center: tolerance of the phantom, and what was seen.

    An insert that was seen off its place by some distance may be there, or the pose may be off by
    as much.
    """
    seen = insert.distance_mm if math.isfinite(insert.distance_mm) else 1.0
    return max(group.position_uncertainty_mm, seen / math.sqrt(2))


def insert_roi(
    view: InsertView,
    insert: InsertPosition,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    shrink_mm: float = 0.0,
) -> InsertRoi:
    """Return the voxels whose centers lie in the largest disk that is clear of the wall.

    A slice of some thickness cuts a sphere; at its faces the sphere is narrower than in its
    middle. The disk is that narrowest cut less a voxel and less the uncertainty of the place. Of a
    tube, the slices in the middle half of those that show it are used.

    Where slices lie otherwise, and in volumes, the voxels count that lie wholly inside the insert
    in all three directions; of a tube, those in the middle half of the length that was seen.

    Parameters
    ----------
    view, insert
        Where the insert is.
    shift_mm
        By how much the place is moved along two directions at right angles: in the slice, or
        across the insert's axis.
    shrink_mm
        By how much the radius is made smaller.

    Raises
    ------
    NotMeasurable
        If fewer than 9 voxels are left.
    """
    if all(number is None for number in view.pose.slice_numbers):
        return _solid(view, insert, shift_mm, shrink_mm)
    group = view.group(insert)
    sizes = view.series.header.voxel_size_mm
    clear = _CLEAR_VOXELS * max(sizes[:2]) + placement_uncertainty_mm(group, insert) + shrink_mm
    radius = _narrowest(group, view.slice_thickness_mm) - clear
    slices = _slices(view, insert, group)
    i0, j0 = insert.center_voxel[:2]
    i0, j0 = i0 + shift_mm[0] / sizes[0], j0 + shift_mm[1] / sizes[1]
    ni, nj, _ = view.series.header.shape[:3]
    i, j = np.meshgrid(np.arange(ni), np.arange(nj), indexing="ij")
    inside = np.hypot((i - i0) * sizes[0], (j - j0) * sizes[1]) <= max(radius, 0.0)
    at_i, at_j = np.nonzero(inside)
    if at_i.size < _LEAST_VOXELS:
        raise NotMeasurable(
            f"only {at_i.size} voxels of {insert.label} are clear of its wall (needed: "
            f"{_LEAST_VOXELS}; voxel {sizes[0]:.2g} mm, slice {view.slice_thickness_mm:.2g} mm)"
        )
    many = len(slices)
    index = (np.tile(at_i, many), np.tile(at_j, many), np.repeat(slices, at_i.size))
    return InsertRoi(index, radius, (i0, j0), slices)


def _solid(
    view: InsertView, insert: InsertPosition, shift_mm: tuple[float, float], shrink_mm: float
) -> InsertRoi:
    """Return the voxels that lie wholly inside an insert, whichever way the voxels lie in it."""
    group, header = view.group(insert), view.series.header
    body, grid = insert_body(header, view.pose, insert, group), insert_grid(header)
    one, two = across(insert_axis(header, view.pose, group))
    moved = shift_mm[0] * one + shift_mm[1] * two
    inner = dataclasses.replace(
        body,
        center_voxel=body.center_voxel + moved / grid.spacing_mm,
        radius_mm=group.inner_diameter_mm / 2 - placement_uncertainty_mm(group, insert) - shrink_mm,
        half_length_mm=body.half_length_mm / 2,
    )
    index = wholly_inside(grid, inner)
    if index[0].size < _LEAST_VOXELS:
        size = " x ".join(f"{s:.2g}" for s in grid.voxel_mm)
        raise NotMeasurable(
            f"only {index[0].size} voxels of {insert.label} lie wholly inside it (needed: "
            f"{_LEAST_VOXELS}; voxel {size} mm)"
        )
    center = (float(inner.center_voxel[0]), float(inner.center_voxel[1]))
    slices = tuple(int(k) for k in np.unique(index[2]))
    return InsertRoi(index, inner.radius_mm, center, slices, solid=True)


def _narrowest(group: Group, thickness_mm: float) -> float:
    radius = group.inner_diameter_mm / 2
    if group.shape == "tube":
        return radius
    depth = min(thickness_mm / 2 + _DEPTH_MM, radius)
    return math.sqrt(radius**2 - depth**2)


def _slices(view: InsertView, insert: InsertPosition, group: Group) -> tuple[int, ...]:
    """Return the slices an insert is read in: the nearest one, or the middle half of a tube."""
    names = [item.name for item in view.phantom.group]
    own = [
        k
        for k, number in enumerate(view.pose.slice_numbers)
        if number is not None and names[number - 1] == group.name
    ]
    middle = insert.center_voxel[2]
    if group.shape == "tube" and len(own) > 3:
        own = [k for k in own if abs(k - middle) <= len(own) / 4]
        return tuple(own)
    nearest = min(own, key=lambda k: abs(k - middle), default=round(middle))
    return (nearest,)
