"""What is done to images before they come back as new ones."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

__all__ = ["CHANGES", "Change"]

Stack = NDArray[np.float32]
Change = Callable[[Stack], NDArray[np.generic]]


def _zoomed(*factor: float) -> Change:
    return lambda s: ndimage.zoom(s, factor, order=1)


def _thick(by: int) -> Change:
    def change(s: Stack) -> NDArray[np.generic]:
        kept = s[:, :, : s.shape[2] // by * by]
        return kept.reshape(*s.shape[:2], -1, by).mean(axis=3)

    return change


def _cropped(share: float, axes: tuple[int, ...] = (0, 1)) -> Change:
    def change(s: Stack) -> NDArray[np.generic]:
        cut = [slice(None)] * 3
        for axis in axes:
            off = round(s.shape[axis] * share)
            cut[axis] = slice(off, s.shape[axis] - off)
        return s[tuple(cut)]

    return change


def _one_side(share: float) -> Change:
    return lambda s: s[round(s.shape[0] * share) :]


def _noisy(share: float) -> Change:
    def change(s: Stack) -> NDArray[np.generic]:
        rng = np.random.default_rng(9)
        sigma = 1000 * share
        real = s + rng.normal(0, sigma, s.shape)
        return np.asarray(np.hypot(real, rng.normal(0, sigma, s.shape)))

    return change


def _jpeg(quality: int) -> Change:
    def change(s: Stack) -> NDArray[np.generic]:
        found = np.empty(s.shape)
        for k in range(s.shape[2]):
            with io.BytesIO() as file:
                plane = Image.fromarray((s[:, :, k] / s.max() * 255).astype(np.uint8))
                plane.save(file, "JPEG", quality=quality)
                found[:, :, k] = np.asarray(Image.open(file))
        return found

    return change


def _shaded(height: float) -> Change:
    def change(s: Stack) -> NDArray[np.generic]:
        x = np.linspace(-1, 1, s.shape[0])[:, None, None]
        y = np.linspace(-1, 1, s.shape[1])[None, :, None]
        return np.asarray(s * np.exp(height * (x - 0.7 * y)))

    return change


def _part(first: float, last: float) -> Change:
    return lambda s: s[:, :, round(s.shape[2] * first) : round(s.shape[2] * last)]


def _one(at: float) -> Change:
    return lambda s: s[:, :, int(s.shape[2] * at)][:, :, None]


def _window(s: Stack) -> NDArray[np.generic]:
    return np.clip((s - 40) / 800 * 255, 0, 255).astype(np.uint8)


CHANGES: dict[str, Change] = {
    "half the pixels": _zoomed(0.5, 0.5, 1),
    "0.7 of the pixels": _zoomed(0.7, 0.7, 1),
    "twice the pixels": _zoomed(2, 2, 1),
    "slices twice as thick": _thick(2),
    "slices a third as thick": _zoomed(1, 1, 3),
    "mirrored": lambda s: s[::-1],
    "mirrored in two axes": lambda s: s[:, ::-1, ::-1],
    "quarter turn in the plane": lambda s: np.rot90(s, 1),
    "quarter turn over an axis": lambda s: np.rot90(s, 1, (1, 2)),
    "axial stored as sagittal": lambda s: np.moveaxis(s, 0, 2),
    "cropped 5 % of each side": _cropped(0.05),
    "cropped 10 % of each side": _cropped(0.10),
    "cropped 15 % of each side": _cropped(0.15),
    "cropped 20 % of each side": _cropped(0.20),
    "cropped 25 % of each side": _cropped(0.25),
    "cropped 30 % of each side": _cropped(0.30),
    "cropped 10 % in three axes": _cropped(0.10, (0, 1, 2)),
    "cropped 20 % in three axes": _cropped(0.20, (0, 1, 2)),
    "cropped 20 % of one side": _one_side(0.20),
    "cropped 30 % of one side": _one_side(0.30),
    "padded with zeros": lambda s: np.pad(s, ((20, 40), (10, 30), (0, 0))),
    "padded with gray": lambda s: np.pad(s, ((9, 4), (1, 30), (0, 0)), constant_values=300),
    "padded with slices": lambda s: np.pad(s, ((0, 0), (0, 0), (3, 2))),
    "squared": lambda s: s.astype(np.float64) ** 2,
    "square root": np.sqrt,
    "logarithm": lambda s: np.log1p(s / 50),
    "8-bit window": _window,
    "negative": lambda s: s.max() - s,
    "negative, padded with zeros": lambda s: np.pad(s.max() - s, ((9, 20), (5, 5), (0, 0))),
    "noise 3 %": _noisy(0.03),
    "noise 8 %": _noisy(0.08),
    "JPEG, quality 75": _jpeg(75),
    "JPEG, quality 40": _jpeg(40),
    "JPEG, quality 15": _jpeg(15),
    "shading 0.8 to 1.2": _shaded(0.11),
    "shading 0.6 to 1.6": _shaded(0.28),
    "middle two thirds of the slices": _part(0.17, 0.83),
    "middle third of the slices": _part(0.33, 0.67),
    "another third of the slices": _part(0.5, 0.83),
    "every third slice": lambda s: s[:, :, ::3],
    "one slice at 0.40": _one(0.40),
    "one slice, the middle one": _one(0.50),
    "one slice at 0.57": _one(0.57),
}
"""What -> a function of a stack (i, j, k) with values to about 1000."""
