"""The line with errors of both axes against York's own example, another program and a minimizer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.york import york

# Pearson's points with the weights of York, Can J Phys 1966;44:1079, tables I and II.
X = np.array([0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4])
Y = np.array([5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5])
X_U = np.array([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1]) ** -0.5
Y_U = np.array([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500]) ** -0.5

# Amen 2012, table 3.1: x, y, variances of both and their covariance.
CORRELATED = np.array(
    [
        (23.371, 5.992, 0.106, 0.323, 0.170), (24.462, 8.899, 1.692, 10.195, 3.887),
        (22.414, 5.361, 0.124, 0.460, 0.207), (27.628, 10.271, 1.088, 1.460, 1.255),
        (23.802, 7.114, 0.107, 0.496, 0.191), (23.092, 7.975, 0.281, 1.651, 0.582),
        (23.263, 7.486, 0.316, 1.695, 0.661), (20.843, 4.169, 0.389, 0.335, 0.357),
        (24.421, 5.645, 0.381, 0.716, 0.507), (23.716, 9.220, 0.733, 3.656, 1.401),
        (22.032, 5.358, 0.094, 0.268, 0.106), (21.448, 3.166, 0.167, 0.170, 0.001),
        (21.631, 4.002, 0.127, 0.106, 0.082), (19.947, 2.073, 0.015, 0.015, 0.001),
        (20.652, 3.338, 0.040, 0.104, 0.021), (20.588, 2.028, 0.007, 0.011, 0.002),
        (20.745, 1.978, 0.010, 0.010, -0.001), (21.658, 2.526, 0.009, 0.058, -0.003),
        (19.539, 2.043, 0.044, 0.070, -0.039), (21.638, 3.361, 1.909, 3.961, -2.557),
        (19.863, 2.452, 0.014, 0.019, -0.010), (18.398, 2.199, 0.042, 0.051, -0.037),
        (20.729, 1.725, 0.013, 0.026, 0.003), (20.511, 1.906, 0.003, 0.010, 0.001),
        (22.140, 3.372, 0.047, 0.108, 0.062), (20.510, 2.130, 0.004, 0.020, 0.002),
        (20.141, 1.897, 0.006, 0.011, -0.005),
    ]
).T  # fmt: skip


def test_pearsons_points():
    """Slope and intercept as York printed them; digits and errors of LinearFitXYerrors.jl.

    That program multiplies its errors by the root of the mean square.
    """
    line = york(X, Y, X_U, Y_U)
    assert line.slope.value == pytest.approx(-0.4805, abs=5e-5)
    assert line.slope.value == pytest.approx(-0.48053340744620, rel=1e-12)
    assert line.intercept.value == pytest.approx(5.47991022403286, rel=1e-12)
    assert line.mean_square**0.5 == pytest.approx(1.217905640539398, rel=1e-10)
    assert line.slope_from_scatter.standard_error == pytest.approx(0.070620269528771, rel=1e-10)
    assert line.intercept_from_scatter.standard_error == pytest.approx(0.359246522551112, rel=1e-10)
    # as in the paper of 2004: 0.058 and 0.295
    assert line.slope.standard_error == pytest.approx(0.058, abs=5e-4)
    assert line.intercept.standard_error == pytest.approx(0.295, abs=5e-4)
    assert line.chance == pytest.approx(stats.chi2.sf(line.chi_squared, 8))


def test_errors_that_go_together():
    """The digits are those of LinearFitXYerrors.jl."""
    x, y, var_x, var_y, cov = CORRELATED
    line = york(x, y, var_x**0.5, var_y**0.5, cov / np.sqrt(var_x * var_y))
    assert line.slope.value == pytest.approx(1.1762288806682, rel=1e-10)
    assert line.intercept.value == pytest.approx(-21.9553309045508, rel=1e-10)
    assert line.mean_square**0.5 == pytest.approx(3.4885539308643, rel=1e-10)
    assert line.slope_from_scatter.standard_error == pytest.approx(0.0578260394408, rel=1e-9)
    assert line.intercept_from_scatter.standard_error == pytest.approx(1.2846101711080, rel=1e-9)
    # so much more scatter than stated: the interval from the stated errors is not to be believed
    assert line.chance < 1e-10


def test_the_line_is_at_the_minimum_of_chi_squared():
    def chi2(line):
        return np.sum((Y - line[0] - line[1] * X) ** 2 / (Y_U**2 + line[1] ** 2 * X_U**2))

    best = optimize.minimize(chi2, (5.0, -0.4), method="Nelder-Mead",
                             options={"xatol": 1e-10, "fatol": 1e-12})  # fmt: skip
    line = york(X, Y, X_U, Y_U)
    assert (line.intercept.value, line.slope.value) == pytest.approx(tuple(best.x), rel=1e-6)
    assert line.chi_squared == pytest.approx(best.fun, rel=1e-10)


def test_without_errors_of_x_it_is_weighted_least_squares():
    line = york(X, Y, 0.0, Y_U)
    slope, intercept = np.polyfit(X, Y, 1, w=1 / Y_U)
    cov = np.linalg.inv((np.vander(X, 2) / Y_U[:, None]).T @ (np.vander(X, 2) / Y_U[:, None]))
    assert (line.slope.value, line.intercept.value) == pytest.approx((slope, intercept))
    assert line.slope.standard_error**2 == pytest.approx(cov[0, 0])
    assert line.intercept.standard_error**2 == pytest.approx(cov[1, 1])
    assert line.covariance == pytest.approx(cov[0, 1])


def test_changing_places_turns_the_line_over():
    line, turned = york(X, Y, X_U, Y_U), york(Y, X, Y_U, X_U)
    assert turned.slope.value == pytest.approx(1 / line.slope.value)
    assert turned.intercept.value == pytest.approx(-line.intercept.value / line.slope.value)
    assert turned.chi_squared == pytest.approx(line.chi_squared)


@given(st.floats(-50, 50), st.floats(0.01, 100), st.floats(0.01, 100))
def test_shift_and_scale_go_through(shift, a, b):
    line = york(X, Y, X_U, Y_U, 0.3)
    moved = york(a * (X + shift), b * Y, a * X_U, b * Y_U, 0.3)
    assert moved.slope.value == pytest.approx(b / a * line.slope.value, rel=1e-7)
    assert moved.slope.standard_error == pytest.approx(b / a * line.slope.standard_error, rel=1e-6)
    assert moved.chi_squared == pytest.approx(line.chi_squared, rel=1e-7)
    intercept = b * (line.intercept.value - line.slope.value * shift)
    assert moved.intercept.value == pytest.approx(intercept, rel=1e-6, abs=1e-6 * b)


@pytest.mark.parametrize("more", [1.0, 2.0])
def test_intervals_cover_where_what_they_rest_on_is_true(more):
    """Errors that are twice those stated: only the intervals from the scatter may be believed."""
    rng = np.random.default_rng(31)
    true = np.linspace(10, 50, 12)
    x_u, y_u = np.linspace(0.5, 2, 12), np.linspace(3, 1, 12)
    inside = np.zeros(4)
    fits = 0
    for _ in range(600):
        first, second = rng.normal(size=(2, 12))
        x = true + more * x_u * first
        y = 2 + 1.1 * true + more * y_u * (0.4 * first + 0.84**0.5 * second)
        line = york(x, y, x_u, y_u, 0.4)
        found = (line.slope, line.intercept, line.slope_from_scatter, line.intercept_from_scatter)
        for i, (one, truth) in enumerate(zip(found, (1.1, 2, 1.1, 2), strict=True)):
            inside[i] += one.interval[0] <= truth <= one.interval[1]
        fits += line.chance > 0.05
    # one standard deviation of a share of 95 % is 0.89 %
    assert inside[2:] / 600 == pytest.approx([0.95] * 2, abs=4 * 0.0089)
    if more == 1:
        assert inside[:2] / 600 == pytest.approx([0.95] * 2, abs=4 * 0.0089)
        assert fits / 600 == pytest.approx(0.95, abs=4 * 0.0089)
    else:
        assert (inside[:2] / 600 < 0.75).all()
        assert fits / 600 < 0.3


@pytest.mark.parametrize(
    ("x", "y", "x_u", "y_u", "r", "error", "says"),
    [
        ([1, 2], [1, 2], 1, 1, 0, NotMeasurable, "2 pairs, at least 3"),
        ([1, 1, 1], [1, 2, 3], 1, 1, 0, NotMeasurable, "all x are 1"),
        ([1, 2, 3], [1, 2, 3], -1, 1, 0, UsageError, "negative: -1"),
        ([1, 2, 3], [1, 2, 3], 1, 1, 1.5, UsageError, "correlation is 1.5"),
        ([1, 2, 3], [1, 2, 3], [1, 0, 1], [1, 0, 1], 0, NotMeasurable, "point 1 has no uncert"),
        ([1, 2, 3], [1, 2, 3], [1, 2], 1, 0, UsageError, "x_u has the shape"),
        ([1, 2, 3], [1, 2, 3], 1, float("nan"), 0, NotMeasurable, "y_u are missing"),
        ([1, 2, 3], [1, 2, 3], 1, 1, 1, NotMeasurable, "did not settle"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(x, y, x_u, y_u, r, error, says):
    with pytest.raises(error, match=says):
        york(x, y, x_u, y_u, r)
