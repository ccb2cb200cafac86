"""Robust estimates, against values printed in ISO 13528 and independent programs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import NotMeasurable
from qiqa.metrology.robust import algorithm_a, hampel, q_hampel, q_method, qn, qn_hampel

# ISO 13528:2022 example E.3: atrazine in drinking water, 34 participants
ATRAZINE = [
    0.040, 0.055, 0.178, 0.202, 0.206, 0.227, 0.228, 0.230, 0.230, 0.235, 0.236, 0.237, 0.243,
    0.244, 0.245, 0.2555, 0.260, 0.264, 0.267, 0.270, 0.273, 0.274, 0.274, 0.278, 0.2811, 0.287,
    0.287, 0.288, 0.289, 0.295, 0.296, 0.311, 0.331, 0.4246,
]  # fmt: skip
# example E.13: averages of 25 participants
AVERAGES = [
    2.15, 1.85, 1.80, 1.80, 1.90, 1.90, 1.90, 2.05, 2.35, 2.03, 2.08, 1.25, 1.13, 1.00, 1.08,
    1.20, 1.35, 1.23, 1.23, 0.90, 1.48, 1.20, 1.73, 1.43, 1.28,
]  # fmt: skip
# ISO 5725-5: creosote
CREOSOTE = [24.140, 20.155, 19.500, 20.300, 20.705, 17.570, 20.100, 20.940, 21.185]
TEN = [0.227, 0.230, 0.243, 0.255, 0.264, 0.270, 0.274, 0.281, 0.289, 0.311]
# Croux and Rousseeuw 1992, as many figures as R robustbase has
SMALL = {
    2: 0.399356, 3: 0.99365, 4: 0.51321, 5: 0.84401, 6: 0.61220, 7: 0.85877, 8: 0.66993,
    9: 0.87344, 10: 0.72014, 11: 0.88906, 12: 0.75743,
}  # fmt: skip

spread = st.lists(st.floats(-100, 100), min_size=6, max_size=25, unique=True).filter(
    lambda x: np.min(np.diff(np.sort(x))) > 1e-3
)


def test_printed_values_of_atrazine():
    found = algorithm_a(ATRAZINE)
    assert (found.mean, found.sd) == pytest.approx((0.2570, 0.0395), abs=5e-5)
    assert found.standard_uncertainty == pytest.approx(0.0085, abs=5e-5)
    found = q_hampel(ATRAZINE)
    assert (found.mean, found.sd) == pytest.approx((0.2600, 0.0426), abs=5e-5)
    assert found.standard_uncertainty == pytest.approx(0.0091, abs=5e-5)


def test_printed_mean_of_averages():
    assert algorithm_a(AVERAGES).mean == pytest.approx(1.57, abs=5e-3)


def test_ten_values_of_an_independent_program():
    """pt13528: 0.26412415793, 0.02941161425, 0.01162596134."""
    found = algorithm_a(TEN)
    assert found.mean == pytest.approx(0.26412415793, abs=1e-10)
    assert found.sd == pytest.approx(0.02941161425, abs=1e-10)
    assert found.standard_uncertainty == pytest.approx(0.01162596134, abs=1e-10)


@pytest.mark.parametrize("values", [ATRAZINE, AVERAGES, CREOSOTE, TEN])
def test_algorithm_a_is_the_second_proposal_of_huber(values):
    """Which statsmodels has with 1.13339 for the printed 1.134."""
    scale = pytest.importorskip("statsmodels.robust.scale")
    mean, sd = scale.Huber(c=1.5, tol=1e-12, maxiter=5000)(np.array(values))
    found = algorithm_a(values)
    assert found.mean == pytest.approx(float(mean), rel=1e-3)
    assert found.sd == pytest.approx(float(sd), rel=3e-3)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 11, 12, 13, 14, 29, 30])
def test_qn_as_statsmodels_has_it(n):
    scale = pytest.importorskip("statsmodels.robust.scale")
    x = np.random.default_rng(n).normal(10, 2, n)
    if n <= 12:
        factor = SMALL[n]
    elif n % 2:
        factor = 1 / (1 + (1.60188 + (-2.1284 - 5.172 / n) / n) / n)
    else:
        factor = 1 / (1 + (3.67561 + (1.9654 + (6.987 - 77 / n) / n) / n) / n)
    assert qn(x) == pytest.approx(float(scale.qn_scale(x)) * factor, rel=1e-4)


def test_q_by_hand():
    """Values 0, 1, 3: distances 1, 2, 3 of a third each; their quarter is interpolated."""
    # heights 1/6, 1/2, 5/6 at 1, 2, 3: a quarter lies a quarter of the way from 1 to 2
    assert q_method([0.0, 1.0, 3.0]) == pytest.approx(1.25 / (math.sqrt(2) * 0.318639), rel=1e-5)


def test_hampel_is_a_zero_of_its_function():
    rng = np.random.default_rng(3)
    for _ in range(30):
        x = np.append(rng.normal(5, 1, 12), rng.normal(25, 1, 2))
        mean = hampel(x, 1.0)
        q = np.abs(x - mean)
        weight = np.where(q <= 1.5, 1, np.where(q <= 3, 1.5 / q, np.maximum(4.5 - q, 0) / q))
        assert np.sum(weight * (x - mean)) == pytest.approx(0, abs=1e-9)
        assert abs(mean - 5) < 1.2


def test_all_are_right_for_normal_values_and_stand_outliers():
    rng = np.random.default_rng(4)
    clean = rng.normal(50, 2, 400)
    dirty = np.append(clean[:340], rng.normal(80, 1, 60))
    for sd_of in (lambda x: algorithm_a(x).sd, qn, q_method):
        assert sd_of(clean) == pytest.approx(2, rel=0.12)
        assert sd_of(dirty) < 4 < dirty.std()
    for estimate in (algorithm_a, q_hampel, qn_hampel):
        assert estimate(clean).mean == pytest.approx(50, abs=0.35)
        assert estimate(dirty).mean < 51.5 < dirty.mean()


def test_standard_uncertainty_covers():
    rng = np.random.default_rng(5)
    inside = np.zeros(2)
    for _ in range(250):
        x = rng.normal(10, 1, 30)
        for k, found in enumerate((algorithm_a(x), q_hampel(x))):
            inside[k] += abs(found.mean - 10) < 2.045 * found.standard_uncertainty
    # 1.25 is the factor of a median: more than enough for these two
    assert np.all(inside / 250 > 0.92)


@given(spread, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_unit_and_origin(values, factor, shift):
    x = np.array(values)
    for estimate in (algorithm_a, q_hampel, qn_hampel):
        first, other = estimate(x), estimate(x * factor + shift)
        assert other.sd == pytest.approx(first.sd * factor, rel=1e-5)
        assert other.mean == pytest.approx(first.mean * factor + shift, rel=1e-5, abs=1e-4 * factor)


def test_repeats_of_a_participant_are_one_participant():
    alone = q_method([1.0, 2.0, 4.0, 7.0])
    twice = q_method([[1.0, 1.0], [2.0, 2.0], [4.0], [7.0, 7.0, 7.0]])
    assert twice == pytest.approx(alone)


def test_refusals():
    for values in ([1.0, 2.0], [1.0, math.nan, 2.0]):
        with pytest.raises(NotMeasurable, match="at least 3"):
            algorithm_a(values)
    for refuse in (algorithm_a, qn, q_method, q_hampel):
        with pytest.raises(NotMeasurable, match="of 4 values are equal"):
            refuse([2.0, 2.0, 2.0, 2.0])
    with pytest.raises(NotMeasurable, match="8 of 9 values are equal"):
        algorithm_a([2.0] * 8 + [3.0])
    with pytest.raises(NotMeasurable, match="8 of 9 values are equal"):
        qn([2.0] * 8 + [3.0])
    with pytest.raises(NotMeasurable, match="1 participants"):
        q_method([[1.0, 2.0]])
