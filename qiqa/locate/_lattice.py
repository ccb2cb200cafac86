"""Phantoms with fiducial spheres on a lattice, seen in a volume: the pose from all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.errors import LocateError
from qiqa.core.pose import PhantomPose
from qiqa.core.series import Series
from qiqa.geometry.rigid import symmetries
from qiqa.geometry.spheres import find_spheres
from qiqa.locate._blobs import coarse_volume, find_blobs
from qiqa.locate._lattice_match import LEAST_MATCHED, Lattice, match_lattice
from qiqa.locate._lattice_pose import Laid, build_pose
from qiqa.locate._ways import choose_way

__all__ = ["fiducial_group", "locate_volume"]

_Array = NDArray[np.float64]

COARSEST = 0.35
"""Largest voxel side, of the diameter of a fiducial: a wall of a fifth of it must show."""
SMALLEST_SIDE = 2.5
"""Of the lattice's spacing: the volume must reach over more than two steps each way."""


def fiducial_group(phantom: Arrangement) -> Group | None:
    """Return the group of spheres that mark places, or None where there is none."""
    return next((g for g in phantom.group if g.fiducials and g.shape == "sphere"), None)


def locate_volume(series: Series, phantom: Arrangement) -> PhantomPose:
    """Find the phantom in a volume by its fiducials, in any turn, mirrored or not.

    Parameters
    ----------
    series
        Volume with voxels of at most a third of a fiducial; the first of several is used.
    phantom
        Definition with a group of fiducials on a lattice.

    Returns
    -------
    PhantomPose
        `kind` is the name of the group of fiducials. Where several ways of laying the lattice
        fit alike, `labels` is `unresolved`, `symmetry` names them, and the pose is one of them:
        good for distances, not for names.

    Raises
    ------
    LocateError
        Saying what was seen instead.
    """
    where = series.header.description or series.header.series_uid
    try:
        return _locate(series, phantom)
    except LocateError as error:
        raise LocateError(
            f"{phantom.name} not found by its fiducials: {error.message}",
            where=where,
            hint=error.hint or "check that this volume shows the whole phantom",
        ) from None


def _locate(series: Series, phantom: Arrangement) -> PhantomPose:
    group = fiducial_group(phantom)
    if group is None:
        raise LocateError("the definition has no fiducials")
    places = np.asarray(group.centers_mm)
    lattice = Lattice.of(places)
    _check_grid(series, group, lattice)
    volume, affine = series.signal[..., 0], series.header.affine
    coarse = coarse_volume(volume, affine)
    if not coarse.bright > 0:
        raise LocateError("the images are empty")
    half = group.inner_diameter_mm / 2, group.outer_diameter_mm / 2
    blobs = find_blobs(coarse, *half)

    def in_view(points: _Array) -> NDArray[np.bool_]:
        index = np.linalg.solve(affine[:3, :3], (points - affine[:3, 3]).T).T
        margin = half[1] / np.asarray(series.header.voxel_size_mm)
        last = np.asarray(volume.shape) - 1
        return np.asarray(np.all((index >= margin) & (index <= last - margin), axis=1))

    match = match_lattice(blobs.center_mm, lattice, in_view)
    stretched = _affine(places[match.place], blobs.center_mm[match.found])
    guess = places @ stretched[:3, :3].T + stretched[:3, 3]
    visible = in_view(guess)
    guess[match.place] = blobs.center_mm[match.found]
    found = find_spheres(volume, affine, guess, half[0])
    seen = found.seen
    if seen.sum() < LEAST_MATCHED:
        raise LocateError(f"only {int(seen.sum())} of the places on the lattice hold spheres")
    stretched = _affine(places[seen], found.center_mm[seen])
    absent = np.flatnonzero(~seen & visible)
    share = float(seen.sum() / (seen.sum() + len(absent)))
    chosen = choose_way(coarse, stretched, phantom, group, symmetries(places), absent, share)
    laid = Laid(found.center_mm, seen, visible, match.lead)
    return build_pose(series, phantom, group, coarse, laid, chosen)


def _check_grid(series: Series, group: Group, lattice: Lattice) -> None:
    size = np.asarray(series.header.voxel_size_mm)
    extent = size * np.asarray(series.header.shape[:3])
    coarsest = COARSEST * group.inner_diameter_mm
    if size.max() > coarsest:
        raise LocateError(
            f"voxels of {size[0]:.2f} x {size[1]:.2f} x {size[2]:.2f} mm are too coarse for "
            f"spheres of {group.inner_diameter_mm:g} mm",
            hint=f"acquire a volume with voxels of at most {coarsest:.1f} mm",
        )
    if extent.min() < SMALLEST_SIDE * lattice.spacing_mm:
        raise LocateError(
            f"the volume measures {extent[0]:.0f} x {extent[1]:.0f} x {extent[2]:.0f} mm, at least "
            f"{SMALLEST_SIDE * lattice.spacing_mm:.0f} mm are needed each way"
        )


def _affine(source: _Array, target: _Array) -> _Array:
    """Return the best affine map (4, 4) from points to points, both (n, 3)."""
    design = np.column_stack([source, np.ones(len(source))])
    result = np.eye(4)
    result[:3] = np.linalg.lstsq(design, target, rcond=None)[0].T
    return result
