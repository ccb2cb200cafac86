"""Whether air in a computed tomogram is at -1000 HU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.foreground import otsu

__all__ = ["air_level"]

FloatArray = NDArray[np.float64]

_PADDING = -1100.0
"""Below are only marks for "outside the reconstruction"."""
_APART = 400.0
"""Between the means of air and body; less, and there is no air in the image."""
_FEWEST = 100


def air_level(values: FloatArray) -> float:
    """Return the median of the dark one of two classes [unit of the image].

    NaN where the classes are less than 400 apart or one is small: there may be no air in view.

    Parameters
    ----------
    values
        Sorted finite values of whole slices.
    """
    values = values[int(np.searchsorted(values, _PADDING)) :]
    limit = otsu(values)
    if np.isnan(limit):
        return float("nan")
    cut = int(np.searchsorted(values, limit))
    low, high = values[:cut], values[cut:]
    if min(low.size, high.size) < _FEWEST or high.mean() - low.mean() < _APART:
        return float("nan")
    return float(low[low.size // 2])
