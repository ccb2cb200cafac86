"""Lin's concordance correlation: how close pairs lie to the line of identity."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from qiqa.core.errors import NotMeasurable
from qiqa.metrology.estimate import Estimate, tail
from qiqa.metrology.pairs import paired

__all__ = ["Concordance", "concordance"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Concordance:
    """Concordance correlation coefficient of n pairs and what it is made of."""

    n: int
    coefficient: Estimate
    """Product of `precision` and `accuracy`; 1 on the line of identity."""
    precision: float
    """Pearson correlation: how close to some line."""
    accuracy: float
    """C_b, at most 1: how close that line is to identity."""
    location_shift: float
    """Difference of the means over the root of the product of the SDs."""
    scale_shift: float
    """SD of x over SD of y."""


def concordance(x: ArrayLike, y: ArrayLike, *, confidence: float = 0.95) -> Concordance:
    """Return the concordance correlation coefficient of two measurements.

    Lin, Biometrics 1989;45:255, the variance as corrected in Biometrics 2000;56:324, the interval
    by Fisher's z. Moments are divided by n, as there. The interval rests on normal pairs and many
    of them: simulated, 95 % intervals held the truth in 92 % of cases for 10 pairs, in 94 % for
    20, in 95 % for 50.

    The coefficient grows with the range of the values: it compares instruments on the same
    subjects, never one study with another. For limits in the unit, see `metrology.agreement`.

    Parameters
    ----------
    x, y
        (n,) in one unit, n at least 4.
    confidence
        Of the interval.

    Raises
    ------
    UsageError
        If the columns do not match.
    NotMeasurable
        If values are missing or fewer than 4, if a column is constant, or if both are the same or
        mirrored.

    Examples
    --------
    >>> found = concordance([1.0, 2, 3, 4, 5], [1.5, 2, 3, 4, 5.5])
    >>> round(found.coefficient.value, 4)
    0.9756
    """
    a, b = paired(x, y, least=4)
    n = a.size
    if np.array_equal(a, b):
        raise NotMeasurable(
            f"all {n} pairs are equal: the coefficient is 1 without an interval",
            hint="see whether a column was compared with itself",
        )
    for name, values in (("x", a), ("y", b)):
        if not np.ptp(values) > 0:
            raise NotMeasurable(
                f"all values of {name} are {values[0]:g}: concordance needs a range of values"
            )
    da, db = a - a.mean(), b - b.mean()
    sa, sb = math.sqrt(float(da @ da) / n), math.sqrt(float(db @ db) / n)
    r = float(da @ db) / n / (sa * sb)
    u = float(a.mean() - b.mean()) / math.sqrt(sa * sb)
    v = sa / sb
    cb = 2 / (v + 1 / v + u * u)
    ccc = r * cb
    if not 1 - ccc * ccc > 1e-15:
        raise NotMeasurable(
            f"the coefficient is {ccc:.0f} to the last digit: there is no scatter to judge it by",
            hint="see whether one column was computed from the other",
        )
    # Lin (2000) with rho_c / rho written as C_b, so that nothing is divided by a correlation of 0
    variance = (
        (1 - r * r) * cb**2 * (1 - ccc**2)
        + 2 * ccc**2 * cb * (1 - ccc) * u**2
        - 0.5 * ccc**2 * cb**2 * u**4
    ) / (n - 2)
    error = math.sqrt(max(variance, 0.0))
    half = float(special.ndtri(1 - tail(confidence))) * error / (1 - ccc**2)
    center = math.atanh(ccc)
    return Concordance(
        n=n,
        coefficient=Estimate(
            value=ccc,
            interval=(math.tanh(center - half), math.tanh(center + half)),
            standard_error=error,
        ),
        precision=r,
        accuracy=cb,
        location_shift=u,
        scale_shift=v,
    )
