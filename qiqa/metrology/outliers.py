"""Values that do not belong to the others: the generalized extreme studentized deviate test."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["extreme_deviates"]


def extreme_deviates(
    values: NDArray[np.float64], most: int, chance: float = 0.05
) -> tuple[int, ...]:
    """Return the places of values that are too far from the others, most extreme first.

    Rosner (Technometrics 1983;25:165): takes out the farthest value `most` times and keeps as many
    as the last step whose deviate is beyond its limit, so that two outliers do not hide each other.

    Parameters
    ----------
    values
        (n,) finite; fewer than five give no outlier.
    most
        Most outliers looked for, at most n - 3.
    chance
        Chance of naming any where there is none.
    """
    n = values.size
    if n < 5:
        return ()
    left = np.arange(n)
    taken: list[int] = []
    keep = 0
    for i in range(1, min(most, n - 3) + 1):
        x = values[left]
        sd = float(x.std(ddof=1))
        if sd <= 0.0:
            break
        place = int(np.argmax(np.abs(x - x.mean())))
        deviate = abs(float(x[place] - x.mean())) / sd
        taken.append(int(left[place]))
        left = np.delete(left, place)
        rest = n - i + 1
        t = float(special.stdtrit(rest - 2, 1.0 - chance / (2.0 * rest)))
        limit = (rest - 1) * t / math.sqrt((rest - 2 + t * t) * rest)
        if deviate > limit:
            keep = i
    return tuple(taken[:keep])
