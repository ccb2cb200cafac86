"""Sub-pixel borders: where a profile crosses a level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["crossing", "first_crossing"]


def first_crossing(
    profiles: NDArray[np.float64], positions: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where each profile first reaches its level, going along `positions`.

    Parameters
    ----------
    profiles : (n, m)
        One profile a row.
    positions : (m,)
        Coordinates of the samples, in the order to search.
    level : (n,)
        Level of each profile.

    Returns
    -------
    (n,)
        Position, linear between samples; NaN where the level is never reached, where the
        profile begins above it, or where a sample before the crossing is not finite.
    """
    above = profiles >= level[:, None]
    index = np.argmax(above, axis=1)
    rows = np.arange(profiles.shape[0])
    found = above[rows, index] & (index > 0)
    before = np.where(found, index - 1, 0)
    low, high = profiles[rows, before], profiles[rows, index]
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = (level - low) / (high - low)
        result = positions[before] + fraction * (positions[index] - positions[before])
    good = found & np.isfinite(low) & np.isfinite(result)
    return np.where(good, result, np.nan)


def crossing(profile: NDArray[np.float64], positions: NDArray[np.float64], level: float) -> float:
    """Return where one profile first reaches `level`, or NaN; see `first_crossing`."""
    return float(first_crossing(profile[None, :], positions, np.array([level]))[0])
