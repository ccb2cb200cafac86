"""Faults of pixels that the study of them plants: how, at which sizes, and what must be told."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAULTS", "FONTS", "IMAGES", "SHAPE", "TEXTS", "Fault", "Image", "clean_image"]

ROOT = Path(__file__).resolve().parents[2]
Image = NDArray[np.float64]
FONTS = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf")
TEXTS = (
    "JANE DOE 1961-03-04",
    "Smith^John ID 4432187",
    "Acc 00123 Hospital A",
    "MR 1.5T TE 80 TR 4000",
    "PATIENT: MILLER K",
)
SHAPE = (160, 160, 10)


def _images() -> ModuleType:
    path = ROOT / "tests" / "vetting" / "pixel_images.py"
    spec = importlib.util.spec_from_file_location("pixel_images", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


IMAGES = _images()


def _complex(image: Image, noise: float, rng: np.random.Generator) -> Image:
    return np.asarray(
        image + rng.normal(0, noise, image.shape) + 1j * rng.normal(0, noise, image.shape)
    )


def _level(image: Image) -> float:
    return float(np.median(image[image > 100]))


def clean_image(image: Image, _: float, rng: np.random.Generator) -> Image:
    return np.asarray(IMAGES.magnitude(image, rng.uniform(10, 50), rng, int(rng.choice([1, 4]))))


def _spike(image: Image, percent: float, rng: np.random.Generator) -> Image:
    n = image.shape[0]
    whole = _complex(image, 12, rng)
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    u, v = rng.integers(n // 10, 2 * n // 5), rng.integers(n // 10, 2 * n // 5)
    wave = np.exp(2j * np.pi * (u * i + rng.choice([-1, 1]) * v * j) / n)
    whole[:, :, int(rng.integers(image.shape[2]))] += percent / 100 * _level(image) * wave
    return np.asarray(np.abs(whole))


def _room(image: Image) -> Image:
    """Return the image with room around the object, as in echo planar images of the head."""
    pad = image.shape[0] // 3
    return np.pad(image, ((pad, pad), (pad, pad), (0, 0)))


def _ghosted(image: Image, percent: float) -> Image:
    """Add the N/2 ghost of an echo planar image: a quarter of a turn away from the object."""
    shifted = np.roll(image, image.shape[1] // 2, axis=1)
    phi = np.arctan(percent / 100)
    return np.asarray(np.hypot(np.cos(phi) * image, np.sin(phi) * shifted))


def _ghost(image: Image, percent: float, rng: np.random.Generator) -> Image:
    return np.asarray(IMAGES.magnitude(_ghosted(_room(image), percent), 10, rng))


def _ghost_within(image: Image, percent: float, rng: np.random.Generator) -> Image:
    """No room, and the air set to zero: by corners alone."""
    noisy = IMAGES.magnitude(_ghosted(image, percent), 10, rng)
    return np.asarray(np.where(image > 20, noisy, 0))


def _moved(image: Image, voxels: float, rng: np.random.Generator) -> Image:
    """Shift a quarter of the lines of k-space along j, others in each slice."""
    n = image.shape[1]
    some = rng.random((n, image.shape[2])) < 0.25
    shift = np.where(some, rng.uniform(-voxels, voxels, some.shape), 0)
    turns = np.exp(-2j * np.pi * np.fft.fftfreq(n)[:, None] * shift)
    moved = np.fft.ifft(np.fft.fft(image, axis=1) * turns, axis=1)
    real = moved + rng.normal(0, 10, image.shape) + 1j * rng.normal(0, 10, image.shape)
    return np.asarray(np.abs(real))


def _masked_moved(image: Image, voxels: float, rng: np.random.Generator) -> Image:
    return np.asarray(np.where(image > 20, _moved(image, voxels, rng), 0))


def _lost(image: Image, percent: float, rng: np.random.Generator) -> Image:
    """Take signal from one slice of a single volume; the noise stays."""
    image = image.copy()
    image[:, :, int(rng.integers(1, image.shape[2] - 1))] *= 1 - percent / 100
    return np.asarray(IMAGES.magnitude(image, 10, rng))


def _wrap(image: Image, percent: float, rng: np.random.Generator) -> Image:
    cut = int(image.shape[1] * percent / 200)
    folded = image[:, cut : image.shape[1] - cut].copy()
    if cut:
        folded[:, -cut:] += image[:, :cut]
        folded[:, :cut] += image[:, -cut:]
    return np.asarray(IMAGES.magnitude(folded, 15, rng))


def _noise(image: Image, percent: float, rng: np.random.Generator) -> Image:
    return np.asarray(IMAGES.magnitude(image, percent / 100 * _level(image), rng))


def _dropout(image: Image, percent: float, rng: np.random.Generator) -> Image:
    volumes = IMAGES.magnitude(image[..., None] * np.linspace(1, 0.4, 8), 10, rng)
    volumes[:, :, int(rng.integers(1, image.shape[2] - 1)), int(rng.integers(8))] *= (
        1 - percent / 100
    )
    return np.asarray(volumes)


def _clip(image: Image, percent: float, rng: np.random.Generator) -> Image:
    noisy = np.rint(IMAGES.magnitude(image, 15, rng))
    return np.asarray(np.minimum(noisy, np.percentile(noisy[image > 100], 100 - percent)))


def _text(image: Image, cap: float, rng: np.random.Generator) -> Image:
    noisy = np.asarray(IMAGES.magnitude(image, 20, rng))
    n = image.shape[1]
    row = int(rng.choice([3, n - 2 * cap - 3, n // 2]))
    text, font, soft = str(rng.choice(TEXTS)), str(rng.choice(FONTS)), bool(rng.integers(2))
    for k in range(image.shape[2]):
        noisy[:, :, k] = IMAGES.with_text(
            noisy[:, :, k], text, cap=int(cap), at=(3, row), soft=soft, font=font, value=noisy.max()
        )
    return noisy


@dataclasses.dataclass(frozen=True)
class Fault:
    """One kind of fault, its sizes, and from which one on it must be told."""

    code: str
    size: str
    plant: Callable[[Image, float, np.random.Generator], Image]
    doses: tuple[float, ...]
    sure: float
    also: tuple[str, ...] = ()
    """Other codes that are right."""
    shape: tuple[int, int, int] = SHAPE


_SMEARS = ("ghosting",)
FAULTS = (
    Fault("spikes", "stripes, % of the signal, one slice", _spike, (1, 2, 4, 8, 16), 16),
    Fault("ghosting", "N/2 ghost with room, %", _ghost, (2, 5, 10, 15, 25, 50), 15),
    Fault("ghosting", "N/2 ghost, no room, no air, %", _ghost_within, (5, 10, 25, 50), 50),
    Fault(
        "motion", "a quarter of the lines off by up to, voxels", _moved, (1, 3, 6, 12), 12, _SMEARS
    ),
    # no dose of it must be told: the correlation is a mean of slices, which moved otherwise each
    Fault("motion", "the same without air, voxels", _masked_moved, (1, 3, 6, 12), 999, _SMEARS),
    Fault("wrap", "field of view cut by, %", _wrap, (0, 10, 30, 50), 999),
    Fault("low_snr", "noise, % of the signal", _noise, (10, 15, 20, 30, 50), 50),
    Fault(
        "dropout_slices",
        "signal lost in one slice of one volume, %",
        _dropout,
        (20, 40, 60, 90),
        60,
    ),
    Fault("dropout_slices", "one slice of a single volume, %", _lost, (20, 40, 60, 90), 60),
    Fault("clipped", "brightest part cut off, %", _clip, (0.1, 1, 3, 10), 3),
    Fault(
        "burned_in_text",
        "height of capitals, pixel",
        _text,
        (6, 8, 10, 12, 16, 24),
        10,
        (256, 256, 3),
    ),
)
