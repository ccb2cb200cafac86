"""A window of a plane in two words of 64 bits, and how alike two such codes are.

The window is written as a cosine series, which knows no pixel size. A mirror image changes the
sign of the coefficients whose order along the mirrored axis is odd, a transposition exchanges the
orders, and a negative changes all signs. The first word (`signs`) holds the signs of 64
coefficients: it is compared in all 16 ways. The second (`sizes`) is made of squares of coefficients
in a way that none of the 16 changes: it can be looked up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.hamming import by_bytes, moved_bits
from qiqa.kernels.projection import cosine_coefficients, sign_bits, size_bits
from qiqa.vetting.signature.planes import Box, Plane, ranks

__all__ = ["BITS", "MIRRORS", "ORDERS", "PAIRS", "TURN", "code", "transposed"]

Words = NDArray[np.uint64]

HIGHEST = 10
"""Orders of both axes together: details of a fifth of the window."""
ORDERS = HIGHEST + 1
PAIRS = tuple(
    (u, degree - u)
    for degree in range(1, HIGHEST + 1)
    for u in range(degree, -1, -1)
    if (u, degree - u) != (5, 5)  # 64 are left; (5, 5) alone has no twin
)
"""Orders of the coefficients whose signs are kept, bit 0 first."""
BITS = 126
"""Bits of a code that say something: 64 signs and 62 sizes."""
LOPSIDED = 0.6
"""Of the squares of two coefficients that a transposition exchanges: difference to sum."""


def _word(bits: list[bool]) -> int:
    return sum(1 << t for t, bit in enumerate(bits) if bit)


MIRRORS: Words = np.array(
    [
        _word([(rows * u + columns * v) % 2 == 1 for u, v in PAIRS])
        for rows in (0, 1)
        for columns in (0, 1)
    ],
    dtype=np.uint64,
)
"""Signs that change: in no mirror, columns mirrored, rows mirrored, both."""


_PAIRS = np.array(PAIRS, dtype=np.int64)
TURN: Words = by_bytes(np.array([PAIRS.index((v, u)) for u, v in PAIRS], dtype=np.int64))
"""Makes of signs those of the transposed window: the coefficient with the orders exchanged."""


def code(plane: Plane, box: Box) -> tuple[int, int]:
    """Return signs and sizes of a window; (0, 0) where it shows nothing."""
    ranked = ranks(plane, box)
    if not ranked.any():
        return 0, 0
    found = cosine_coefficients(ranked, *box, ORDERS)
    return int(sign_bits(found, _PAIRS)), int(size_bits(found, HIGHEST, LOPSIDED))


def transposed(signs: Words) -> Words:
    """Return the signs of transposed windows.

    Parameters
    ----------
    signs
        Any shape.
    """
    found = moved_bits(np.ascontiguousarray(signs).reshape(-1), TURN)
    return np.asarray(found.reshape(signs.shape), dtype=np.uint64)
