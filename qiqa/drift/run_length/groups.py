"""Scatter within groups of normal values: its constants and its exact chances, by integration.

No table: the range R of n standard normal values is below r with the chance

    n * integral of density(x) (Phi(x + r) - Phi(x))^(n - 1)

where x is the lowest value (Tippett, Biometrika 1925;17:364). Its mean and SD are d2 and d3; c4 is
the mean of the standard deviation.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri, gammaincinv, gammaln, ndtr

from qiqa.core.errors import UsageError
from qiqa.drift.run_length.quadrature import density, nodes_on

__all__ = [
    "LARGEST",
    "check_size",
    "mean_range",
    "mean_sd",
    "range_above",
    "range_limit",
    "sd_above",
    "sd_limit",
    "sd_of_range",
    "sd_of_sd",
]

LARGEST = 100
"""Values in a group; the range of more says ever less than their SD."""
FAR = 9.0
"""SDs beyond which a standard normal value does not come: once in 1e19."""


def check_size(size: int) -> None:
    """Refuse groups of a size that has no scatter, or too many values.

    Raises
    ------
    UsageError
        With the size and what is allowed.
    """
    if not 2 <= size <= LARGEST:
        raise UsageError(
            f"groups of {size} values; allowed are 2 to {LARGEST}",
            hint="chart single values with `individuals`",
        )


@functools.lru_cache(maxsize=LARGEST)
def mean_range(size: int) -> float:
    """Return d2: mean range of `size` standard normal values.

    >>> round(mean_range(5), 6)
    2.325929
    """
    check_size(size)
    x, w = nodes_on(-FAR, FAR, 400)
    return float(w @ (1 - ndtr(x) ** size - ndtr(-x) ** size))


@functools.lru_cache(maxsize=LARGEST)
def sd_of_range(size: int) -> float:
    """Return d3: SD of the range of `size` standard normal values.

    >>> round(sd_of_range(5), 4)
    0.8641
    """
    check_size(size)
    r, w = nodes_on(0.0, 2 * FAR, 400)
    square = 2 * float(w @ (r * (1 - _range_below(r, size))))
    return math.sqrt(square - mean_range(size) ** 2)


def mean_sd(size: int) -> float:
    """Return c4: mean SD (n - 1 in the divisor) of `size` standard normal values.

    >>> round(mean_sd(5), 6)
    0.939986
    """
    check_size(size)
    return math.sqrt(2 / (size - 1)) * math.exp(gammaln(size / 2) - gammaln((size - 1) / 2))


def sd_of_sd(size: int) -> float:
    """Return the SD of the SD of `size` standard normal values."""
    return math.sqrt(1 - mean_sd(size) ** 2)


def _range_below(r: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the chance (n,) that the range is below r (n,)."""
    x, w = nodes_on(-FAR, FAR, 400)
    between = ndtr(x + r[:, None]) - ndtr(x)
    result: NDArray[np.float64] = size * (between ** (size - 1) @ (w * density(x)))
    return result


def range_above(r: float, size: int) -> float:
    """Return the chance that the range of `size` standard normal values is above r."""
    check_size(size)
    return float(1 - _range_below(np.array([r]), size)[0])


@functools.lru_cache(maxsize=1024)
def range_limit(chance: float, size: int, upper: bool = True) -> float:
    """Return the range that `size` standard normal values exceed (or stay below) with a chance.

    Raises
    ------
    UsageError
        For a size that cannot be used.
    """
    check_size(size)

    # each end from its own chance: 1 - chance would lose the digits of a small one
    def excess(r: float) -> float:
        below = float(_range_below(np.array([r]), size)[0])
        return (1 - below if upper else below) - chance

    return float(brentq(excess, 0.0, 2 * FAR, xtol=1e-12))


def sd_above(s: float, size: int) -> float:
    """Return the chance that the SD of `size` standard normal values is above s."""
    check_size(size)
    return float(chdtrc(size - 1, (size - 1) * s * s))


def sd_limit(chance: float, size: int, upper: bool = True) -> float:
    """Return the SD that `size` standard normal values exceed (or stay below) with a chance."""
    check_size(size)
    square = chdtri(size - 1, chance) if upper else 2 * gammaincinv((size - 1) / 2, chance)
    return math.sqrt(float(square) / (size - 1))
