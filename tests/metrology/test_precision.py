"""Scatter of repeats, against publications and hand calculation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.precision import (
    CvMethod,
    sd_interval,
    sd_upper_bound,
    within_subject_cv,
    within_subject_sd,
)

# Bland and Altman, Lancet 1986;i:307: peak flow of 17 people, large meter, twice
PEAK_FLOW_1 = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
PEAK_FLOW_2 = [490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421]
# Davies 1949: yield of dyestuff from six batches
DYESTUFF = [
    1545, 1440, 1440, 1520, 1580, 1540, 1555, 1490, 1560, 1495, 1595, 1550, 1605, 1510, 1560,
    1445, 1440, 1595, 1465, 1545, 1595, 1630, 1515, 1635, 1625, 1520, 1455, 1450, 1480, 1445,
]  # fmt: skip


def test_peak_flow_of_bland_and_altman():
    who = np.tile(np.arange(17), 2)
    found = within_subject_sd(PEAK_FLOW_1 + PEAK_FLOW_2, who)
    assert found.wsd == pytest.approx(15.3, abs=0.05)
    assert found.rc == pytest.approx(42.4, abs=0.05)
    assert (found.degrees_of_freedom, found.subjects, found.readings) == (17, 17, 34)


def test_within_batches_of_dyestuff():
    found = within_subject_sd(DYESTUFF, np.repeat(list("ABCDEF"), 5))
    # mean square within batches 2451.25 in every textbook that has these data
    assert found.wsd**2 == pytest.approx(2451.25)
    assert found.degrees_of_freedom == 24
    assert found.mean == pytest.approx(1527.5)


def test_breast_adc_of_acrin_6698():
    """WCV 4.8 % (4.0 to 5.7), 71 people twice: their interval, and 13 % as what is no change."""
    ends = sd_interval(4.8, 71)
    assert ends.low == pytest.approx(4.0, abs=0.15)
    assert ends.high == pytest.approx(5.7, abs=0.05)
    ratio = 4.8 / 100 * math.sqrt(2)  # pairs that differ by this much have a CV of 4.8 % each
    values = [[1.2 * m * (1 - ratio / 2), 1.2 * m * (1 + ratio / 2)] for m in (0.8, 1.0, 1.3)]
    found = within_subject_cv(np.ravel(values), np.repeat([0, 1, 2], 2))
    assert found.wcv_percent == pytest.approx(4.8)
    assert found.rc_percent == pytest.approx(13.3, abs=0.05)
    assert found.change_limits_percent == pytest.approx((-13.3, 13.3), abs=0.05)


def test_two_repeats_have_one_degree_of_freedom_and_a_wide_interval():
    """The quantiles of chi square with 1 df are 0.000982 and 5.024 (any table)."""
    found = within_subject_sd([100.0, 102.0])
    assert found.degrees_of_freedom == 1
    assert found.wsd == pytest.approx(math.sqrt(2.0))
    assert found.interval.low / found.wsd == pytest.approx(math.sqrt(1 / 5.0239), rel=1e-3)
    assert found.interval.high / found.wsd == pytest.approx(math.sqrt(1 / 0.00098207), rel=1e-3)
    assert found.rc == pytest.approx(2.7718 * math.sqrt(2.0), rel=1e-5)


def test_upper_bound_from_a_table_of_chi_square():
    assert sd_upper_bound(1.0, 10) == pytest.approx(math.sqrt(10 / 3.940), rel=1e-4)


def test_unequal_numbers_are_weighted_by_degrees_of_freedom():
    # squares about the means: 2 of (1, 3); 2 of (10, 11, 12); a single reading says nothing
    found = within_subject_sd([1, 3, 10, 11, 12, 99], ["a", "a", "b", "b", "b", "c"])
    assert found.wsd == pytest.approx(math.sqrt((2 + 2) / 3))
    assert (found.subjects, found.readings, found.degrees_of_freedom) == (2, 5, 3)
    assert found.mean == pytest.approx((2 + 11) / 2)


def test_root_mean_square_and_logarithms_by_hand():
    values, who = [9.0, 11.0, 90.0, 110.0, 95.0], [0, 0, 1, 1, 1]
    rms = within_subject_cv(values, who)
    mean = (90 + 110 + 95) / 3
    squares = 2 * 0.1**2 + sum((v / mean - 1) ** 2 for v in (90, 110, 95))
    assert rms.wcv_percent == pytest.approx(100 * math.sqrt(squares / 3))
    log = within_subject_cv(values, who, method=CvMethod.LOG)
    logs = [np.log([9, 11]), np.log([90, 110, 95])]
    s2 = sum(float(g.var() * g.size) for g in logs) / 3
    assert log.wcv_percent == pytest.approx(100 * math.sqrt(math.exp(s2) - 1))
    assert log.wcv_percent == pytest.approx(rms.wcv_percent, rel=0.01)


def test_limits_of_change_are_a_factor_above_15_percent():
    found = within_subject_cv([75.0, 125.0], method=CvMethod.LOG)
    low, high = found.change_limits_percent
    assert found.wcv_percent > 15
    assert -100 < low < 0 < high
    # a fall and a rise by the same factor
    assert (1 + low / 100) * (1 + high / 100) == pytest.approx(1.0)
    s = abs(math.log(75 / 125)) / math.sqrt(2)
    assert math.log(1 + high / 100) == pytest.approx(1.96 * math.sqrt(2) * s, rel=1e-4)


@pytest.mark.parametrize("method", list(CvMethod))
@pytest.mark.parametrize("wcv", [0.03, 0.12])
def test_intervals_of_wcv_cover(method, wcv):
    rng = np.random.default_rng([4, int(100 * wcv)])
    truth = rng.uniform(1, 3, (800, 12))
    who = np.repeat(np.arange(12), 2)
    inside = 0
    for means in truth:
        s = math.sqrt(math.log1p(wcv**2))
        values = np.repeat(means, 2) * np.exp(rng.normal(-(s**2) / 2, s, 24))
        ends = within_subject_cv(values, who, method=method).interval
        inside += ends.low <= 100 * wcv <= ends.high
    assert 0.927 < inside / 800 < 0.973  # three standard errors


def test_intervals_of_wsd_cover():
    rng = np.random.default_rng(4)
    who = [0, 0, 0, 1, 1, 2, 2]
    inside = 0
    for values in rng.normal(np.repeat([10, 50, 90], [3, 2, 2]), 2, (2000, 7)):
        ends = within_subject_sd(values, who).interval
        inside += ends.low <= 2 <= ends.high
    assert 0.935 < inside / 2000 < 0.965


numbers = st.lists(st.floats(1.0, 100.0), min_size=4, max_size=12).filter(
    lambda x: np.ptp(x[::2]) > 1e-3 and np.ptp(x[1::2]) > 1e-3
)


@given(values=numbers, factor=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3))
def test_unit_and_origin(values, factor, shift):
    """The unit scales wSD and leaves wCV alone; the origin does not change wSD."""
    x, who = np.array(values), np.arange(len(values)) % 2
    first = within_subject_sd(x, who)
    assert within_subject_sd(x * factor, who).wsd == pytest.approx(first.wsd * factor, rel=1e-9)
    assert within_subject_sd(x + shift, who).wsd == pytest.approx(first.wsd, rel=1e-6)
    for method in CvMethod:
        same = within_subject_cv(x, who, method=method).wcv_percent
        other = within_subject_cv(x * factor, who, method=method).wcv_percent
        assert other == pytest.approx(same, rel=1e-9)
    order = np.argsort(x, kind="stable")
    assert within_subject_sd(x[order], who[order]).wsd == pytest.approx(first.wsd, rel=1e-9)


def test_no_interval_from_nothing():
    for values in ([3.0], [3.0, math.nan], []):
        with pytest.raises(NotMeasurable, match="fewer than two"):
            within_subject_sd(values)
    with pytest.raises(NotMeasurable, match="none of 3 subjects has two"):
        within_subject_sd([1.0, 2.0, 3.0], ["a", "b", "c"])
    with pytest.raises(NotMeasurable, match="identical"):
        within_subject_sd([0.1, 0.1, 0.3, 0.3], [1, 1, 2, 2])
    with pytest.raises(NotMeasurable, match="one side of zero"):
        within_subject_cv([-1.0, -2.0, 1.0, 2.0], [1, 1, 2, 2])
    with pytest.raises(NotMeasurable, match="positive"):
        within_subject_cv([-0.1, 2.0], method=CvMethod.LOG)
    with pytest.raises(UsageError, match="one subject for each value"):
        within_subject_sd([1.0, 2.0], ["a"])
