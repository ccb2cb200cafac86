"""Digest of the pixel values of a stack: the same for the same image under other headers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIGEST_BYTES", "digest"]

DIGEST_BYTES = 16
MOST_STEPS = 2**22
"""Whole numbers that a float32 still tells apart by a wide margin after rescaling."""


def digest(signal: NDArray[np.float32], quantization: float) -> bytes:
    """Return 16 bytes that are equal for stacks with the same stored values.

    Values are counted in steps of the stored type from the least one, so that another rescale slope
    or intercept in the header changes nothing; where that cannot be done exactly (no step known,
    more than 2^22 of them, values between steps), their own bits are taken. Each image is hashed
    by itself and the hashes in sorted order, so that the order of images changes nothing either.

    Parameters
    ----------
    signal
        (i, j, k, n); NaN where a slice is missing.
    quantization
        Step between stored values, in the unit of `signal`.
    """
    images = _of_steps(signal, quantization)
    steps = images is not None
    if images is None:
        images = [_hash(_plain_bits(image)) for image in _images(signal)]
    whole = hashlib.blake2b(digest_size=DIGEST_BYTES)
    whole.update(repr((signal.shape[0], signal.shape[1], len(images), steps)).encode("ascii"))
    for one in sorted(images):
        whole.update(one)
    return whole.digest()


def _images(signal: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield all images that are not missing, rows first."""
    for n in range(signal.shape[3]):
        for k in range(signal.shape[2]):
            image = np.ascontiguousarray(signal[:, :, k, n].T)
            if not np.isnan(image).all():
                yield image


def _of_steps(signal: NDArray[np.float32], quantization: float) -> list[bytes] | None:
    """Return the hashes of the values counted in steps; None where they do not lie on steps."""
    if not (math.isfinite(quantization) and quantization > 0):
        return None
    least = min((float(image.min()) for image in _images(signal)), default=math.nan)
    if not math.isfinite(least):
        return None
    found = []
    for image in _images(signal):
        count = (image.astype(np.float64) - least) / quantization
        # not below: a NaN or an infinite value is no step either
        if not (count.max() <= MOST_STEPS and np.abs(count - np.rint(count)).max() < 0.1):
            return None
        found.append(_hash(np.rint(count).astype("<i4")))
    return found


def _plain_bits(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values with one kind of NaN and one zero, low byte first."""
    whole = np.where(np.isnan(image), np.float32(np.nan), image + np.float32(0))
    return whole.astype("<f4")


def _hash(image: NDArray[np.float32] | NDArray[np.int32]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=DIGEST_BYTES).digest()
