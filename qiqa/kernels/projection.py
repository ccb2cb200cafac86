"""Cosine transform of part of an image, whatever its size and wherever the part begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["cosine_coefficients"]

FloatArray = NDArray[np.float64]


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
