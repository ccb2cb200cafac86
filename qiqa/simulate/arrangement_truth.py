"""What is true about a simulated arrangement."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group
from qiqa.simulate.arrangement_pose import Geometry
from qiqa.simulate.arrangement_spec import ArrangementSpec, Filling

__all__ = ["ArrangementTruth", "InsertTruth", "truth_of"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InsertTruth:
    """One place of the arrangement and what stands there."""

    label: str
    """Of the place, as the definition has it; a swapped insert is under its place's label."""
    group: str
    present: bool
    certified: bool
    """Whether any of its values is a certificate's."""
    filling: Filling
    adc_apparent_mm2_per_s: float
    """With the gain of nonlinear gradients, at the middle of the stack."""
    center_voxel: tuple[float, float, float]
    """i, j, k."""
    volume_in_slice_mm3: tuple[float, ...]
    """Volume of its filling within half a thickness of each slice; for tubes, away from ends."""
    roi_voxels: tuple[tuple[int, int, int], ...]
    """Voxels (i, j, k) whose middle, with 1.5 pixels around it, is inside the filling over the
    whole thickness: no partial volume but what ringing brings."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrangementTruth:
    """True values of one simulated series."""

    kind: str
    batch: str | None
    phantom_to_voxel: NDArray[np.float64]
    """(4, 4): phantom mm to (i, j, k), scale errors of the gradients included."""
    inserts: tuple[InsertTruth, ...]
    bath: Filling
    noise_sd: float
    """In each channel of each coil, in stored units."""
    scale: float
    """Stored value of signal 1."""
    temperature_degc: float
    mirrored: bool

    def insert(self, label: str) -> InsertTruth:
        """Return the place called `label`.

        Raises
        ------
        KeyError
            If there is none.
        """
        for item in self.inserts:
            if item.label == label:
                return item
        raise KeyError(label)


def phantom_to_voxel(
    geometry: Geometry, size: tuple[int, int, int], voxel_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return the matrix from phantom mm to voxels of a stack about the field's center."""
    origin, unit = geometry.image_mm(np.zeros((1, 3)))[0], geometry.image_mm(np.eye(3))
    result = np.eye(4)
    result[:3, :3] = (unit - origin).T / np.array(voxel_mm)[:, None]
    result[:3, 3] = origin / np.array(voxel_mm) + (np.array(size) - 1) / 2
    return result


def truth_of(
    phantom: Arrangement, spec: ArrangementSpec, geometry: Geometry,
    filled: dict[str, tuple[Filling, bool]], gains: dict[str, float],
    stack: tuple[tuple[int, int, int], tuple[float, float, float]], noise_sd: float, scale: float,
    batch: str | None,
) -> ArrangementTruth:  # fmt: skip
    """Return what is true; `stack` holds the size in voxels and the size of a voxel."""
    size, voxel_mm = stack
    matrix = phantom_to_voxel(geometry, size, voxel_mm)
    inserts = []
    for group in phantom.group:
        for label, center in zip(group.labels, group.centers_mm, strict=True):
            filling, certified = filled[label]
            at = matrix @ np.array([*center, 1.0])
            inserts.append(
                InsertTruth(
                    label=label,
                    group=group.name,
                    present=label not in spec.missing and label not in group.absent,
                    certified=certified,
                    filling=filling,
                    adc_apparent_mm2_per_s=filling.adc_mm2_per_s * gains.get(label, 1.0),
                    center_voxel=(float(at[0]), float(at[1]), float(at[2])),
                    volume_in_slice_mm3=_volumes(group, spec, size[2], at[2], voxel_mm[2]),
                    roi_voxels=_roi(group, spec, matrix, center, at[:3], size, voxel_mm),
                )
            )
    return ArrangementTruth(
        kind=spec.kind,
        batch=batch,
        phantom_to_voxel=matrix,
        inserts=tuple(inserts),
        bath=spec.bath,
        noise_sd=noise_sd,
        scale=scale,
        temperature_degc=spec.temperature_degc,
        mirrored=spec.mirrored,
    )


def _thickness(spec: ArrangementSpec, spacing: float) -> float:
    return spacing if spec.kind == "volume" else spec.thickness_mm


def _volumes(
    group: Group, spec: ArrangementSpec, count: int, k: float, spacing: float
) -> tuple[float, ...]:
    """Return the volume within each slice [mm³], as a box of the nominal thickness cuts it."""
    radius, half = group.inner_diameter_mm / 2, _thickness(spec, spacing) / 2
    if group.shape == "tube":
        return (float(np.pi * radius**2 * 2 * half),) * count
    result = []
    for number in range(count):
        away = (number - k) * spacing
        low, high = (min(max(z, -radius), radius) for z in (away - half, away + half))
        result.append(float(np.pi * (radius**2 * (high - low) - (high**3 - low**3) / 3)))
    return tuple(result)


def _roi(
    group: Group, spec: ArrangementSpec, matrix: NDArray[np.float64],
    center: tuple[float, float, float], at: NDArray[np.float64],
    size: tuple[int, int, int], voxel_mm: tuple[float, float, float],
) -> tuple[tuple[int, int, int], ...]:  # fmt: skip
    """Return voxels that lie in the filling with all of the slice and 1.5 pixels around."""
    radius, pixel = group.inner_diameter_mm / 2, voxel_mm[0]
    reach = int(np.ceil(radius / pixel)) + 1
    ranges = [np.arange(round(float(c)) - reach, round(float(c)) + reach + 1) for c in at[:2]]
    depth = round(float(at[2]))
    slices = [depth] if group.shape == "sphere" else list(range(size[2]))
    back, half = np.linalg.inv(matrix), 0.55 * _thickness(spec, voxel_mm[2]) / voxel_mm[2]
    grid = np.stack(np.meshgrid(*ranges, slices, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.all((grid >= 0) & (grid < np.array(size)), axis=1)
    for side in (-half, 0.0, half):
        ends = np.concatenate((grid + np.array([0, 0, side]), np.ones((len(grid), 1))), axis=1)
        away = (ends @ back.T)[:, :3] - np.array(center)
        if group.shape == "tube":
            axis = np.array(group.axis) / np.linalg.norm(group.axis)
            along = away @ axis
            length = group.length_mm or spec.tube_length_mm
            inside &= np.abs(along) <= length / 2
            away = away - along[:, None] * axis
        inside &= np.linalg.norm(away, axis=1) <= radius - 1.5 * pixel
    return tuple((int(i), int(j), int(k)) for i, j, k in grid[inside])
