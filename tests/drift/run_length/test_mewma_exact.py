"""Multivariate EWMA with exact limits against one score, T^2 and a simulation."""

import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import ewma, mewma, mewma_exact


def test_one_score_is_the_ewma_with_exact_limits():
    assert mewma_exact.run_length(0.7, 1, 0.2, 9.0) == ewma.two_sided(0.7, 0.2, 3.0)
    # the equation in the length of z, of one score, against the one in z itself
    radius = math.sqrt(9.0 * 0.2 / 1.8)
    assert mewma_exact._in_control(1, 0.2, radius) == pytest.approx(
        ewma.two_sided(0.0, 0.2, 3.0), rel=1e-6
    )


def test_weight_one_is_t_squared():
    assert mewma_exact.run_length(0.0, 2, 1.0, 10.0) == pytest.approx(math.exp(5.0), rel=1e-12)


@pytest.mark.parametrize("p", [2, 4])
def test_two_equations_agree_where_both_hold(p):
    radius = math.sqrt(10.0 * 0.4 / 1.6)
    none = mewma_exact._in_control(p, 0.4, radius)
    assert mewma_exact._shifted(1e-9, p, 0.4, radius) == pytest.approx(none, rel=1e-5)


def test_narrow_first_limits_find_a_shift_sooner():
    assert mewma_exact.run_length(1.5, 3, 0.3, 11.0) < mewma.run_length(1.5, 3, 0.3, 11.0)


@pytest.mark.parametrize(
    ("delta", "p", "lam", "limit"), [(0.8, 2, 0.3, 7.0), (0.0, 3, 0.15, 8.0), (1.2, 6, 0.5, 13.0)]
)
def test_simulation_agrees(delta, p, lam, limit):
    rng = np.random.default_rng(p)
    charts = 10_000
    z, length, alive = np.zeros((charts, p)), np.zeros(charts), np.ones(charts, dtype=bool)
    variance, square = 0.0, (1 - lam) ** 2
    while alive.any():
        z = (1 - lam) * z + lam * (rng.standard_normal((charts, p)) + delta / math.sqrt(p))
        variance = square * variance + lam * lam
        length += alive
        alive &= (z * z).sum(axis=1) <= limit * variance
    error = length.std() / math.sqrt(charts)
    ours = mewma_exact.run_length(delta, p, lam, limit)
    assert ours == pytest.approx(length.mean(), abs=3 * error)


@pytest.mark.parametrize(("every", "p", "lam"), [(20.0, 2, 0.1), (370.0, 5, 0.3), (1e5, 12, 0.2)])
def test_limits_give_their_run_length(every, p, lam):
    limit = mewma_exact.limit_for(every, p, lam)
    assert mewma_exact.run_length(0.0, p, lam, limit) == pytest.approx(every, rel=1e-7)


def test_refusals_say_why():
    with pytest.raises(UsageError, match="p is 0"):
        mewma_exact.limit_for(370.0, 0, 0.2)
    with pytest.raises(UsageError, match="delta is -1"):
        mewma_exact.run_length(-1.0, 2, 0.1, 9.0)
    with pytest.raises(UsageError, match=r"lam is 0\.001"):
        mewma_exact.run_length(0.0, 2, 0.001, 9.0)
