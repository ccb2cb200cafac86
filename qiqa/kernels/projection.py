"""Cosine transform of part of an image, whatever its size and wherever it begins, and its bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["cosine_coefficients", "sign_bits", "size_bits"]

FloatArray = NDArray[np.float64]

_FIRST = 3
"""Degree from which on there are enough twins to compare."""
_LEAST = 2e-30
"""Added to squares: zero has no logarithm."""


@kernel
def _basis(size: int, first: float, last: float, orders: int) -> FloatArray:
    """Return (orders, size): integral of each cosine over each pixel inside first ... last."""
    basis = np.zeros((orders, size))
    length = last - first
    for i in range(size):
        a = min(max((i - first) / length, 0.0), 1.0)
        b = min(max((i + 1 - first) / length, 0.0), 1.0)
        if b <= a:
            continue
        basis[0, i] = b - a
        for u in range(1, orders):
            w = np.pi * u
            basis[u, i] = np.sqrt(2.0) * (np.sin(w * b) - np.sin(w * a)) / w
    return basis


@kernel
def cosine_coefficients(
    image: FloatArray, r0: float, r1: float, c0: float, c1: float, orders: int
) -> FloatArray:
    """Return the coefficients of the cosine series of a part of an image.

    The image is taken as constant over each pixel, so that the sums are integrals and the part may
    begin and end within pixels; sums are taken in one order and have the same bits every time.

    Parameters
    ----------
    image
        (rows, columns), finite.
    r0, r1, c0, c1
        Where the part begins and ends [pixel edges: 0 ... rows, 0 ... columns]; r0 < r1, c0 < c1.
    orders
        Cosines along each axis, the constant included.

    Returns
    -------
    FloatArray
        (orders, orders), first along the rows.
    """
    down = _basis(image.shape[0], r0, r1, orders)
    along = _basis(image.shape[1], c0, c1, orders)
    half = np.zeros((orders, image.shape[1]))
    for u in range(orders):
        for i in range(image.shape[0]):
            w = down[u, i]
            if w != 0.0:
                for j in range(image.shape[1]):
                    half[u, j] += w * image[i, j]
    found = np.zeros((orders, orders))
    for u in range(orders):
        for v in range(orders):
            total = 0.0
            for j in range(image.shape[1]):
                total += half[u, j] * along[v, j]
            found[u, v] = total
    return found


@kernel
def sign_bits(found: FloatArray, orders: NDArray[np.int64]) -> np.uint64:
    """Return the signs of some coefficients as bits, 1 above zero, the first as bit 0.

    Parameters
    ----------
    found
        (orders, orders) coefficients.
    orders
        (b, 2) which, at most 64.
    """
    word = np.uint64(0)
    for t in range(orders.shape[0]):
        if found[orders[t, 0], orders[t, 1]] > 0.0:
            word |= np.uint64(1) << np.uint64(t)
    return word


@kernel
def size_bits(found: FloatArray, highest: int, lopsided: float) -> np.uint64:
    """Return bits that are the same for a mirror image, a transposed one and a negative.

    Of each degree (orders of both axes together): from the third on which twin coefficients (orders
    exchanged) hold more than the mean of the logarithms of their squares, and which twins are
    unlike each other.

    Parameters
    ----------
    found
        (orders, orders) coefficients.
    highest
        Degree: 62 bits for 10.
    lopsided
        Difference of the squares of twins over their sum, above which they are unlike.
    """
    word, bit = np.uint64(0), 0
    logs = np.empty(highest // 2 + 1)
    for degree in range(1, highest + 1):
        count = degree // 2 + 1
        for u in range(count):
            first, second = found[u, degree - u], found[degree - u, u]
            logs[u] = np.log(first * first + second * second + _LEAST)
        middle = logs[:count].mean()
        for u in range(count if degree >= _FIRST else 0):
            if logs[u] > middle:
                word |= np.uint64(1) << np.uint64(bit)
            bit += 1
        for u in range((degree + 1) // 2):
            first, second = found[u, degree - u] ** 2, found[degree - u, u] ** 2
            if abs(first - second) > lopsided * (first + second + _LEAST):
                word |= np.uint64(1) << np.uint64(bit)
            bit += 1
    return word
