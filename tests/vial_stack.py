"""A renderer of the diffusion phantom for tests: vials, walls, lugs, cut by slices any way.

Voxels hold the mean over points inside of them. Shares no code with qiqa: neither with its
simulator nor with what is tested.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from qiqa.core.arrangement import Arrangement
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, Series, SeriesHeader

ADC = {
    0.0: 1.109e-3,
    10.0: 0.817e-3,
    20.0: 0.579e-3,
    30.0: 0.380e-3,
    40.0: 0.220e-3,
    50.0: 0.110e-3,
}
"""Of the maker's certificate at 0 °C, by content [mm²/s]."""
B_VALUES = (0.0, 500.0, 900.0, 2000.0)
SIGNAL = 1000.0
PLANES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}
"""Directions of i and j in LPS."""
LPS = np.diag([-1.0, -1.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Scene:
    """How the phantom lies, and how it is cut."""

    plane: str = "sagittal"
    matrix: int = 112
    voxel_mm: float = 1.75
    n_slices: int = 28
    spacing_mm: float = 5.0
    thickness_mm: float = 5.0
    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """About x, then y, then z of LPS."""
    center_mm: tuple[float, float, float] = (2.3, -3.1, 1.2)
    """LPS."""
    length_mm: float = 100.0
    """Of the vials, walls and lugs."""
    b_values: tuple[float, ...] = B_VALUES
    snr: float = 60.0
    lugs: bool = True
    seed: int = 1
    sub: tuple[int, int, int] = (2, 2, 4)
    frame: str = "1.2.3.9"


def turned(scene: Scene) -> np.ndarray:
    """Return phantom -> LPS."""
    result = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(scene.rotation_deg)):
        one, two = [(1, 2), (2, 0), (0, 1)][axis]
        step = np.eye(3)
        step[one, one] = step[two, two] = np.cos(angle)
        step[one, two], step[two, one] = -np.sin(angle), np.sin(angle)
        result = step @ result
    return result


def _affine(scene: Scene) -> np.ndarray:
    """Return voxel -> RAS of a stack about the isocenter."""
    i, j = (np.array(v, dtype=float) for v in PLANES[scene.plane])
    directions = np.column_stack([i, j, np.cross(i, j)])
    sizes = np.array([scene.voxel_mm, scene.voxel_mm, scene.spacing_mm])
    affine = np.eye(4)
    affine[:3, :3] = LPS @ directions * sizes
    shape = np.array([scene.matrix, scene.matrix, scene.n_slices])
    affine[:3, 3] = -affine[:3, :3] @ ((shape - 1) / 2)
    return affine


def rendered(phantom: Arrangement, scene: Scene) -> Series:
    """Return diffusion-weighted images; one b-value of 0 makes plain images."""
    (group,) = phantom.group
    affine = _affine(scene)
    n_labels = len(group.labels)
    # what holds: air, bath, wall, lug, then the vials
    share = _shares(phantom, scene, affine)
    adc = [0.0, ADC[0.0], 0.0, ADC[0.0], *(ADC[c] for c in group.content)]
    full = [0.0, 1.0, 0.0, 1.5, *(1.0 - 0.004 * c for c in group.content)]
    assert len(adc) == n_labels + 4
    rng = np.random.default_rng(scene.seed)
    volumes = []
    for b in scene.b_values:
        signal = SIGNAL * np.array(full) * np.exp(-b * np.array(adc))
        clean = np.tensordot(signal, share, axes=1)
        noise = rng.normal(0, SIGNAL / scene.snr, (2, *clean.shape))
        volumes.append(np.rint(np.hypot(clean + noise[0], noise[1])))
    pixels = np.asfortranarray(np.stack(volumes, axis=-1), dtype=np.float32)
    plain = len(scene.b_values) == 1
    encoding = (
        Encoding() if plain else Encoding(name="b_value", values=scene.b_values, unit="s/mm²")
    )
    header = SeriesHeader(
        series_uid=f"1.2.3.{scene.seed}.{len(scene.plane)}",
        study_uid="1.2.3",
        frame_of_reference_uid=scene.frame,
        description=f"{scene.plane} rendered",
        modality="MR",
        scanner=Scanner(manufacturer="SIEMENS", model="Test", field_strength_t=3.0),
        acquisition=Acquisition(
            slice_thickness_mm=scene.thickness_mm, tr_ms=8000.0, te_ms=80.0, spin_echo=True
        ),
        affine=affine,
        shape=pixels.shape,
        encoding=encoding,
        frames=tuple(
            tuple(FrameSource(path="painted") for _ in range(scene.n_slices)) for _ in volumes
        ),
        slice_positions_mm=tuple(scene.spacing_mm * k for k in range(scene.n_slices)),
    )
    return Series(header=header, signal=pixels, stored_range=(0.0, 4095.0))


def _shares(phantom: Arrangement, scene: Scene, affine: np.ndarray) -> np.ndarray:
    """Return the share of each voxel (material, i, j, k) that each material fills."""
    (group,) = phantom.group
    back = np.linalg.inv(LPS @ turned(scene))
    fine = [
        ((np.arange(n * s) + 0.5) / s - 0.5).astype(np.float32)
        for n, s in zip((scene.matrix, scene.matrix, scene.n_slices), scene.sub, strict=True)
    ]
    middle = np.arange(scene.n_slices).repeat(scene.sub[2])
    fine[2] = (middle + (fine[2] - middle) * scene.thickness_mm / scene.spacing_mm).astype("f4")
    shape = (scene.matrix, scene.matrix, scene.n_slices)
    found = np.zeros((4 + len(group.labels), *shape), np.float32)
    to_phantom = back @ affine[:3, :3]
    origin = back @ (affine[:3, 3] - LPS @ np.array(scene.center_mm))
    s = scene.sub
    for i in range(scene.matrix):
        rows = fine[0][i * s[0] : (i + 1) * s[0]]
        x, y, z = (
            (
                to_phantom[row, 0] * rows[:, None, None]
                + to_phantom[row, 1] * fine[1][None, :, None]
                + to_phantom[row, 2] * fine[2][None, None, :]
                + origin[row]
            ).astype(np.float32)
            for row in range(3)
        )
        holds = np.where(np.hypot(x, y) < phantom.shell_diameter_mm / 2, 1, 0).astype(np.int8)
        along = np.abs(z) < scene.length_mm / 2
        for number, (cx, cy, _) in enumerate(group.centers_mm):
            r = np.hypot(x - cx, y - cy)
            holds[along & (r < group.outer_diameter_mm / 2)] = 2
            holds[along & (r < group.inner_diameter_mm / 2)] = 4 + number
        for mark in phantom.landmark if scene.lugs else ():
            r = np.hypot(x - mark.center_mm[0], y - mark.center_mm[1])
            holds[along & (r < mark.diameter_mm / 2)] = 3
        for n in np.unique(holds):
            part = (holds == n).reshape(s[0], scene.matrix, s[1], scene.n_slices, s[2])
            found[n, i] = part.mean(axis=(0, 2, 4))
    return found


def off_axis_mm(phantom: Arrangement, scene: Scene, series: Series, voxel, label: str) -> float:
    """Return how far a place in voxels lies from the true axis of a vial."""
    (group,) = phantom.group
    world = LPS @ (series.header.affine @ np.array([*voxel, 1.0]))[:3]
    at = turned(scene).T @ (world - np.array(scene.center_mm))
    true = group.centers_mm[group.labels.index(label)]
    return float(np.hypot(at[0] - true[0], at[1] - true[1]))
