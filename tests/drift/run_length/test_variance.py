"""The CUSUM of squared scores against published collocation, simulation and closed forms."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import variance

# Knoth 2006, Comput Stat Data Anal 51:499, table 1: k 1.46, h 10, one degree of freedom;
# collocation with 63 nodes, and 1e9 replicates with their standard errors.
KNOTH = {
    1.0: (260.7369, 260.7399, 0.0081), 1.1: (90.1319, 90.1319, 0.0027),
    1.2: (43.6867, 43.6845, 0.0013), 1.3: (26.2916, 26.2929, 0.0007),
    1.4: (18.1231, 18.1235, 0.0005), 1.5: (13.6268, 13.6272, 0.0003), 2.0: (5.9904, 5.9903, 0.0001),
}  # fmt: skip


@pytest.mark.parametrize("ratio", KNOTH)
def test_knoth(ratio):
    collocation, simulated, error = KNOTH[ratio]
    ours = variance.run_length(ratio, 1.46, 10.0)
    assert ours == pytest.approx(collocation, abs=6e-5)
    assert ours == pytest.approx(simulated, abs=3 * error)


def test_reference_value_of_the_same_table():
    assert variance.reference_for(1.5) == pytest.approx(1.46, abs=0.005)


def test_a_limit_far_below_the_reference_is_a_chart_of_single_scores():
    # With h next to nothing each exam starts at zero and signals when z^2 > k + h.
    chance = 2 * ndtr(-math.sqrt(9.0 + 1e-9))
    assert variance.run_length(1.0, 9.0, 1e-9) == pytest.approx(1 / chance, rel=1e-7)


@pytest.mark.parametrize(
    ("ratio", "k", "h", "shift"), [(1.0, 1.2, 4.7, 0.0), (0.8, 0.7, 6.0, 0.9), (1.6, 2.5, 7.9, 0.5)]
)
def test_simulation_agrees(ratio, k, h, shift):
    rng = np.random.default_rng(23)
    charts = 20_000
    total, length, alive = np.zeros(charts), np.zeros(charts), np.ones(charts, dtype=bool)
    while alive.any():
        z = ratio * rng.standard_normal(charts) + shift
        total = np.maximum(0, total + z * z - k)
        length += alive
        alive &= total <= h
    error = length.std() / math.sqrt(charts)
    assert variance.run_length(ratio, k, h, shift) == pytest.approx(length.mean(), abs=3 * error)


@pytest.mark.parametrize("every", [20.0, 370.0, 1e4])
@pytest.mark.parametrize("ratio", [1.2, 1.5, 2.0])
def test_limits_give_their_run_length(every, ratio):
    k = variance.reference_for(ratio)
    h = variance.limit_for(every, k)
    assert variance.run_length(1.0, k, h) == pytest.approx(every, rel=1e-7)


@pytest.mark.parametrize(
    ("ratio", "k", "h"), [(1.0, 1.46, 10.0), (1.3, 2.0, 3.5), (1.0, 1.1, 20.0)]
)
def test_more_coefficients_change_nothing(monkeypatch, ratio, k, h):
    coarse = variance.run_length.__wrapped__(ratio, k, h)
    monkeypatch.setattr(variance, "ORDER", 24)
    monkeypatch.setattr(variance, "ANGLES", 48)
    assert variance.run_length.__wrapped__(ratio, k, h) == pytest.approx(coarse, rel=1e-9)


def test_refusals_say_why():
    with pytest.raises(UsageError, match="ratio is 1"):
        variance.reference_for(1.0)
    with pytest.raises(UsageError, match="120 times"):
        variance.run_length(1.0, 0.01, 10.0)
    with pytest.raises(UsageError, match="k is 0"):
        variance.limit_for(100.0, 0.9)
