"""The pose of a localizer: one slice along the axis of an ACR phantom, notch to slice end."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import LocateError
from qiqa.core.pose import Override, PhantomPose
from qiqa.core.series import Series
from qiqa.geometry.raster import expected_signal

__all__ = ["locate_localizer"]

SIZE_TOLERANCE = 0.07
"""Relative departure of the outline from the design that is still this phantom."""
MIN_SCORE = 0.45
STEP_MM = 2.0
THRESHOLDS = (0.35, 0.22, 0.14, 0.08)
"""Shares of the bright signal that may count as phantom, for images without and with shading."""


def locate_localizer(series: Series, phantom: CylinderPhantom, override: Override) -> PhantomPose:
    """Find the phantom in a slice along its axis; with several slices, the middle one.

    Raises
    ------
    LocateError
        If the outline is not the rectangle of the phantom's length and diameter, or the inserts
        do not match.
    """
    k = series.header.shape[2] // 2
    image = np.asarray(series.signal[:, :, k, 0], dtype=np.float64)
    size = series.header.voxel_size_mm
    box = _rectangle(image, size[:2], phantom)
    axis_angle = box.axis_angle_deg if override.angle_deg is None else override.angle_deg
    candidates = []
    for variant in phantom.variants or (None,):
        template = _template(phantom, variant)
        for y_sign in (1.0, -1.0):
            center = box.center(y_sign, phantom.body.inner_diameter_mm / 2)
            if override.center_px is not None:
                center = np.array(override.center_px) * size[:2]
            for z_sign in (1.0, -1.0):
                matrix = _matrix(axis_angle, y_sign, z_sign, size[:2], center, phantom)
                score = _agreement(image, matrix, template, phantom)
                candidates.append((score, variant, y_sign, z_sign, matrix))
    candidates.sort(key=lambda item: -item[0])
    score, variant, y_sign, z_sign, plane_matrix = candidates[0]
    other = next(c for c in candidates if (c[2], c[3]) != (y_sign, z_sign))
    if score < MIN_SCORE and not override.given:
        raise LocateError(
            f"a rectangle of the right size, but its inserts do not match (best agreement "
            f"{score:.2f}, needs {MIN_SCORE})"
        )
    turn = math.degrees(math.atan2(plane_matrix[1, 0] * size[1], plane_matrix[0, 0] * size[0]))
    return PhantomPose(
        phantom_id=phantom.id,
        variant=variant,
        kind="localizer",
        score=score,
        runner_up=f"turned or flipped end for end ({other[1]})",
        runner_up_score=other[0],
        phantom_to_voxel=_to_voxel(plane_matrix, k, size, series),
        slice_numbers=tuple(None for _ in range(series.header.shape[2])),
        rotation_deg=turn,
        tilt_deg=(0.0, 0.0),
        offset_mm=_off_center(plane_matrix, series, phantom),
        mirrored=False,
        reversed_order=False,
        residual_mm=math.nan,
        symmetry="left and right are not told apart on a slice along the axis",
        evidence=(f"inserts agree by {score:.2f}, next best {other[0]:.2f}",),
        overrides=override.given,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Rectangle:
    """A bright rectangle: direction of its short side (the axis) and its extent along both."""

    axis_angle_deg: float
    axis_span_mm: tuple[float, float]
    across_span_mm: tuple[float, float]

    def center(self, y_sign: float, radius_mm: float) -> NDArray[np.float64]:
        """Return the phantom's center [mm], counted from the wall opposite to the rail.

        Rail and bubble hide up to a tenth of the diameter on the other side.
        """
        along, across = _axes(self.axis_angle_deg)
        low, high = self.across_span_mm
        middle = high - radius_mm if y_sign > 0 else low + radius_mm
        return np.asarray(along * sum(self.axis_span_mm) / 2 + across * middle)


def _rectangle(
    image: NDArray[np.float64], pixel_mm: tuple[float, float], phantom: CylinderPhantom
) -> _Rectangle:
    """Find the rectangle by second moments of what is bright, and its sides by its marginals."""
    from scipy.ndimage import uniform_filter

    smooth = uniform_filter(image, 3, mode="nearest")
    if not smooth.max() > 0:
        raise LocateError("the image is empty")
    bright = float(np.percentile(smooth, 95))
    design = (phantom.body.inner_length_mm, phantom.body.inner_diameter_mm)
    seen = ""
    for share in THRESHOLDS:
        mask = smooth > share * bright
        i, j = np.nonzero(_filled(mask) & _filled(mask.T).T)
        if i.size < 100:
            continue
        points = np.column_stack([i * pixel_mm[0], j * pixel_mm[1]])
        vectors = np.linalg.eigh(np.cov((points - points.mean(axis=0)).T))[1]
        start = math.degrees(math.atan2(vectors[1, 0], vectors[0, 0]))
        angle = _sharpest(points, start)
        along, beside = _axes(angle)
        axis, across = _span(points @ along), _span(points @ beside)
        short, long = axis[1] - axis[0], across[1] - across[0]
        fill = i.size * pixel_mm[0] * pixel_mm[1] / (short * long)
        fits = abs(short / design[0] - 1) < SIZE_TOLERANCE
        if fits and 0.86 < long / design[1] < 1 + SIZE_TOLERANCE and fill > 0.9:
            return _Rectangle(angle, axis, across)
        seen = seen or f" (it measures about {short:.0f} x {long:.0f} mm)"
    raise LocateError(f"the outline is no rectangle of {design[0]:.0f} x {design[1]:.0f} mm{seen}")


def _axes(angle_deg: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a = math.radians(angle_deg)
    return np.array([math.cos(a), math.sin(a)]), np.array([-math.sin(a), math.cos(a)])


def _sharpest(points: NDArray[np.float64], start_deg: float) -> float:
    """Return the direction near `start_deg` along which the two end walls are sharpest.

    Moments alone are pulled by what rail and bubble hide; straight ends are not.
    """

    def sharpness(angle_deg: float) -> float:
        counts = _density(points @ _axes(angle_deg)[0])[1]
        return float((np.diff(counts, prepend=0, append=0) ** 2).sum())

    angles = start_deg + np.arange(-12.0, 12.01, 0.25)
    return float(max(angles, key=sharpness))


def _density(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return start [mm] and counts a millimetre; each point is shared between two bins.

    Without the sharing a pixel pitch near the bin width beats with it.
    """
    start = float(np.floor(values.min())) - 2
    place = (values - start) / 1.0
    index = place.astype(int)
    share = place - index
    size = int(index.max()) + 4
    counts = np.bincount(index, 1 - share, size) + np.bincount(index + 1, share, size)
    return start, np.convolve(counts, (0.25, 0.5, 0.25), mode="same")


def _span(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return where the density of projected points is above half of its median."""
    start, counts = _density(values)
    above = np.flatnonzero(counts > 0.5 * np.median(counts[counts > 0]))
    return start + float(above[0]), start + float(above[-1])


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill every row between its first and last point."""
    forward = np.maximum.accumulate(mask, axis=1)
    backward = np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(forward & backward)


def _matrix(
    axis_angle_deg: float,
    y_sign: float,
    z_sign: float,
    pixel_mm: tuple[float, float],
    center_mm: NDArray[np.float64],
    phantom: CylinderPhantom,
) -> NDArray[np.float64]:
    """Return (2, 3): plane coordinates (y, -z, 1) [mm] to (i, j); up is -z, right is y."""
    along, across = _axes(axis_angle_deg)
    up, right = along * z_sign, across * y_sign
    z_middle = sum(phantom.body.z_mm) / 2
    origin = center_mm + up * z_middle
    matrix = np.column_stack([right, up, origin]) / np.array(pixel_mm)[:, None]
    return np.asarray(matrix)


def _template(phantom: CylinderPhantom, variant: str | None) -> NDArray[np.float64]:
    y, z = _grid(phantom)
    rows = []
    for level in z:
        layers = [
            expected_signal(phantom, variant, np.full(y.shape, x), y, (float(level),))
            for x in (-4.0, 0.5, 4.0)
        ]
        rows.append(np.mean(layers, axis=0))
    return np.array(rows)


def _grid(phantom: CylinderPhantom) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    half = phantom.body.inner_diameter_mm / 2 - 3
    low, high = phantom.body.z_mm
    return np.arange(-half, half, STEP_MM), np.arange(low + 3, high - 3, STEP_MM)


def _agreement(
    image: NDArray[np.float64],
    matrix: NDArray[np.float64],
    template: NDArray[np.float64],
    phantom: CylinderPhantom,
) -> float:
    """Return the correlation with the definition after dividing out smooth shading."""
    from scipy.ndimage import map_coordinates, maximum_filter, uniform_filter

    y, z = _grid(phantom)
    yy, zz = np.meshgrid(y, z)
    i = matrix[0, 0] * yy - matrix[0, 1] * zz + matrix[0, 2]
    j = matrix[1, 0] * yy - matrix[1, 1] * zz + matrix[1, 2]
    values = map_coordinates(image, [i, j], order=1, mode="constant")
    bath = uniform_filter(maximum_filter(values, 15), 15)
    flat = values / np.maximum(bath, 1e-6 * bath.max() + 1e-30)
    return float(np.corrcoef(flat.ravel(), template.ravel())[0, 1])


def _to_voxel(
    plane_matrix: NDArray[np.float64], k: int, size: tuple[float, float, float], series: Series
) -> NDArray[np.float64]:
    m = np.eye(4)
    m[:2, 0] = 0.0
    m[:2, 1] = plane_matrix[:, 0]
    m[:2, 2] = -plane_matrix[:, 1]
    m[:2, 3] = plane_matrix[:, 2]
    m[2] = (1 / size[2], 0.0, 0.0, k)
    if np.linalg.det(series.header.affine[:3, :3] @ m[:3, :3]) < 0:
        m[2, 0] *= -1
    return m


def _off_center(
    plane_matrix: NDArray[np.float64], series: Series, phantom: CylinderPhantom
) -> tuple[float, float, float]:
    z_middle = sum(phantom.body.z_mm) / 2
    at = plane_matrix @ np.array([0.0, -z_middle, 1.0])
    ni, nj, _, _ = series.header.shape
    size = series.header.voxel_size_mm
    return ((at[0] - (ni - 1) / 2) * size[0], (at[1] - (nj - 1) / 2) * size[1], 0.0)
