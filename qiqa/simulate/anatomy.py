"""Made-up heads: each person's own, the same at every visit, seen by one scanner or another.

Ellipsoids (scalp, skull, brain, gray matter folded over white, ventricles, a lesion) in a smooth
warp of each person's own, with a texture of each person's own. It looks like a head to a program
that knows no anatomy; it is made for checks that must tell people apart and faults from heads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.training_set import PlannedScanner

__all__ = ["head_image"]

FloatArray = NDArray[np.float64]

# air, scalp, skull, fluid, gray, white, lesion: relative to white matter (T1w), fluid (T2w)
_SIGNAL = {
    "t1w": (0.0, 0.95, 0.12, 0.22, 0.65, 1.00, 0.55),
    "t2w": (0.0, 0.60, 0.10, 1.00, 0.55, 0.40, 0.75),
    "adc": (0.0, 0.60, 0.0, 3.0, 0.85, 0.72, 1.30),  # 1e-3 mm²/s at 37 °C
}
_WAVES = 24


def head_image(
    person_seed: int,
    image_seed: int,
    contrast: str,
    scanner: PlannedScanner,
    slices: int,
) -> FloatArray:
    """Return what a scanner shows of a person, (i, j, k).

    Parameters
    ----------
    person_seed
        Who.
    image_seed
        Pose and noise of this visit.
    contrast
        `t1w`, `t2w`, or `adc` in 1e-3 mm²/s.
    scanner
        Matrix, voxels, noise, shading, blur.
    slices
        How many.
    """
    person = np.random.default_rng([person_seed, 1])
    visit = np.random.default_rng([image_seed, 2])
    points = _points(scanner, slices, visit)
    points = points + _warp(points, person)
    tissue = _tissues(points, person)
    levels = np.array(_SIGNAL[contrast])
    image = np.asarray(levels[tissue] * (1.0 + 0.05 * _waves(points, person, 8.0, 25.0)))
    image = _blurred(image, scanner.blur_mm / scanner.voxel_mm)
    if contrast == "adc":
        noise = visit.normal(0.0, 0.06, image.shape)
        return np.maximum(np.where(image > 0.05, image + noise, 0.0), 0.0)
    image = image * _sensitivity(image.shape, scanner.shading, visit)
    sd = scanner.noise * float(levels[4])
    noisy = np.hypot(image + visit.normal(0, sd, image.shape), visit.normal(0, sd, image.shape))
    if scanner.air_is_zero:
        noisy[image < 0.03] = 0.0
    return np.asarray(noisy * scanner.gain)


def _points(scanner: PlannedScanner, slices: int, visit: np.random.Generator) -> FloatArray:
    """Return where the voxels are in the head [mm], (3, i, j, k)."""
    n = scanner.matrix
    plane = (np.arange(n) - (n - 1) / 2) * scanner.voxel_mm
    along = (np.arange(slices) - (slices - 1) / 2) * scanner.spacing_mm
    x, y, z = np.meshgrid(plane, plane, along, indexing="ij")
    angle, (dx, dy, dz) = visit.normal(0.0, 0.05), visit.normal(0.0, 3.0, 3)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x - s * y + dx, s * x + c * y + dy, z + 0.5 * dz])


def _waves(p: FloatArray, rng: np.random.Generator, low_mm: float, high_mm: float) -> FloatArray:
    """Return a random smooth field of SD 1 with wavelengths in a range."""
    direction = rng.normal(size=(_WAVES, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    k = 2 * np.pi / rng.uniform(low_mm, high_mm, _WAVES)[:, None] * direction
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    # single precision: ten times as fast, and a millionth of a wave is nothing to see
    x, y, z = p.astype(np.float32)
    out = np.zeros(p.shape[1:])
    for (a, b, c), start in zip(k.astype(np.float32), phase.astype(np.float32), strict=True):
        out += np.cos(a * x + b * y + c * z + start)
    return np.asarray(out * np.sqrt(2.0 / _WAVES))


def _warp(p: FloatArray, person: np.random.Generator) -> FloatArray:
    """Return displacements of up to about 8 mm over 60 to 150 mm."""
    return np.stack([4.0 * _waves(p, person, 60.0, 150.0) for _ in range(3)])


def _tissues(p: FloatArray, person: np.random.Generator) -> NDArray[np.intp]:
    """Return the tissue of each voxel, by place in `_SIGNAL`."""
    a, b, c = person.normal((76.0, 92.0, 75.0), (3.5, 4.5, 3.5))
    radius = np.sqrt((p[0] / a) ** 2 + (p[1] / b) ** 2 + (p[2] / c) ** 2)
    tissue = np.zeros(p.shape[1:], dtype=np.intp)
    tissue[radius < 1.0] = 1
    tissue[radius < 0.93] = 2
    tissue[radius < 0.86] = 3
    tissue[radius < 0.82] = 4
    tissue[radius + 0.045 * _waves(p, person, 12.0, 30.0) < 0.68] = 5
    for side in (-1, 1):
        u, v, w = person.normal((8.0, 24.0, 9.0), (1.5, 4.0, 1.5))
        off = (p[0] - side * person.normal(13.0, 1.5)) / u, (p[1] - person.normal(0, 4)) / v
        tissue[off[0] ** 2 + off[1] ** 2 + (p[2] / w) ** 2 < 1.0] = 3
    place, size = person.normal(0.0, 28.0, 3), person.uniform(4.0, 14.0)
    inside = np.sqrt(((p - place[:, None, None, None]) ** 2).sum(axis=0)) < size
    tissue[inside & (tissue > 3)] = 6
    return tissue


def _blurred(image: FloatArray, fwhm_voxels: float) -> FloatArray:
    """Blur slices by a Gaussian of this width."""
    n, m = image.shape[:2]
    sigma = max(fwhm_voxels, 1e-3) / 2.354820045
    along = [np.exp(-2 * (np.pi * sigma * np.fft.fftfreq(count)) ** 2) for count in (n, m)]
    spectrum = np.fft.fft2(image, axes=(0, 1)) * along[0][:, None, None] * along[1][None, :, None]
    return np.maximum(np.fft.ifft2(spectrum, axes=(0, 1)).real, 0.0)


def _sensitivity(shape: tuple[int, ...], shading: float, visit: np.random.Generator) -> FloatArray:
    x, y = (np.linspace(-1.0, 1.0, n) for n in shape[:2])
    a, b = visit.uniform(-0.3, 0.3, 2)
    bowl = 1.0 + shading * (0.5 * ((x[:, None] - a) ** 2 + (y[None, :] - b) ** 2) - 0.3)
    return np.asarray(bowl)[:, :, None]
