"""Digest of the pixel values of a stack: the same for the same image under other headers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.planes import steps_of

__all__ = ["DIGEST_BYTES", "digest"]

DIGEST_BYTES = 16
MOST_STEPS = 2**22
"""Whole numbers that a float32 still tells apart by a wide margin after rescaling."""
_SHORT = 2**16 - 1
"""Steps that two bytes hold: half of the bytes to hash."""


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
    images = list(_images(signal))
    hashes = _of_steps(images, quantization)
    steps = hashes is not None
    if hashes is None:
        hashes = [_hash(_plain_bits(image)) for image in images]
    shape = repr((signal.shape[0], signal.shape[1], len(hashes), steps)).encode("ascii")
    return hashlib.sha256(shape + b"".join(sorted(hashes))).digest()[:DIGEST_BYTES]


def _images(signal: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield all images that are not missing, rows first."""
    for n in range(signal.shape[3]):
        for k in range(signal.shape[2]):
            image = np.ascontiguousarray(signal[:, :, k, n].T)
            if not np.isnan(image).all():
                yield image


def _of_steps(images: list[NDArray[np.float32]], quantization: float) -> list[bytes] | None:
    """Return the hashes of the values counted in steps; None where they do not lie on steps."""
    if not (math.isfinite(quantization) and quantization > 0):
        return None
    if not images:
        return None
    # one NaN makes both NaN
    least = float(np.min([image.min() for image in images]))
    most = float(np.max([image.max() for image in images]))
    # not below: nor is an infinite value a step
    if not (most - least) / quantization <= MOST_STEPS:
        return None
    short = (most - least) / quantization < _SHORT
    found = []
    for image in images:
        counts = np.empty(image.size, "<u2" if short else "<i4")
        if steps_of(image.reshape(-1), least, quantization, counts):
            return None
        found.append(_hash(counts))
    return found


def _plain_bits(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values with one kind of NaN and one zero, low byte first."""
    whole = np.where(np.isnan(image), np.float32(np.nan), image + np.float32(0))
    return whole.astype("<f4")


def _hash(values: NDArray[np.generic]) -> bytes:
    """Return SHA-256, for which processors have instructions of their own."""
    return hashlib.sha256(np.ascontiguousarray(values).data).digest()
