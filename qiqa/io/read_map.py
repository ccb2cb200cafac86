"""Masks and B1 maps from NIfTI, laid on the voxels of a series."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError
from qiqa.core.series import SeriesHeader
from qiqa.io.bids import stem_of
from qiqa.io.nifti import is_nifti, open_nifti
from qiqa.io.sources import Archives, blob_at

__all__ = ["onto", "read_map"]

_SAME_MM = 1e-2
"""Largest distance of corners at which two grids are one."""

Map = tuple[NDArray[np.float64], NDArray[np.float64], str | None]


def read_map(path: Path | str) -> Map:
    """Return a three-dimensional NIfTI image: values (i, j, k), affine (4, 4) and unit.

    Axes are right-handed as those of a `Series`: a left-handed image is turned over along j, and
    so is its affine. Use `onto` to lay it on a series. The unit is `Units` of the sidecar.

    Raises
    ------
    ReadError
        If it is no NIfTI image, or holds several volumes.
    """
    name = str(path)
    with Archives() as archives:
        if not is_nifti(blob_at(name), archives):
            hint = "give a NIfTI file (.nii or .nii.gz)"
            raise ReadError("is no NIfTI image", where=name, hint=hint)
        file = open_nifti(name, None, archives)
    columns, rows, slices, volumes = file.shape
    if volumes != 1:
        text = f"holds {volumes} volumes, a mask or map holds one"
        raise ReadError(text, where=name, hint="write one volume to a file of its own")
    values = file.planes.astype(np.float64) * file.scale.slope + file.scale.intercept
    return values.transpose(2, 1, 0).reshape(columns, rows, slices), file.affine, _units(name)


def _units(name: str) -> str | None:
    stem = stem_of(name)
    try:
        stated = json.loads(Path(f"{stem}.json").read_text(encoding="utf-8"))["Units"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # sidecars are optional
    return stated if isinstance(stated, str) else None


def onto(
    values: NDArray[np.float64],
    affine: NDArray[np.float64],
    header: SeriesHeader,
    *,
    where: str,
) -> NDArray[np.float64]:
    """Return a map (i, j, k) on the voxels of a series, by where both lie in the room.

    Axes that another program has turned over or exchanged are put back; nothing is interpolated.

    Parameters
    ----------
    values, affine
        As `read_map` returns them.
    header
        The series that the map belongs to.
    where
        File of the map, for messages.

    Raises
    ------
    ReadError
        If the voxels are not those of the series within 0.01 mm.
    """
    target, shape = header.affine, header.shape[:3]
    steps = np.linalg.solve(target, affine)[:3, :3]
    order = [int(axis) for axis in np.argmax(np.abs(steps), axis=0)]
    if sorted(order) != [0, 1, 2]:
        raise _elsewhere(values.shape, affine, header, where)
    moved, placed = values, affine.copy()
    for axis, along in enumerate(order):
        if steps[along, axis] < 0:
            moved = np.flip(moved, axis)
            placed[:3, 3] += placed[:3, axis] * (values.shape[axis] - 1)
            placed[:3, axis] *= -1.0
    back = [order.index(axis) for axis in range(3)]
    moved = moved.transpose(back)
    placed[:3, :3] = placed[:3, back]
    if moved.shape != shape or _largest_distance_mm(placed, target, shape) > _SAME_MM:
        raise _elsewhere(values.shape, affine, header, where)
    return np.asfortranarray(moved)


def _largest_distance_mm(
    a: NDArray[np.float64], b: NDArray[np.float64], shape: tuple[int, ...]
) -> float:
    corners = np.array([(*c, 1) for c in itertools.product(*((0, n - 1) for n in shape))])
    return float(np.linalg.norm(((a - b) @ corners.T)[:3], axis=0).max())


def _elsewhere(
    shape: tuple[int, ...], affine: NDArray[np.float64], header: SeriesHeader, where: str
) -> ReadError:
    """Return an error that says where the map lies and where the series."""
    return ReadError(
        f"does not lie on the voxels of the series: it is {_grid(shape, affine)}, the series is "
        f"{_grid(header.shape[:3], header.affine)}; corners may differ by {_SAME_MM} mm",
        where=where,
        hint="draw it on these images, or resample it to them first",
    )


def _grid(shape: tuple[int, ...], affine: NDArray[np.float64]) -> str:
    size = np.linalg.norm(affine[:3, :3], axis=0)
    last = affine @ [*(n - 1 for n in shape), 1]
    ends = (" ".join(f"{x:.2f}" for x in end) for end in (affine[:3, 3], last[:3]))
    voxel = " x ".join(f"{x:.4g}" for x in size)
    return f"{' x '.join(map(str, shape))} voxels of {voxel} mm from ({') to ('.join(ends)}) mm"
