"""Slices of a located stack, each as a plane in phantom coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.pose import PhantomPose
from qiqa.core.series import Series
from qiqa.geometry.plane import SlicePlane

__all__ = ["localizer_plane", "plane_at", "stack_planes"]


def plane_at(series: Series, to_voxel: NDArray[np.float64], k: int, volume: int = 0) -> SlicePlane:
    """Return slice k as an upright plane.

    Parameters
    ----------
    series
        Images.
    to_voxel : (4, 4)
        Phantom millimetres to voxel indices, as in PhantomPose.
    k, volume
        Which slice of which volume.

    Notes
    -----
    Within a slice of a tilted phantom z changes by up to tilt times x; the plane uses the
    in-plane map on the axis, which is off by at most tilt squared times x.
    """
    inplane, along_z = to_voxel[:2, :2], to_voxel[:2, 2]
    z = (k - to_voxel[2, 3]) / to_voxel[2, 2]
    origin = to_voxel[:2, 3] + along_z * z
    size = series.header.voxel_size_mm
    return SlicePlane.upright(series.signal[:, :, k, volume], inplane, origin, size[:2])


def stack_planes(series: Series, pose: PhantomPose, volume: int = 0) -> dict[int, SlicePlane]:
    """Return the planes of an axial stack by slice number of the phantom."""
    return {
        number: plane_at(series, pose.phantom_to_voxel, k, volume)
        for k, number in enumerate(pose.slice_numbers)
        if number is not None
    }


def localizer_plane(series: Series, pose: PhantomPose) -> SlicePlane:
    """Return the localizer as an upright plane: right is phantom y, down is phantom -z."""
    m = pose.phantom_to_voxel
    matrix = np.column_stack([m[:2, 1], -m[:2, 2]])
    k = series.header.shape[2] // 2
    size = series.header.voxel_size_mm
    return SlicePlane.upright(series.signal[:, :, k, 0], matrix, m[:2, 3].copy(), size[:2])
