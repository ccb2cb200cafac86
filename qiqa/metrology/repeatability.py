"""Within-subject standard deviation from repeats, with its interval (Raunig et al. 2015)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

__all__ = ["Repeatability", "repeatability"]

_RC = 2.77
"""1.96 times the root of 2: two repeats differ by less in 95 % of pairs."""


@dataclasses.dataclass(frozen=True, slots=True)
class Repeatability:
    """How much repeats of one value scatter."""

    mean: float
    wsd: float
    """Standard deviation, in the unit of the values."""
    degrees_of_freedom: int
    wsd_interval: tuple[float, float]
    """95 %, from the chi-square distribution: wide where there are few repeats."""

    @property
    def wcv_percent(self) -> float:
        """Standard deviation in percent of the mean."""
        return 100 * self.wsd / abs(self.mean) if self.mean else math.nan

    @property
    def repeatability_coefficient(self) -> float:
        """RC = 2.77 wSD, in the unit of the values."""
        return _RC * self.wsd

    def scaled_interval(self, factor: float) -> tuple[float, float]:
        """Return the 95 % interval of a multiple of wSD."""
        return (self.wsd_interval[0] * factor, self.wsd_interval[1] * factor)


def repeatability(values: Sequence[float]) -> Repeatability | None:
    """Return the scatter of repeats, None for fewer than two.

    >>> found = repeatability([10.0, 11.0])
    >>> round(found.wsd, 4), found.degrees_of_freedom
    (0.7071, 1)
    >>> [round(x / found.wsd, 2) for x in found.wsd_interval]
    [0.45, 31.91]
    """
    from scipy.special import chdtri

    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x)]
    if x.size < 2:
        return None
    dof = int(x.size - 1)
    wsd = float(x.std(ddof=1))
    low = wsd * math.sqrt(dof / float(chdtri(dof, 0.025)))
    high = wsd * math.sqrt(dof / float(chdtri(dof, 0.975)))
    return Repeatability(float(x.mean()), wsd, dof, (low, high))
