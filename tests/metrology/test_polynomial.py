"""Fits with uncertainties of none, one or both axes, against certified and published values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.polynomial import fit_polynomial

# NIST StRD Norris: ozone monitors, x and y
NORRIS_X = [
    0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5,
    666.9, 338.0, 447.5, 11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2,
    999.0, 779.0, 11.1, 118.3, 229.2, 669.1, 448.9, 0.5,
]  # fmt: skip
NORRIS_Y = [
    0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1,
    668.8, 339.3, 448.9, 10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0,
    998.5, 778.9, 10.2, 117.6, 228.9, 668.4, 449.2, 0.2,
]  # fmt: skip
# NIST StRD Pontius: calibration of a load cell, two runs of 20 loads
PONTIUS_X = np.tile(np.arange(1, 21) * 150_000.0, 2)
PONTIUS_Y = [
    0.11019, 0.21956, 0.32949, 0.43899, 0.54803, 0.65694, 0.76562, 0.87487, 0.98292, 1.09146,
    1.20001, 1.30822, 1.41599, 1.52399, 1.63194, 1.73947, 1.84646, 1.95392, 2.06128, 2.16844,
    0.11052, 0.22018, 0.32939, 0.43886, 0.54798, 0.65739, 0.76596, 0.87474, 0.98300, 1.09150,
    1.20004, 1.30818, 1.41613, 1.52408, 1.63159, 1.73965, 1.84696, 1.95445, 2.06177, 2.16829,
]  # fmt: skip
# Pearson 1901 with the weights of York 1966
YORK_X = [0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4]
YORK_Y = [5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5]
YORK_X_WEIGHT = np.array([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1.0])
YORK_Y_WEIGHT = np.array([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500.0])


def test_the_certified_line_of_norris():
    fit = fit_polynomial(NORRIS_X, NORRIS_Y)
    assert fit.coefficient(1) == pytest.approx((1.00211681802045, 0.000429796848199937), rel=1e-10)
    assert fit.coefficient(0) == pytest.approx((-0.262323073774029, 0.232818234301152), rel=1e-9)
    assert fit.residual_sd == pytest.approx(0.884796396144373, rel=1e-10)
    assert fit.r_squared == pytest.approx(0.999993745883712, rel=1e-12)
    assert fit.degrees_of_freedom == 34


def test_the_certified_parabola_of_pontius():
    fit = fit_polynomial(PONTIUS_X, PONTIUS_Y, 2)
    assert fit.coefficient(0) == pytest.approx(
        (0.673565789473684e-3, 0.107938612033077e-3), rel=1e-8, abs=0
    )
    assert fit.coefficient(1) == pytest.approx(
        (0.732059160401003e-6, 0.157817399981659e-9), rel=1e-9, abs=0
    )
    assert fit.coefficient(2) == pytest.approx(
        (-0.316081871345029e-14, 0.486652849992036e-16), rel=1e-8, abs=0
    )
    assert fit.residual_sd == pytest.approx(0.205177424076185e-3, rel=1e-9)
    assert fit.r_squared == pytest.approx(0.999999900178537, rel=1e-12)


def test_a_line_and_its_standard_error_by_hand():
    """Least squares of y = 2 x + 1 with residuals +1, -1, -1, +1: Sxx 5, s² = 4/2."""
    x = np.array([1.0, 2.0, 3.0, 4.0])
    fit = fit_polynomial(x, 2 * x + 1 + np.array([1.0, -1.0, -1.0, 1.0]))
    assert fit.coefficient(1) == pytest.approx((2.0, math.sqrt(2 / 5)))
    assert fit.coefficient(0) == pytest.approx((1.0, math.sqrt(2 * (1 / 4 + 2.5**2 / 5))))


def test_pearson_with_the_weights_of_york():
    """York et al., Am J Phys 2004;72:367, table II: -0.48053341 and 5.47991022."""
    fit = fit_polynomial(YORK_X, YORK_Y, x_u=YORK_X_WEIGHT**-0.5, y_u=YORK_Y_WEIGHT**-0.5)
    slope, slope_u = fit.coefficient(1)
    intercept, intercept_u = fit.coefficient(0)
    assert slope == pytest.approx(-0.48053341, abs=5e-9)
    assert intercept == pytest.approx(5.47991022, abs=5e-9)
    # chi square over 8 degrees of freedom is 1.483: more than the weights say, so it counts
    assert fit.residual_sd**2 == pytest.approx(1.4833, abs=1e-4)
    assert fit.degrees_of_freedom == 8
    # their standard errors, before the Birge ratio: 0.0580 and 0.295
    assert slope_u / fit.residual_sd == pytest.approx(0.0580, abs=1e-4)
    assert intercept_u / fit.residual_sd == pytest.approx(0.295, abs=5e-4)


def test_exchanged_axes_give_the_same_line():
    u, v = YORK_X_WEIGHT**-0.5, YORK_Y_WEIGHT**-0.5
    forth = fit_polynomial(YORK_X, YORK_Y, x_u=u, y_u=v)
    back = fit_polynomial(YORK_Y, YORK_X, x_u=v, y_u=u)
    assert back.coefficients[1] == pytest.approx(1 / forth.coefficients[1], rel=1e-8)
    # least squares of y on x takes the errors of x for errors of y, and falls flatter
    plain = fit_polynomial(YORK_X, YORK_Y)
    assert abs(plain.coefficients[1]) != pytest.approx(abs(forth.coefficients[1]), rel=0.05)


def test_parabola_with_errors_of_both_axes_against_a_general_minimizer():
    """The same sum of squares minimized over curve and true places together."""
    from scipy.optimize import least_squares

    rng = np.random.default_rng(6)
    truth = np.linspace(1, 5, 9)
    x_u, y_u = np.full(9, 0.1), np.linspace(0.1, 0.3, 9)
    x = truth + rng.normal(0, x_u)
    y = 1 + 2 * truth - 0.3 * truth**2 + rng.normal(0, y_u)

    def rest(p):
        places, curve = p[:9], p[9:]
        value = curve[0] + curve[1] * places + curve[2] * places**2
        return np.concatenate([(x - places) / x_u, (y - value) / y_u])

    best = least_squares(rest, np.concatenate([x, [0, 1, 0]]), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    fit = fit_polynomial(x, y, 2, x_u=x_u, y_u=y_u)
    assert fit.coefficients == pytest.approx(best.x[9:], rel=1e-6)


@pytest.mark.parametrize("axes", ["none", "y", "both"])
def test_intervals_of_the_slope_cover(axes):
    rng = np.random.default_rng([9, len(axes)])
    truth, inside, runs = np.linspace(0, 10, 6), 0, 800
    x_u = 0.3 if axes == "both" else 0.0
    for _ in range(runs):
        x = truth + rng.normal(0, x_u, 6)
        y = 1 + 0.98 * truth + rng.normal(0, 0.4, 6)
        given = {} if axes == "none" else {"y_u": 0.4, "x_u": x_u}
        ends = fit_polynomial(x, y, **given).interval(1)
        inside += ends.low <= 0.98 <= ends.high
    # given uncertainties are only ever widened: never less than 95 %
    assert 0.927 < inside / runs < (0.973 if axes == "none" else 0.99)


def test_refusals():
    with pytest.raises(NotMeasurable, match="at least 3 points"):
        fit_polynomial([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(NotMeasurable, match="at 1 reference values"):
        fit_polynomial(np.ones(4), np.arange(4.0))
    # no relation at all: the parabola swings between ways to be far from all points
    x, y = np.random.default_rng(1).normal(0, 1, (10, 2, 8))[9]
    with pytest.raises(NotMeasurable, match="no end"):
        fit_polynomial(x, y, 2, x_u=0.1, y_u=0.1)
    for bad in ({"x_u": -1.0}, {"y_u": math.nan}, {"y_u": [0.0, 1.0, 1.0]}):
        with pytest.raises(UsageError):
            fit_polynomial([1.0, 2.0, 3.0], [1.0, 2.0, 3.5], **bad)
    with pytest.raises(UsageError, match="2 reference values but 3"):
        fit_polynomial([1.0, 2.0], [1.0, 2.0, 3.0])
