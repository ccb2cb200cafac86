"""Measured against certified values: a straight line with errors of both, in logarithms or not."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Line", "weighted_line"]


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """y = intercept + slope x."""

    slope: float
    intercept: float
    slope_u: float
    intercept_u: float
    r_squared: float
    degrees_of_freedom: int


def weighted_line(
    x: NDArray[np.float64], y: NDArray[np.float64], u: NDArray[np.float64]
) -> Line | None:
    """Fit a line by weighted least squares; standard errors from the scatter about it.

    Parameters
    ----------
    x, y
        (n,) certified and measured values.
    u
        (n,) standard uncertainty of y, that of x included; only their ratios matter.

    Returns
    -------
    Line or None
        None for fewer than three points, or where all x are equal.

    Examples
    --------
    >>> line = weighted_line(np.array([1.0, 2, 3, 4]), np.array([3.0, 5, 7, 9]), np.ones(4))
    >>> round(line.slope, 6), round(line.intercept, 6), round(line.r_squared, 6)
    (2.0, 1.0, 1.0)
    """
    n = x.size
    if n < 3 or not np.ptp(x) > 0 or not (u > 0).all():
        return None
    w = 1.0 / u**2
    mx, my = np.average(x, weights=w), np.average(y, weights=w)
    sxx = float(np.sum(w * (x - mx) ** 2))
    slope = float(np.sum(w * (x - mx) * (y - my)) / sxx)
    intercept = float(my - slope * mx)
    rest = y - intercept - slope * x
    scatter = float(np.sum(w * rest**2)) / (n - 2)
    total = float(np.sum(w * (y - my) ** 2))
    return Line(
        slope=slope,
        intercept=intercept,
        slope_u=math.sqrt(scatter / sxx),
        intercept_u=math.sqrt(scatter * (1.0 / float(np.sum(w)) + float(mx) ** 2 / sxx)),
        r_squared=1.0 - float(np.sum(w * rest**2)) / total if total > 0 else math.nan,
        degrees_of_freedom=n - 2,
    )
