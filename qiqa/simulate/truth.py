"""What is true about a simulated exam, from geometry and from the image without noise."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import Bars, CylinderPhantom
from qiqa.simulate.pose import Placement, Plane, axial_plane, place, sagittal_plane
from qiqa.simulate.spec import AcrSpec
from qiqa.simulate.uniformity import disk_uniformity, strip_ghosting

__all__ = ["Truth", "truth_of"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """True values of one simulated exam. Lengths are as imaged: with the gradients' errors."""

    diameter_lr_mm: float
    """Along x of the phantom, as are the next ones along its y and its two diagonals."""
    diameter_ap_mm: float
    diameter_d1_mm: float
    """From upper left to lower right."""
    diameter_d2_mm: float
    """From lower left to upper right."""
    length_mm: float
    """Between the end walls on the localizer, along the phantom's axis."""
    thickness_mm: float
    """FWHM of the slice profile in the scanner."""
    displacement_mm: tuple[float, ...]
    """Of slices 1, 2, ... of the phantom on the axis, positive towards slice 11."""
    bar_difference_slice1_mm: float
    """Right less left, as imaged, tilt included."""
    bar_difference_slice11_mm: float
    piu_percent: float
    """NaN where slice 7 was not simulated in full."""
    psg_percent: float
    noise_sd: float
    """In each channel, in stored units."""
    bath_signal: float
    """Stored signal of the bath where the receive field is 1."""
    snr: float
    phantom_to_voxel: NDArray[np.float64]
    """Axial stack: phantom mm to (i, j, k)."""
    localizer_phantom_to_voxel: NDArray[np.float64]
    rotation_deg: float
    tilt_deg: tuple[float, float]
    offset_mm: tuple[float, float, float]
    """As `PhantomPose.offset_mm`, for the axis on the middle slice."""
    mirrored: bool
    reversed_order: bool


def _chord(across: NDArray[np.float64], direction: tuple[float, float], diameter: float) -> float:
    """Return the apparent diameter along a direction of the phantom.

    `across` (2, 2) maps steps in the image to steps in x and y of the phantom.
    """
    apparent = np.linalg.solve(across, np.array(direction))
    return float(diameter / np.linalg.norm(across @ (apparent / np.linalg.norm(apparent))))


def _bar_difference(
    phantom: CylinderPhantom, names: tuple[str, str], placement: Placement, plane: Plane
) -> float:
    """Return right less left lower end [mm in the image] of two wedges cut by a plane.

    The plane is z = z0 + gx x + gy y in the phantom; each end solves its own edge equation.
    """
    origin = placement.to_phantom(plane.center_mm)
    normal = placement.turn.T @ plane.normal
    gx, gy = -normal[0] / normal[2], -normal[1] / normal[2]
    z_axis = origin[2] - gx * origin[0] - gy * origin[1]
    ends = []
    for name in names:
        shape = phantom.find(name).shape
        if not isinstance(shape, Bars):
            return math.nan
        x = (shape.x_mm[0] + shape.x_mm[1]) / 2
        z_without_y = z_axis + gx * x
        y = (shape.y0_mm + shape.slope * (z_without_y - shape.z0_mm)) / (1 - shape.slope * gy)
        ends.append(y)
    apparent_per_true = 1 / np.linalg.norm(plane.down)
    return float((ends[1] - ends[0]) * apparent_per_true)


def _to_voxel(
    phantom: CylinderPhantom, spec: AcrSpec, placement: Placement, *, axial: bool
) -> NDArray[np.float64]:
    """Return the (4, 4) map from phantom mm to (i, j, k) of the stack or the localizer."""
    pixel = spec.fov_mm / spec.stored_matrix
    if axial:
        plane, second = axial_plane(phantom, spec, 0), axial_plane(phantom, spec, 1)
        step = second.center_mm - plane.center_mm
    else:
        plane = sagittal_plane(spec)
        step = -plane.normal * spec.localizer_thickness_mm
    voxel_to_scanner = np.eye(4)
    voxel_to_scanner[:3, 0] = plane.right * pixel
    voxel_to_scanner[:3, 1] = plane.down * pixel
    voxel_to_scanner[:3, 2] = step
    middle = (spec.stored_matrix - 1) / 2
    voxel_to_scanner[:3, 3] = plane.center_mm - (plane.right + plane.down) * pixel * middle
    phantom_to_scanner = np.eye(4)
    phantom_to_scanner[:3, :3] = placement.turn
    phantom_to_scanner[:3, 3] = placement.center_mm - placement.turn @ placement.anchor_mm
    result: NDArray[np.float64] = np.linalg.inv(voxel_to_scanner) @ phantom_to_scanner
    return result


def _length(phantom: CylinderPhantom, spec: AcrSpec, placement: Placement) -> float:
    plane = sagittal_plane(spec)
    basis = np.stack((plane.right, plane.down), axis=1)
    axis = placement.turn[:, 2]
    apparent = np.linalg.lstsq(basis, axis, rcond=None)[0]
    rate = placement.turn.T @ (basis @ (apparent / np.linalg.norm(apparent)))
    low, high = phantom.body.z_mm
    return float((high - low) / abs(rate[2]))


def truth_of(
    phantom: CylinderPhantom, spec: AcrSpec, clean_slice7: NDArray[np.float32] | None
) -> Truth:
    """Return what is true about an exam.

    Parameters
    ----------
    clean_slice7
        Slice 7 without noise (rows, columns), in units of the bath; None if not simulated.
    """
    placement = place(phantom, spec)
    count = phantom.stack.n_slices
    planes = [axial_plane(phantom, spec, index) for index in range(count)]
    if spec.reversed_order:
        planes.reverse()
    first = planes[0]
    across = (placement.turn.T @ np.stack((first.right, first.down), axis=1))[:2]
    diameter = phantom.body.inner_diameter_mm
    axis = placement.turn[:, 2]
    displacement = tuple(
        float(
            placement.anchor_mm[2]
            + (plane.center_mm[2] - placement.center_mm[2]) / axis[2]
            - phantom.stack.z_mm(number)
        )
        for number, plane in enumerate(planes, start=1)
    )
    to_voxel = _to_voxel(phantom, spec, placement, axial=True)
    piu = psg = math.nan
    if clean_slice7 is not None:
        at = to_voxel @ np.array([0.0, 0.0, phantom.stack.z_mm(7) + displacement[6], 1.0])
        center, pixel = (float(at[0]), float(at[1])), spec.fov_mm / spec.stored_matrix
        row, column = np.indices(clean_slice7.shape)
        voxels = np.stack((column, row, np.full(row.shape, at[2]), np.ones(row.shape)))
        x, y = np.tensordot(np.linalg.inv(to_voxel)[:2], voxels, axes=1)
        piu = disk_uniformity(clean_slice7, phantom, x, y, pixel)
        psg = strip_ghosting(clean_slice7, pixel, center, spec.zero_border_px)
    return Truth(
        diameter_lr_mm=_chord(across, (1.0, 0.0), diameter),
        diameter_ap_mm=_chord(across, (0.0, 1.0), diameter),
        diameter_d1_mm=_chord(across, (1.0, 1.0), diameter),
        diameter_d2_mm=_chord(across, (1.0, -1.0), diameter),
        length_mm=_length(phantom, spec, placement),
        thickness_mm=spec.thickness_mm,
        displacement_mm=displacement,
        bar_difference_slice1_mm=_bar_difference(
            phantom, ("wedge_slice1_left", "wedge_slice1_right"), placement, planes[0]
        ),
        bar_difference_slice11_mm=_bar_difference(
            phantom, ("wedge_slice11_left", "wedge_slice11_right"), placement, planes[-1]
        ),
        piu_percent=piu,
        psg_percent=psg,
        noise_sd=spec.bath_counts / spec.snr,
        bath_signal=spec.bath_counts,
        snr=spec.snr,
        phantom_to_voxel=to_voxel,
        localizer_phantom_to_voxel=_to_voxel(phantom, spec, placement, axial=False),
        rotation_deg=spec.rotation_deg,
        tilt_deg=spec.tilt_deg,
        offset_mm=(*spec.center_offset_mm, spec.displacement_mm),
        mirrored=spec.mirrored,
        reversed_order=spec.reversed_order,
    )
