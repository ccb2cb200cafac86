"""Displacements of fiducial spheres: rigid placing, affine part with covariance, and the rest."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.errors import NotMeasurable
from qiqa.geometry.rigid import fit_rigid
from qiqa.geometry.spheres import SphereCenters, find_spheres
from qiqa.measure.view import View

__all__ = ["FiducialFit", "fit_fiducials"]

_Array = NDArray[np.float64]

LEAST_FIDUCIALS = 12
"""Twelve numbers make an affine map: with fewer spheres hardly anything would check it."""
FARTHEST_ISOCENTER_MM = 60.0
"""A phantom farther than this from the origin of the headers is not believed to be scanned so."""
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])
_DEVICE_FROM_LPS = {
    "HFS": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "HFP": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "FFS": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "FFP": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "HFDR": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "HFDL": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "FFDR": ((0, -1, 0), (-1, 0, 0), (0, 0, -1)),
    "FFDL": ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
}
"""Rows: the scanner's x, y, z in patient coordinates, by patient position (DICOM PS3.3,
C.7.3.1.1.2); for a patient on the back with the head first: left, posterior, superior."""


@dataclasses.dataclass(frozen=True, eq=False)
class FiducialFit:
    """Fiducials of one volume in scanner axes: x, y, z of the gradients, origin at `isocenter`."""

    group: Group
    centers: SphereCenters
    """As found, in the millimetres of the series; one a place of the definition."""
    seen: NDArray[np.bool_]
    in_view: NDArray[np.bool_]
    nominal_mm: _Array
    """(m, 3) places, rigidly fitted, scanner axes."""
    found_mm: _Array
    """(m, 3) centers, scanner axes; NaN where not seen."""
    axes: _Array
    """(3, 3) phantom axes to scanner axes."""
    to_scanner: _Array
    """(3, 3) RAS to scanner axes."""
    notes: tuple[str, ...]
    """What was assumed about axes and isocenter."""

    @property
    def n(self) -> int:
        """How many fiducials are seen."""
        return int(self.seen.sum())

    @functools.cached_property
    def design(self) -> _Array:
        """(n, 4): one, and nominal x, y, z of the fiducials seen."""
        return np.column_stack([np.ones(self.n), self.nominal_mm[self.seen]])

    @functools.cached_property
    def weights(self) -> _Array:
        """(4, n) what each fiducial adds to the constant and to the three slopes."""
        return np.asarray(np.linalg.pinv(self.design))

    @functools.cached_property
    def affine(self) -> _Array:
        """(4, 3) coefficients of the best affine map from nominal to found."""
        return np.asarray(self.weights @ self.found_mm[self.seen])

    @functools.cached_property
    def stretch(self) -> _Array:
        """(3, 3) symmetric part of the map: 1 + strain, in scanner axes; the turn is left out."""
        u, s, _ = np.linalg.svd(self.affine[1:].T)
        return np.asarray(u @ np.diag(s) @ u.T)

    @functools.cached_property
    def rigid_residual_mm(self) -> _Array:
        """(n, 3) found minus rigidly placed."""
        return np.asarray((self.found_mm - self.nominal_mm)[self.seen])

    @functools.cached_property
    def affine_residual_mm(self) -> _Array:
        """(n, 3) what the affine map leaves: the nonlinear part, with noise."""
        return np.asarray(self.found_mm[self.seen] - self.design @ self.affine)

    @functools.cached_property
    def scatter_mm2(self) -> _Array:
        """(3, 3) covariance of what the affine map leaves."""
        e = self.affine_residual_mm
        return np.asarray(e.T @ e / (self.n - 4))

    @functools.cached_property
    def noise_mm2(self) -> _Array:
        """(n, 3) variance of each center along the scanner's axes."""
        turned = self.to_scanner @ self.centers.covariance_mm2[self.seen] @ self.to_scanner.T
        return np.asarray(np.diagonal(turned, axis1=1, axis2=2))

    @functools.cached_property
    def radius_mm(self) -> _Array:
        """(n,) distance of the fiducials seen from the isocenter, where they should be."""
        return np.asarray(np.linalg.norm(self.nominal_mm[self.seen], axis=1))

    def strain_uncertainty(self, a: int, b: int) -> float:
        """Return the standard uncertainty of strain a, a or of shear a, b from the scatter."""
        spread = np.linalg.inv(self.design.T @ self.design)[1:, 1:]
        s = self.scatter_mm2
        if a == b:
            return float(np.sqrt(s[a, a] * spread[a, a]))
        variance = s[a, a] * spread[b, b] + s[b, b] * spread[a, a] + 2 * s[a, b] * spread[a, b]
        return float(np.sqrt(variance))

    def plane_uncertainty(self, a: int, b: int) -> float:
        """Return the same from planes of the lattice that are off as a whole.

        Each plane of fiducials across each axis of the phantom may lie off along that axis by the
        standard uncertainty of a place: single spheres that are off show as scatter, planes do not.
        """
        places = np.asarray(self.group.centers_mm)[self.seen]
        total = 0.0
        for axis in range(3):
            along = self.axes[:, axis]
            for level in np.unique(places[:, axis]):
                slope = self.weights[1:, places[:, axis] == level].sum(axis=1)
                change = along[a] * slope[b]
                if a != b:
                    change += along[b] * slope[a]
                total += float(change) ** 2
        return self.group.position_uncertainty_mm * float(np.sqrt(total))


def fit_fiducials(view: View) -> FiducialFit:
    """Find the spheres anew around the places of the pose, and fit.

    Raises
    ------
    NotMeasurable
        If the definition has no fiducials, or too few are seen or they do not span space.
    """
    phantom = view.phantom
    groups = phantom.group if isinstance(phantom, Arrangement) else ()
    group = next((g for g in groups if g.fiducials), None)
    if group is None:
        raise NotMeasurable(f"{phantom.name} has no fiducial spheres")
    header = view.series.header
    places = np.asarray(group.centers_mm)
    world = header.affine @ view.pose.phantom_to_voxel
    guess = places @ world[:3, :3].T + world[:3, 3]
    volume = view.series.signal[..., view.volume]
    centers = find_spheres(volume, header.affine, guess, group.inner_diameter_mm / 2)
    seen = centers.seen
    if seen.sum() < LEAST_FIDUCIALS:
        raise NotMeasurable(
            f"{int(seen.sum())} fiducials seen, at least {LEAST_FIDUCIALS} are needed"
        )
    if np.linalg.svd(places[seen] - places[seen].mean(axis=0), compute_uv=False)[-1] < 60.0:
        raise NotMeasurable("the fiducials seen lie almost in one plane")
    index = places @ view.pose.phantom_to_voxel[:3, :3].T + view.pose.phantom_to_voxel[:3, 3]
    margin = group.outer_diameter_mm / 2 / np.asarray(header.voxel_size_mm)
    last = np.asarray(header.shape[:3]) - 1
    in_view = np.all((index >= margin) & (index <= last - margin), axis=1)
    mirrored = bool(np.linalg.det(world[:3, :3]) < 0)
    rotation, shift = fit_rigid(places[seen], centers.center_mm[seen], mirrored=mirrored)
    to_scanner, notes = _scanner_axes(header.acquisition.patient_position)
    origin, said = _isocenter(shift)
    nominal = (places @ rotation.T + shift - origin) @ to_scanner.T
    found = np.where(seen[:, None], (centers.center_mm - origin) @ to_scanner.T, np.nan)
    return FiducialFit(
        group,
        centers,
        seen,
        in_view,
        nominal,
        found,
        to_scanner @ rotation,
        to_scanner,
        notes + said,
    )


def _scanner_axes(position: str | None) -> tuple[_Array, tuple[str, ...]]:
    """Return RAS to scanner axes (3, 3), and what was assumed."""
    key = (position or "").strip().upper()
    notes: tuple[str, ...] = ()
    if key not in _DEVICE_FROM_LPS:
        said = f"{position!r} is not known" if position else "is not given"
        notes = (f"patient position {said}: x, y, z taken as left, posterior, superior",)
        key = "HFS"
    return np.asarray(_DEVICE_FROM_LPS[key], dtype=np.float64) @ RAS_TO_LPS, notes


def _isocenter(center_mm: _Array) -> tuple[_Array, tuple[str, ...]]:
    """Return where the isocenter is taken to be, and words for it."""
    distance = float(np.linalg.norm(center_mm))
    if distance <= FARTHEST_ISOCENTER_MM:
        words = f"isocenter taken at the origin of the headers, {distance:.0f} mm from the phantom"
        return np.zeros(3), (words,)
    words = (
        f"isocenter unknown (the origin of the headers is {distance:.0f} mm away): "
        "distances are from the phantom's center"
    )
    return center_mm, (words,)
