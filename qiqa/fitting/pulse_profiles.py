"""Profiles of the pulses of an echo train at any B1, from a few that are computed.

Across the slice, what a pulse excites and the square of what it turns over are sums of sines of B1:
a polynomial through a few points of B1 is exact to rounding.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.fitting.loading import model

__all__ = ["B1_RANGE", "profiles_at"]

Values = NDArray[np.float64]

B1_RANGE = (0.5, 1.4)
_B1_NODES = 14


def profiles_at(
    b1: Values, excitation: float, refocusing: float, width: float
) -> tuple[Values, Values, float]:
    """Return what is excited and sin(half the refocusing angle), (b, positions), and a sum.

    Parameters
    ----------
    b1
        (b,), within `B1_RANGE`.
    excitation, refocusing
        Time-bandwidth products.
    width
        Refocused over excited slice.

    Returns
    -------
    tuple
        The last is the sum of what is excited where B1 is 1.
    """
    share = _between(b1)
    along, whole = _excited(excitation)
    # the square is smooth, where the sine of half the angle has a kink in every null of the pulse
    turned = np.clip(share @ _refocused(refocusing, width) ** 2, 0.0, 1.0)
    return share @ along, np.sqrt(turned), whole


@functools.lru_cache(maxsize=8)
def _excited(time_bandwidth: float) -> tuple[Values, float]:
    found: tuple[Values, float] = model("t2_epg").excited(_nodes(), time_bandwidth)
    return found


@functools.lru_cache(maxsize=8)
def _refocused(time_bandwidth: float, width: float) -> Values:
    found: Values = model("t2_epg").refocused(_nodes(), time_bandwidth, width)
    return found


def _nodes() -> Values:
    """Return Chebyshev's points in the range of B1."""
    low, high = B1_RANGE
    angle = np.pi * (np.arange(_B1_NODES) + 0.5) / _B1_NODES
    return np.asarray((low + high) / 2 + (high - low) / 2 * np.cos(angle))


def _between(b1: Values) -> Values:
    """Return the weights (m, nodes) of the polynomial through the nodes (barycentric form)."""
    angle = np.pi * (np.arange(_B1_NODES) + 0.5) / _B1_NODES
    own = np.sin(angle) * (-1.0) ** np.arange(_B1_NODES)
    away = b1[:, None] - _nodes()
    away = np.where(np.abs(away) < 1e-12, 1e-12, away)
    parts = own / away
    return np.asarray(parts / parts.sum(axis=1, keepdims=True))
