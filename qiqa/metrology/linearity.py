"""Is measured against reference a straight line: slope, intercept, and what bends away from it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import NotMeasurable
from qiqa.core.measurement import Interval
from qiqa.metrology.polynomial import PolynomialFit, fit_polynomial

__all__ = ["Bend", "Linearity", "Nonlinearity", "linearity"]

FloatArray = NDArray[np.float64]
_HIGHEST = 3
"""Degree up to which a bend is looked for: CLSI EP06-A."""
_NOTHING = 1e-12
"""Scatter relative to the values that is the rounding of the arithmetic."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """The highest coefficient of a polynomial, and whether it can be told from zero."""

    degree: int
    coefficient: float
    standard_uncertainty: float
    degrees_of_freedom: float
    p_value: float
    """Two-sided, of the coefficient being zero."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Nonlinearity:
    """The largest distance between the best polynomial and the straight line, at a reference."""

    largest: float
    """Without sign, in the unit of the measured values."""
    at: float
    """Reference value where it is."""
    interval: Interval
    """Of the largest distance, simultaneous over all reference values; it may begin at zero."""
    degree: int
    """Of the polynomial."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Linearity:
    """Measured against reference values."""

    slope: float
    slope_standard_uncertainty: float
    slope_interval: Interval
    intercept: float
    intercept_standard_uncertainty: float
    intercept_interval: Interval
    degrees_of_freedom: float
    """Of the line."""
    r_squared: float
    bends: tuple[Bend, ...]
    """Quadratic and cubic terms; fewer where there are too few reference values."""
    nonlinearity: Nonlinearity
    n: int
    levels: int
    """Different reference values."""

    @property
    def quadratic(self) -> Bend:
        """The term that profiles ask to be ruled out first."""
        return self.bends[0]

    def bent(self, chance: float = 0.05) -> bool:
        """Whether a quadratic or cubic term differs from zero, each tested with this chance."""
        return any(bend.p_value < chance for bend in self.bends)


def linearity(
    reference: ArrayLike,
    measured: ArrayLike,
    *,
    reference_u: ArrayLike | None = None,
    measured_u: ArrayLike | None = None,
    chance: float = 0.05,
    coverage: float = 0.95,
) -> Linearity:
    """Return the straight line of measured on reference values, and its departures.

    After CLSI EP06-A (2003): polynomials of second and third degree are fitted, and their highest
    coefficients tested. The departure is the distance of the line from the best of them, which is
    the highest degree whose term differs from zero, or the quadratic where none does: then the
    upper end of its interval says what bend the data cannot exclude. As two terms are tested, the
    interval of a line that is straight begins above zero in 7 % of cases and not in 5.

    Parameters
    ----------
    reference, measured
        (n,) pairs; repeats of one reference are pairs of their own. NaN is left out.
    reference_u, measured_u
        (n,) or one for all: standard uncertainties, see `fit_polynomial`. What all references
        share is not among them.
    chance
        Of calling a straight line bent, for each term.
    coverage
        Of all intervals.

    Raises
    ------
    NotMeasurable
        Fewer than three reference values or four pairs, or points exactly on a line or curve.

    Examples
    --------
    >>> found = linearity([1.0, 2, 3, 4, 5], [1.1, 1.9, 3.1, 3.9, 5.1])
    >>> round(found.slope, 3), round(found.intercept, 3), found.bent()
    (1.0, 0.02, False)
    """
    pairs = np.array([np.ravel(reference), np.ravel(measured)], dtype=np.float64)
    x = pairs[0][np.isfinite(pairs).all(axis=0)]
    levels = np.unique(x).size
    if levels < 3 or x.size < 4:
        raise NotMeasurable(
            f"{x.size} pairs at {levels} reference values cannot show a bend: at least 4 at 3",
            hint="measure inserts of more reference values",
        )
    degrees = [d for d in range(2, _HIGHEST + 1) if levels > d and x.size > d + 1]
    line, *curves = (
        fit_polynomial(reference, measured, d, x_u=reference_u, y_u=measured_u)
        for d in (1, *degrees)
    )
    _check_scatter((line, *curves), float(np.abs(pairs[1][np.isfinite(pairs).all(axis=0)]).max()))
    bends = tuple(_bend(fit, d) for d, fit in zip(degrees, curves, strict=True))
    proven = [i for i, bend in enumerate(bends) if bend.p_value < chance]
    best = proven[-1] if proven else 0
    slope, slope_u = line.coefficient(1)
    intercept, intercept_u = line.coefficient(0)
    return Linearity(
        slope=slope,
        slope_standard_uncertainty=slope_u,
        slope_interval=line.interval(1, coverage),
        intercept=intercept,
        intercept_standard_uncertainty=intercept_u,
        intercept_interval=line.interval(0, coverage),
        degrees_of_freedom=line.degrees_of_freedom,
        r_squared=line.r_squared,
        bends=bends,
        nonlinearity=_nonlinearity(np.unique(x), x, curves[best], degrees[best], coverage),
        n=int(x.size),
        levels=levels,
    )


def _check_scatter(fits: Sequence[PolynomialFit], largest: float) -> None:
    """Refuse points that lie on a curve to the last digit: there is no scatter to test against."""
    for fit in fits:
        if math.isfinite(fit.degrees_of_freedom) and fit.residual_sd <= _NOTHING * largest:
            raise NotMeasurable(
                f"{fit.n} points lie exactly on a polynomial of degree "
                f"{fit.coefficients.size - 1}: no scatter is left to hold a bend against",
                hint="give measured values, with repeats, and not values computed from references",
            )


def _bend(fit: PolynomialFit, degree: int) -> Bend:
    from scipy.special import ndtr, stdtr

    value, u = fit.coefficient(degree)
    dof = fit.degrees_of_freedom
    t = abs(value) / u
    tail = float(ndtr(-t) if math.isinf(dof) else stdtr(dof, -t))
    return Bend(
        degree=degree,
        coefficient=value,
        standard_uncertainty=u,
        degrees_of_freedom=dof,
        p_value=2 * tail,
    )


def _nonlinearity(
    at: FloatArray, x: FloatArray, fit: PolynomialFit, degree: int, coverage: float
) -> Nonlinearity:
    """Return the largest distance of a polynomial from the line through its own values at x.

    That distance depends on the terms above the first only, so its uncertainty follows from theirs;
    the interval is Scheffé's over these terms, for the place of the largest is itself found.
    """
    center, scale = float(x.mean()), float(np.ptp(x)) / 2
    powers = np.vander((x - center) / scale, degree + 1, increasing=True)
    # what is left of each higher power when the best line is taken away, at the places asked for
    wanted = np.vander((at - center) / scale, degree + 1, increasing=True)
    line = np.linalg.lstsq(powers[:, :2], powers[:, 2:], rcond=None)[0]
    left = wanted[:, 2:] - wanted[:, :2] @ line
    turn = _powers_about(degree, center, scale)[2:]
    distance = left @ (turn @ fit.coefficients)
    u = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", left @ turn, fit.covariance, left @ turn), 0))
    factor = _scheffe(degree - 1, fit.degrees_of_freedom, coverage)
    place = int(np.argmax(np.abs(distance)))
    return Nonlinearity(
        largest=float(abs(distance[place])),
        at=float(at[place]),
        interval=Interval(
            low=max(float((np.abs(distance) - factor * u).max()), 0.0),
            high=float((np.abs(distance) + factor * u).max()),
            coverage=coverage,
        ),
        degree=degree,
    )


def _powers_about(degree: int, center: float, scale: float) -> FloatArray:
    """Return the matrix from coefficients in x to those in (x - center) / scale."""
    turn = np.zeros((degree + 1, degree + 1))
    for power in range(degree + 1):
        for lower in range(power + 1):
            turn[lower, power] = math.comb(power, lower) * center ** (power - lower) * scale**lower
    return turn


def _scheffe(terms: int, degrees_of_freedom: float, coverage: float) -> float:
    from scipy.special import chdtri, fdtri

    if math.isinf(degrees_of_freedom):
        return math.sqrt(float(chdtri(terms, 1 - coverage)))
    return math.sqrt(terms * float(fdtri(terms, degrees_of_freedom, coverage)))
