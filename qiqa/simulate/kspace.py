"""From the object to what the scanner samples, and from the samples to an image.

k-space arrays are (rows, columns), complex, with k from -N/2 to N/2 - 1 along both axes and the
phase referred to the center of the field of view; an object of signal 1 gives an image of 1.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["add_ghost", "add_noise", "apodize", "fold", "reconstruct", "sample", "window"]

Samples = NDArray[np.complex64]


def fold(
    fine: NDArray[np.float32], padding: int, phase_encode_direction: str
) -> NDArray[np.float32]:
    """Return the field of view of an object drawn on a field `padding` times as large.

    Along frequency the receiver's filter cuts what is outside; along phase it folds over.
    """
    size = fine.shape[0] // padding
    if padding == 1:
        return fine
    along_rows = phase_encode_direction == "ROW"
    image = fine.T if along_rows else fine
    edge = (image.shape[0] - size) // 2
    image = image[:, edge : edge + size]
    folded = np.zeros((size, size), dtype=np.float32)
    for start in range(0, image.shape[0], size // 2):
        part = image[start : start + size // 2]
        at = (start - edge) % size
        folded[at : at + size // 2] += part
    return np.ascontiguousarray(folded.T) if along_rows else folded


def sample(fine: NDArray[np.float32], matrix: int) -> Samples:
    """Return the central `matrix` by `matrix` samples of the k-space of a fine real object.

    Fine pixels are means over their area, which damps high frequencies; that is undone, so that
    what is left is the truncation of k-space alone.
    """
    size, half = fine.shape[0], matrix // 2
    rows = scipy.fft.rfft(fine, axis=1)[:, : half + 1]
    k = np.arange(-half, half + 1)
    quarter = scipy.fft.fft(rows, axis=0)[k % size]
    full = np.concatenate((np.conj(quarter[::-1, :0:-1]), quarter), axis=1)
    # Center of the field lies (size - 1) / 2 from the first fine pixel.
    one = np.exp(1j * np.pi * k * (size - 1) / size) / (np.sinc(k / size) * size)
    centered: Samples = (full * one[:, None] * one[None, :]).astype(np.complex64)[:-1, :-1]
    return centered


def add_ghost(samples: Samples, fraction: float, shift_px: float, direction: str) -> Samples:
    """Return samples with a copy of the object, shifted along `direction` and in quadrature.

    Quadrature leaves the object's own magnitude almost as it was, as with most real ghosts.
    """
    if fraction == 0:
        return samples
    matrix = samples.shape[0]
    k = np.arange(-(matrix // 2), matrix // 2)
    turn = 1 + 1j * fraction * np.exp(-2j * np.pi * k * shift_px / matrix)
    result: Samples = samples * (turn[None, :] if direction == "ROW" else turn[:, None])
    return result.astype(np.complex64)


def add_noise(samples: Samples, sd: float, rng: np.random.Generator) -> Samples:
    """Return samples with white noise that has `sd` in each channel of the image."""
    if sd == 0:
        return samples
    noise = rng.standard_normal((*samples.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    return samples + np.float32(sd / samples.shape[0]) * noise


def apodize(samples: Samples, strength: float) -> Samples:
    """Return samples times 1 - strength sin²(pi k / N) along both axes (1: Hann window)."""
    if strength == 0:
        return samples
    one = window(samples.shape[0], strength)
    result: Samples = samples * (one[:, None] * one[None, :]).astype(np.float32)
    return result


def window(matrix: int, strength: float) -> NDArray[np.float64]:
    """Return the window of `apodize` along one axis."""
    k = np.arange(-(matrix // 2), matrix // 2)
    result: NDArray[np.float64] = 1 - strength * np.sin(np.pi * k / matrix) ** 2
    return result


def inverse(samples: Samples, stored: int) -> Samples:
    """Return the complex image of `stored` by `stored` pixels, centered in the field."""
    matrix = samples.shape[0]
    k = np.arange(-(matrix // 2), matrix // 2)
    one = np.exp(-1j * np.pi * k * (stored - 1) / stored) * stored
    grid = np.zeros((stored, stored), dtype=np.complex64)
    at = k % stored
    grid[np.ix_(at, at)] = samples * (one[:, None] * one[None, :])
    image: Samples = scipy.fft.ifft2(grid, overwrite_x=True)
    return image


def reconstruct(coils: list[Samples], stored: int) -> NDArray[np.float32]:
    """Return the root of the sum of squares over coils, (rows, columns)."""
    power = np.zeros((stored, stored), dtype=np.float32)
    for samples in coils:
        image = inverse(samples, stored)
        power += image.real**2 + image.imag**2
    return np.sqrt(power)
