"""A renderer of the NIST system phantom for tests: solid bodies, supersampled, any placement.

Shares no code with qiqa: neither with its simulator nor with what is tested.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from qiqa.core.arrangement import Arrangement
from qiqa.core.scanner import Acquisition, Reconstruction, Scanner
from qiqa.core.series import FrameSource, Series, SeriesHeader

PLATE_HALF_MM = 4.0
"""Half of the thickness of the five plates, 40 mm apart."""
WALL = 0.04
FILL = 1.0
SUB = 3
"""Samples a voxel and axis near spheres."""


@dataclasses.dataclass(frozen=True)
class Scene:
    """How the phantom lies and what is wrong with it."""

    rotation: np.ndarray = dataclasses.field(default_factory=lambda: np.eye(3))
    """Phantom axes to LPS axes, (3, 3), orthogonal; determinant -1 mirrors."""
    center_lps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    voxel_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fov_mm: tuple[float, float, float] = (224.0, 224.0, 224.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Center of the field of view, LPS."""
    axes: np.ndarray = dataclasses.field(default_factory=lambda: np.eye(3))
    """Columns: directions of i, j, k in LPS."""
    snr: float = 40.0
    bath: float = 0.35
    removed: tuple[str, ...] = ("F55",)
    spheres: bool = True
    """Whether the three plates of large spheres are there."""
    posts: bool = True
    shading: float = 0.15
    """Relative change of the signal over 100 mm along LPS x."""
    undistort: Callable[[np.ndarray], np.ndarray] | None = None
    """Image position (n, 3) LPS to the true position of what is seen there."""
    seed: int = 1


def affine_lps(scene: Scene) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Return voxel indices to LPS mm (4, 4), and the shape."""
    size = np.asarray(scene.voxel_mm)
    shape = tuple(round(f / s) for f, s in zip(scene.fov_mm, size, strict=True))
    affine = np.eye(4)
    affine[:3, :3] = scene.axes * size
    middle = (np.array(shape) - 1) / 2
    affine[:3, 3] = np.asarray(scene.shift_mm) - affine[:3, :3] @ middle
    return affine, shape


def image_positions(scene: Scene, points_mm: np.ndarray) -> np.ndarray:
    """Return where phantom points (n, 3) are seen in the images, LPS mm."""
    true = points_mm @ scene.rotation.T + np.asarray(scene.center_lps)
    seen = true.copy()
    if scene.undistort is not None:
        for _ in range(50):
            seen = seen + (true - scene.undistort(seen))
    return seen


def render(phantom: Arrangement, scene: Scene) -> np.ndarray:
    """Return the signal (i, j, k), float32."""
    affine, shape = affine_lps(scene)
    painter = _Painter(phantom, scene)
    volume = np.zeros(shape, dtype=np.float32)
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    for k in range(shape[2]):
        places = painter.places(affine, [rows, columns, np.array([k])])
        volume[:, :, k] = painter.background(*places).reshape(shape[:2])
    for center, inner, outer, fill in painter.balls:
        _ball(volume, affine, painter, center, inner, outer, fill)
    rng = np.random.default_rng(scene.seed)
    sigma = FILL / scene.snr
    real = volume + sigma * rng.standard_normal(shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(shape, dtype=np.float32)
    return np.asarray(np.hypot(real, imaginary) * 800.0, dtype=np.float32)


def as_series(signal: np.ndarray, lps: np.ndarray, description: str = "rendered") -> Series:
    """Return a series around a signal (i, j, k)."""
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    step = float(np.linalg.norm(lps[:3, 2]))
    header = SeriesHeader(
        series_uid="1.2.3",
        description=description,
        modality="MR",
        scanner=Scanner(),
        acquisition=Acquisition(reconstruction=Reconstruction(), patient_position="HFS"),
        affine=ras,
        shape=(*signal.shape, 1),
        frames=(tuple(FrameSource(path="test", frame=k) for k in range(signal.shape[2])),),
        slice_positions_mm=tuple(k * step for k in range(signal.shape[2])),
    )
    return Series(header=header, signal=np.asfortranarray(signal[..., None], dtype=np.float32))


def rendered(phantom: Arrangement, scene: Scene) -> Series:
    """Return the rendered phantom as a series."""
    return as_series(render(phantom, scene), affine_lps(scene)[0])


def random_rotation(rng: np.random.Generator, *, mirrored: bool = False) -> np.ndarray:
    """Return a rotation, evenly distributed, or one times the mirroring of x."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    q[:, 0] *= np.sign(np.linalg.det(q))
    return q @ np.diag([-1.0, 1.0, 1.0]) if mirrored else q


def _positions(affine: np.ndarray, axes: list[np.ndarray]) -> np.ndarray:
    """Return where the points of a grid of indices lie, (n, 3) float32."""
    i, j, k = (axis[:, None] * affine[:3, d] for d, axis in enumerate(axes))
    whole = i[:, None, None] + j[None, :, None] + (k + affine[:3, 3])[None, None, :]
    return whole.reshape(-1, 3).astype(np.float32)


class _Painter:
    def __init__(self, phantom: Arrangement, scene: Scene) -> None:
        self.scene = scene
        self.radius = phantom.shell_diameter_mm / 2
        self.posts = [m.center_mm for m in phantom.landmark] if scene.posts else []
        self.post_radius = [m.diameter_mm / 2 for m in phantom.landmark]
        self.balls = []
        for group in phantom.group:
            if not group.fiducials and not scene.spheres:
                continue
            n = len(group.labels)
            for at, (label, center) in enumerate(zip(group.labels, group.centers_mm, strict=True)):
                if label in scene.removed:
                    continue
                fill = FILL if group.fiducials else 0.3 + 1.1 * at / n
                half = (group.inner_diameter_mm / 2, group.outer_diameter_mm / 2)
                self.balls.append((np.asarray(center), *half, fill))

    def places(self, affine: np.ndarray, axes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return LPS positions (n, 3) of a grid of indices, and the phantom points seen there."""
        lps, scene = _positions(affine, axes), self.scene
        if scene.undistort is not None:
            return lps, (scene.undistort(lps) - np.asarray(scene.center_lps)) @ scene.rotation
        straight = affine.copy()
        straight[:3] = scene.rotation.T @ (affine[:3] - np.outer(scene.center_lps, [0, 0, 0, 1]))
        return lps, _positions(straight, axes)

    def shade(self, lps: np.ndarray) -> np.ndarray:
        return 1 + self.scene.shading * lps[:, 0] / 100

    def background(self, lps: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """Bath, plates and posts, without any sphere."""
        inside = np.flatnonzero(np.einsum("nd,nd->n", whole, whole) <= self.radius**2)
        p = whole[inside]
        y = p[:, 1]
        layer = np.clip(np.round(y / 40), -2, 2) * 40
        signal = np.where(np.abs(y - layer) <= PLATE_HALF_MM, WALL, self.scene.bath)
        for center, radius in zip(self.posts, self.post_radius, strict=False):
            near = np.abs(y - center[1]) <= 20.0
            x, z = p[:, 0] - center[0], p[:, 2] - center[2]
            signal[near & (x * x + z * z <= radius * radius)] = WALL
        result = np.zeros(len(lps), dtype=np.float32)
        result[inside] = signal * self.shade(lps[inside])
        return result


def _ball(volume, affine, painter, center, inner, outer, fill) -> None:
    """Paint one sphere with its wall, each voxel the mean of SUB³ samples."""
    shape = np.array(volume.shape)
    at = image_positions(painter.scene, center[None])[0]
    middle = np.linalg.solve(affine[:3, :3], at - affine[:3, 3])
    reach = (outer + 1.5) * np.linalg.norm(np.linalg.inv(affine[:3, :3]), axis=1) + 1
    low = np.maximum(np.ceil(middle - reach), 0).astype(int)
    high = np.minimum(np.floor(middle + reach) + 1, shape).astype(int)
    if (high <= low).any():
        return
    steps = (np.arange(SUB) - (SUB - 1) / 2) / SUB
    axes = [(np.arange(a, b)[:, None] + steps).ravel() for a, b in zip(low, high, strict=True)]
    lps, points = painter.places(affine, axes)
    off = points - center.astype(points.dtype)
    r2 = np.einsum("nd,nd->n", off, off)
    signal = np.where(r2 <= inner**2, fill, WALL) * painter.shade(lps)
    outside = np.flatnonzero(r2 > outer**2)
    signal[outside] = painter.background(lps[outside], points[outside])
    n = high - low
    fine = signal.reshape(n[0], SUB, n[1], SUB, n[2], SUB).mean(axis=(1, 3, 5))
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    volume[box] = fine
