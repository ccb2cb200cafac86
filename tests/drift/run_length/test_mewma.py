"""T^2 and multivariate EWMA against published tables, closed forms and a simulation."""

import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import ewma, mewma

DELTAS = (0, 0.5, 1, 1.5, 2, 3)
# Collected tables, lambda 0.1, in the style of the Markov chain of Runger & Prabhu 1996, J Am Stat
# Assoc 91:1701, which is an approximation: with p = 20 and delta 0.5 it is 2 % short (61.62; the
# equation gives 62.89; 20 000 simulated charts 62.66 with a standard error of 0.35).
TABLE = {
    (4, 12.73, 0.004): (199.78, 35.05, 12.17, 7.22, 5.19, 3.42),
    (20, 37.01, 0.021): (199.09, 61.62, 20.17, 11.40, 8.03, 5.18),
}


@pytest.mark.parametrize("chart", TABLE)
def test_table(chart):
    p, limit, allowed = chart
    ours = [mewma.run_length(delta, p, 0.1, limit) for delta in DELTAS]
    assert ours == pytest.approx(TABLE[chart], rel=allowed)


def test_rigdon():
    # Rigdon 1995, Stat Probab Lett 24:365, table 1: lambda 0.1, H 14.56, p = 5, delta 1; three
    # digits of a coarse quadrature.
    assert mewma.run_length(1.0, 5, 0.1, 14.56) == pytest.approx(12.9, abs=0.1)


def test_one_score_is_the_ewma_and_weight_one_is_t_squared():
    assert mewma.run_length(0.7, 1, 0.2, 9.0) == ewma.two_sided(0.7, 0.2, 3.0, exact=False)
    # Two scores: the chance of T^2 > H is exp(-H/2).
    assert mewma.run_length(0.0, 2, 1.0, 10.0) == pytest.approx(math.exp(5.0), rel=1e-12)


@pytest.mark.parametrize("p", [2, 3, 7])
def test_two_equations_agree_where_both_hold(p):
    # A shift that is next to none, in two variables, against none, in one.
    radius = math.sqrt(10.0 * 0.2 / 1.8)
    none = mewma._in_control(p, 0.2, radius)
    assert mewma._shifted(1e-9, p, 0.2, radius) == pytest.approx(none, rel=1e-5)


@pytest.mark.parametrize(
    ("delta", "p", "lam", "limit"),
    [(0.8, 2, 0.3, 7.0), (0.0, 3, 0.15, 8.0), (1.2, 6, 0.5, 13.0), (1.0, 20, 0.1, 37.01)],
)
def test_simulation_agrees(delta, p, lam, limit):
    rng = np.random.default_rng(p)
    charts = 10_000
    z, length, alive = np.zeros((charts, p)), np.zeros(charts), np.ones(charts, dtype=bool)
    while alive.any():
        x = rng.standard_normal((charts, p)) + delta / math.sqrt(p)
        z = (1 - lam) * z + lam * x
        length += alive
        alive &= (2 - lam) / lam * (z * z).sum(axis=1) <= limit
    error = length.std() / math.sqrt(charts)
    assert mewma.run_length(delta, p, lam, limit) == pytest.approx(length.mean(), abs=3 * error)


@pytest.mark.parametrize("every", [20.0, 370.0, 1e5])
@pytest.mark.parametrize(("p", "lam"), [(2, 0.1), (5, 0.3), (12, 1.0)])
def test_limits_give_their_run_length(every, p, lam):
    limit = mewma.limit_for(every, p, lam)
    assert mewma.run_length(0.0, p, lam, limit) == pytest.approx(every, rel=1e-7)


def test_refusals_say_why():
    with pytest.raises(UsageError, match="p is 0"):
        mewma.hotelling(0.0, 0, 9.0)
    with pytest.raises(UsageError, match="delta is -1"):
        mewma.run_length(-1.0, 2, 0.1, 9.0)
    with pytest.raises(UsageError, match=r"lam is 0\.001"):
        mewma.run_length(0.0, 2, 0.001, 9.0)
