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
    ij = np.stack(np.meshgrid(*(np.arange(n) for n in shape[:2]), indexing="ij"), axis=-1)
    for k in range(shape[2]):
        index = np.concatenate([ij, np.full((*shape[:2], 1), k)], axis=-1).reshape(-1, 3)
        volume[:, :, k] = painter.background(_to_lps(affine, index)).reshape(shape[:2])
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


def _to_lps(affine: np.ndarray, index: np.ndarray) -> np.ndarray:
    return (index @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)


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

    def phantom_points(self, lps: np.ndarray) -> np.ndarray:
        true = lps if self.scene.undistort is None else self.scene.undistort(lps)
        return (true - np.asarray(self.scene.center_lps)) @ self.scene.rotation

    def shade(self, lps: np.ndarray) -> np.ndarray:
        return 1 + self.scene.shading * lps[:, 0] / 100

    def background(self, lps: np.ndarray) -> np.ndarray:
        """Bath, plates and posts, without any sphere."""
        whole = self.phantom_points(lps)
        inside = np.flatnonzero((whole * whole).sum(axis=1) <= self.radius**2)
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
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    lps = _to_lps(affine, grid.reshape(-1, 3))
    signal = painter.background(lps)
    r2 = ((painter.phantom_points(lps) - center) ** 2).sum(axis=1)
    shade = painter.shade(lps)
    signal = np.where(r2 <= outer**2, WALL * shade, signal)
    signal = np.where(r2 <= inner**2, fill * shade, signal)
    n = high - low
    fine = signal.reshape(n[0], SUB, n[1], SUB, n[2], SUB).mean(axis=(1, 3, 5))
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    volume[box] = fine
