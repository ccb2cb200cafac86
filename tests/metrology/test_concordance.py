"""Lin's concordance against hand calculation, the delta method and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import NotMeasurable
from qiqa.metrology.concordance import concordance

LARGE = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
MINI = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)


def test_by_hand():
    """Moments over n: variances 2 and 2.06, covariance 2, means apart by 0.2: 4 / 4.1."""
    found = concordance([1.0, 2, 3, 4, 5], [1.5, 2, 3, 4, 5.5])
    assert found.coefficient.value == pytest.approx(4 / 4.1)
    assert found.precision == pytest.approx(2 / math.sqrt(2 * 2.06))
    assert found.precision * found.accuracy == pytest.approx(4 / 4.1)
    assert found.location_shift == pytest.approx(-0.2 / (2 * 2.06) ** 0.25)
    assert found.scale_shift == pytest.approx(math.sqrt(2 / 2.06))


def test_peak_flow():
    """By the definition: twice the covariance over the variances and the squared shift."""
    x, y = np.array(LARGE, float), np.array(MINI, float)
    value = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    found = concordance(x, y)
    assert found.n == 17
    assert found.coefficient.value == pytest.approx(value)
    assert found.coefficient.value == pytest.approx(0.9427424314, abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_the_corrected_variance_is_that_of_the_delta_method(seed):
    """Lin's 1989 print has a factor 4 where 2 belongs: the moments of normal pairs decide."""
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, 12)
    y = 0.8 * x + rng.normal(1.5, 1, 12)
    n = x.size
    mean, cov = np.array([x.mean(), y.mean()]), np.cov(x, y, ddof=0)
    moments = np.array([*mean, cov[0, 0], cov[1, 1], cov[0, 1]])

    def value(m):
        return 2 * m[4] / (m[2] + m[3] + (m[0] - m[1]) ** 2)

    steps = 1e-6 * np.eye(5)
    slope = np.array([(value(moments + s) - value(moments - s)) / 2e-6 for s in steps])
    spread = np.zeros((5, 5))
    spread[:2, :2] = cov
    places = ((0, 0), (1, 1), (0, 1))
    for a, (i, j) in enumerate(places):
        for b, (k, m) in enumerate(places):
            spread[2 + a, 2 + b] = cov[i, k] * cov[j, m] + cov[i, m] * cov[j, k]
    error = math.sqrt(slope @ spread @ slope / (n - 2))
    assert concordance(x, y).coefficient.standard_error == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize(
    ("n", "rho", "shift", "least"),
    # few pairs: the interval is known, and said, to be too narrow
    [(10, 0.9, 0.3, 0.90), (50, 0.9, 0.3, 0.925), (200, 0.9, 0.3, 0.935), (50, 0.0, 0.3, 0.93)],
)
def test_the_interval_covers(n, rho, shift, least):
    rng = np.random.default_rng(12)
    truth, inside = 2 * rho / (2 + shift**2), 0
    for _ in range(2000):
        x = rng.normal(size=n)
        y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=n) + shift
        low, high = concordance(x, y).coefficient.interval
        inside += low <= truth <= high
    assert least < inside / 2000 < 0.967


pairs = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=5, max_size=30)


@given(pairs, st.floats(-100, 100), st.floats(0.01, 100))
def test_shift_scale_and_changing_places_leave_it(values, shift, scale):
    x, y = np.array(values, float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0 or (x == y).all():
        return
    one = concordance(x, y)
    moved = concordance(scale * (x + shift), scale * (y + shift))
    turned = concordance(y, x)
    assert moved.coefficient.value == pytest.approx(one.coefficient.value, abs=1e-9)
    assert turned.coefficient.value == pytest.approx(one.coefficient.value, abs=1e-12)
    assert turned.coefficient.interval == pytest.approx(one.coefficient.interval, abs=1e-9)
    assert abs(one.coefficient.value) <= abs(one.precision) + 1e-12
    assert one.accuracy <= 1 + 1e-12


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ([1, 2, 3], [1, 2, 4], "3 pairs, at least 4"),
        ([1, 2, 3, 4], [1, 2, 3, 4], "all 4 pairs are equal"),
        ([5, 5, 5, 5], [1, 2, 3, 4], "all values of x are 5"),
        ([1, 2, 3, 4], [5, 5, 5, 5], "all values of y are 5"),
        ([1, 2, 2, 1], [2, 1, 1, 2], "the coefficient is -1"),
        ([1, 2, 3, 4], [1, 2, 3, 4 + 1e-12], "the coefficient is 1"),
        ([1, 2, 3, math.nan], [5, 6, 7, 8], "missing"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_reason(x, y, says):
    with pytest.raises(NotMeasurable, match=says):
        concordance(x, y)
