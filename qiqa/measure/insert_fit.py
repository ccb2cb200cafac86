"""The fit to the mean signal of an insert: one liquid, one value."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["InsertFit", "spread_beyond_noise"]

_TO_SD = 1.4826
"""Median absolute deviation to SD of a normal distribution."""
_FEWEST = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InsertFit:
    """A value fitted to the mean signal of the voxels of one insert, in the unit of the map.

    Without a value all numbers are NaN and `reason` says why.
    """

    value: float = math.nan
    per_noise: float = math.nan
    """Standard error of the value per unit of SD of the mean signal at one point."""
    noise_sd: float = math.nan
    """SD of the noise of the mean signal at one point [signal]; 0 where it is unknown."""
    misfit_sd: float = math.nan
    """SD of the residuals of the mean signal [signal]."""
    freedom: int = 0
    """Points less parameters."""
    n_used: int = 0
    moved: tuple[float, ...] = ()
    """Values with the disk moved by the uncertainty of its place."""
    all_points: float = math.nan
    """Value fitted to all points, where late ones are left out."""
    other_signs: float | None = None
    """Standard uncertainty from sign patterns that fit nearly as well; None: there is no sign."""
    pulses: float | None = None
    """Standard uncertainty from not knowing the pulses of a train; None: they do not matter."""
    depth: float | None = None
    """Standard uncertainty from how far a sphere lies off the middle of its slice."""
    t1: float | None = None
    """Standard uncertainty from T1 of the liquid, where T2 is fitted."""
    voxel_spread: float = 0.0
    """Standard error of the mean from the spread of the voxels beyond their noise."""
    reason: str | None = None


def spread_beyond_noise(
    values: NDArray[np.float64], errors: NDArray[np.float64], independent: float
) -> float:
    """Return the standard error of a mean from the spread that standard errors do not explain.

    By medians: some voxels are always far off.

    Parameters
    ----------
    values, errors
        (voxels,); those that are not finite are left out.
    independent
        How many of them are.
    """
    good = np.isfinite(values) & np.isfinite(errors)
    if good.sum() < _FEWEST:
        return 0.0
    middle = np.median(values[good])
    seen = _TO_SD * float(np.median(np.abs(values[good] - middle)))
    own = float(np.median(errors[good]))
    return math.sqrt(max(seen**2 - own**2, 0.0) / max(independent, 1.0))
