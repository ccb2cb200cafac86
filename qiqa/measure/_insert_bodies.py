"""Inserts as bodies in the voxels of a series, whichever way they lie in them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Group
from qiqa.core.pose import InsertPosition, PhantomPose
from qiqa.core.series import SeriesHeader
from qiqa.geometry.inside import Body, Grid

__all__ = ["insert_axis", "insert_body", "insert_grid"]


def insert_grid(header: SeriesHeader) -> Grid:
    """Return the voxels of a series; a slice is as thick as its header says."""
    spacing = np.array(header.voxel_size_mm)
    voxel = spacing.copy()
    voxel[2] = header.acquisition.slice_thickness_mm or spacing[2]
    shape = header.shape
    return Grid((shape[0], shape[1], shape[2]), spacing, voxel)


def insert_axis(header: SeriesHeader, pose: PhantomPose, group: Group) -> NDArray[np.float64]:
    """Return the axis of a group along i, j, k, unit vector (3,)."""
    axis = pose.phantom_to_voxel[:3, :3] @ np.array(group.axis) * np.array(header.voxel_size_mm)
    return np.asarray(axis / np.linalg.norm(axis))


def insert_body(
    header: SeriesHeader, pose: PhantomPose, insert: InsertPosition, group: Group
) -> Body:
    """Return an insert with its wall, a tube as long as it was seen."""
    return Body(
        center_voxel=np.array(insert.center_voxel),
        radius_mm=group.outer_diameter_mm / 2,
        axis=insert_axis(header, pose, group) if group.shape == "tube" else None,
        half_length_mm=insert.half_length_mm if math.isfinite(insert.half_length_mm) else math.inf,
    )
