"""A polynomial through measured and reference values, with uncertainties of none, one or both."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.measurement import Interval
from qiqa.metrology.budget import student_interval

__all__ = ["PolynomialFit", "fit_polynomial"]

FloatArray = NDArray[np.float64]
_STEPS = 200
_DONE = 1e-12
"""Relative change of all coefficients at which the iteration ends."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PolynomialFit:
    """y = c0 + c1 x + c2 x² + ..."""

    coefficients: FloatArray
    """(degree + 1,) from the constant on."""
    covariance: FloatArray
    """(degree + 1, degree + 1)."""
    degrees_of_freedom: float
    """Of the standard errors; infinite where given uncertainties explain the scatter."""
    r_squared: float
    residual_sd: float
    """Root of the (weighted) mean square about the curve; 1 where uncertainties explain it."""
    n: int

    def value(self, x: ArrayLike) -> FloatArray:
        """Return y on the curve; x and result (m,)."""
        places = np.asarray(x, dtype=np.float64)
        return np.asarray(np.polynomial.polynomial.polyval(places, self.coefficients))

    def coefficient(self, power: int) -> tuple[float, float]:
        """Return a coefficient and its standard uncertainty."""
        return float(self.coefficients[power]), math.sqrt(float(self.covariance[power, power]))

    def interval(self, power: int, coverage: float = 0.95) -> Interval:
        """Return the interval of a coefficient, by Student's t."""
        return student_interval(*self.coefficient(power), self.degrees_of_freedom, coverage)


def fit_polynomial(
    x: ArrayLike,
    y: ArrayLike,
    degree: int = 1,
    *,
    x_u: ArrayLike | None = None,
    y_u: ArrayLike | None = None,
) -> PolynomialFit:
    """Fit a polynomial by least squares.

    Without uncertainties: ordinary least squares, standard errors from the scatter about the curve.
    With them: the maximum-likelihood fit to points that are uncertain in x, y or both (Britt and
    Luecke, Technometrics 1973;15:233; for a line, York et al., Am J Phys 2004;72:367). Standard
    errors then come from the given uncertainties, and are widened by the Birge ratio where the
    points scatter more than these say; never narrowed.

    Parameters
    ----------
    x, y
        (n,) reference and measured values; pairs with NaN are left out.
    degree
        0 or more.
    x_u, y_u
        (n,) or one for all: standard uncertainties, independent between points. An error that all
        references share is not among them: it moves the curve as a whole.

    Raises
    ------
    NotMeasurable
        Too few points or places on x for the degree, or the iteration finds no end.
    UsageError
        Uncertainties that are negative or not numbers, or zero on both axes.

    Examples
    --------
    >>> line = fit_polynomial([1.0, 2, 3, 4], [3.0, 5, 7, 9])
    >>> [float(round(c, 6)) for c in line.coefficients], round(line.r_squared, 6)
    ([1.0, 2.0], 1.0)
    """
    a, b, a_u, b_u = _points(x, y, x_u, y_u, degree)
    center, scale = float(a.mean()), float(np.ptp(a)) / 2
    # numbers of about one in x and y: powers of reference values span too many decades
    height = float(np.abs(b).max()) or 1.0
    t, v, t_u, v_u = (a - center) / scale, b / height, a_u / scale, b_u / height
    known = bool((t_u > 0).any() or (v_u > 0).any())
    if not known:
        v_u = np.ones(t.size)
    c, places, w = _britt_luecke(t, v, t_u, v_u, degree)
    design = np.vander(places, degree + 1, increasing=True)
    covariance = np.linalg.inv((design.T * w) @ design)
    slope = np.polynomial.polynomial.polyval(places, np.polynomial.polynomial.polyder(c))
    rest = v - np.polynomial.polynomial.polyval(places, c) - slope * (t - places)
    dof = t.size - degree - 1
    chi = float(np.sum(w * rest**2))
    birge = chi / dof
    middle = float(np.average(v, weights=w))
    total = float(np.sum(w * (v - middle) ** 2))
    if known:
        birge = max(birge, 1.0)
    turn = _shift(degree, center, scale) * height
    return PolynomialFit(
        coefficients=turn @ c,
        covariance=turn @ (covariance * birge) @ turn.T,
        degrees_of_freedom=math.inf if known and birge == 1.0 else float(dof),
        r_squared=1 - chi / total if total > 0 else math.nan,
        residual_sd=math.sqrt(birge) * (1.0 if known else height),
        n=int(t.size),
    )


def _points(
    x: ArrayLike, y: ArrayLike, x_u: ArrayLike | None, y_u: ArrayLike | None, degree: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the pairs that are known with their uncertainties, or say why there is no fit."""
    a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    if a.size != b.size:
        raise UsageError(f"{a.size} reference values but {b.size} measured ones")
    known = np.isfinite(a) & np.isfinite(b)
    both = []
    for name, given in (("x_u", x_u), ("y_u", y_u)):
        u = np.broadcast_to(np.asarray(0.0 if given is None else given, np.float64), a.shape)
        if not (np.isfinite(u[known]).all() and (u[known] >= 0).all()):
            raise UsageError(f"{name}: standard uncertainties are numbers of at least zero")
        both.append(u[known])
    a_u, b_u = both
    a, b = a[known], b[known]
    places = np.unique(a).size
    if places < degree + 1 or a.size < degree + 2:
        raise NotMeasurable(
            f"{a.size} points at {places} reference values do not determine a polynomial of degree "
            f"{degree} and its uncertainty: at least {degree + 2} points at {degree + 1} values",
            hint="measure more reference values",
        )
    zero = (a_u == 0) & (b_u == 0)
    if zero.any() and not zero.all():
        raise UsageError("a point has no uncertainty in x or y while others have")
    return a, b, a_u, b_u


def _britt_luecke(
    t: FloatArray, v: FloatArray, t_u: FloatArray, v_u: FloatArray, degree: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return coefficients, adjusted places on x and weights of the maximum-likelihood fit.

    Each step puts a weighted fit of what remains through the tangents at the present places, and
    then moves every place to where its point is most likely to have come from.
    """
    places = t.copy()
    c = np.asarray(np.linalg.lstsq(np.vander(t, degree + 1, increasing=True), v)[0], np.float64)
    for _ in range(_STEPS):
        slope = np.polynomial.polynomial.polyval(places, np.polynomial.polynomial.polyder(c))
        w = 1 / (v_u**2 + (slope * t_u) ** 2)
        rest = v - np.polynomial.polynomial.polyval(places, c) - slope * (t - places)
        design = np.vander(places, degree + 1, increasing=True)
        root = np.sqrt(w)
        step = np.linalg.lstsq(design * root[:, None], rest * root)[0]
        c += step
        left = rest - design @ step
        places = t + slope * t_u**2 * w * left
        if np.abs(step).max() <= _DONE * np.abs(c).max():
            return c, places, w
    raise NotMeasurable(
        "the fit to points uncertain in both axes finds no end",
        hint="look for uncertainties that are large against the range of reference values",
    )


def _shift(degree: int, center: float, scale: float) -> FloatArray:
    """Return the matrix from coefficients in (x - center) / scale to those in x."""
    turn = np.zeros((degree + 1, degree + 1))
    for power in range(degree + 1):
        for lower in range(power + 1):
            turn[lower, power] = (
                math.comb(power, lower) * (-center) ** (power - lower) / scale**power
            )
    return turn
