"""Claims of a profile: what they conclude, and how often wrongly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import UsageError
from qiqa.core.trial import ClaimAnswer
from qiqa.metrology.bias import bias
from qiqa.metrology.conformance import (
    bias_conformance,
    linearity_conformance,
    precision_conformance,
)
from qiqa.metrology.linearity import linearity

LEVELS = np.repeat(np.linspace(0.2, 2.2, 6), 4)


def test_35_cases_by_a_table_of_chi_square():
    """35 degrees of freedom at 5 %: 22.465. A claim of 10 % allows an estimate of 8.01 %."""
    most = 10 * math.sqrt(22.465 / 35)
    assert most == pytest.approx(8.01, abs=0.005)
    assert precision_conformance(most - 0.01, 35, 10.0).answer is ClaimAnswer.IN
    assert precision_conformance(most + 0.01, 35, 10.0).answer is ClaimAnswer.NOT_ENOUGH_DATA
    # 95 %: 49.802, above which it is shown to be more than claimed
    least = 10 * math.sqrt(49.802 / 35)
    assert precision_conformance(least - 0.01, 35, 10.0).answer is ClaimAnswer.NOT_ENOUGH_DATA
    assert precision_conformance(least + 0.01, 35, 10.0).answer is ClaimAnswer.OUT


def test_breast_adc_of_acrin_6698_against_claims():
    """WCV 4.8 % of 71 people measured twice: a claim of 15 % for change is a wCV of 5.4 %."""
    assert precision_conformance(4.8, 71, 6.0).answer is ClaimAnswer.IN
    found = precision_conformance(4.8, 71, 15 / 2.77)
    assert found.answer is ClaimAnswer.NOT_ENOUGH_DATA  # one-sided upper bound 5.6 %
    assert found.interval.high == pytest.approx(5.6, abs=0.05)
    assert "cases measured twice" in found.reason


@given(st.floats(0.1, 50), st.floats(1, 300), st.floats(0.1, 50))
def test_the_test_and_the_bound_agree(found, dof, claimed):
    result = precision_conformance(found, dof, claimed)
    assert (result.p_value < 0.05) == (result.answer is ClaimAnswer.IN)
    if abs(result.interval.high / claimed - 1) > 1e-9:
        assert (result.interval.high < claimed) == (result.answer is ClaimAnswer.IN)


def test_at_the_claim_a_yes_is_as_rare_as_stated():
    rng = np.random.default_rng(2)
    found = 10 * np.sqrt(rng.chisquare(12, 2000) / 12)
    answers = [precision_conformance(float(f), 12, 10.0).answer for f in found]
    assert answers.count(ClaimAnswer.IN) / 2000 == pytest.approx(0.05, abs=0.015)
    assert answers.count(ClaimAnswer.OUT) / 2000 == pytest.approx(0.05, abs=0.015)


def test_bias_must_lie_wholly_inside():
    x = np.array([100.4, 101.1, 100.9, 101.6])
    found = bias(x, 100.0)
    half = found.interval.high - found.bias  # of 95 %
    end = found.bias + half
    assert bias_conformance(found, -5, end + 0.01).answer is ClaimAnswer.IN
    assert bias_conformance(found, -5, end - 0.01).answer is ClaimAnswer.NOT_ENOUGH_DATA
    assert bias_conformance(found, -5, found.bias - half - 0.01).answer is ClaimAnswer.OUT
    vague = bias_conformance(bias(x, 100.0, 5.0), -5, 5)
    assert vague.answer is ClaimAnswer.NOT_ENOUGH_DATA
    assert "that of the reference" in vague.reason


def test_a_good_scanner_is_linear():
    rng = np.random.default_rng(3)
    found = linearity(LEVELS, 1.01 * LEVELS + rng.normal(0, 0.02, LEVELS.size))
    bend, slope, r_squared = linearity_conformance(found)
    assert [c.answer for c in (bend, slope, r_squared)] == [ClaimAnswer.IN] * 3
    assert slope.interval.low == pytest.approx(found.slope_interval.low)
    assert slope.interval.high == pytest.approx(found.slope_interval.high)


def test_slopes_and_bends_are_told_apart():
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.02, LEVELS.size)
    steep = linearity_conformance(linearity(LEVELS, 1.1 * LEVELS + noise))
    assert [c.answer for c in steep] == [ClaimAnswer.IN, ClaimAnswer.OUT, ClaimAnswer.IN]
    bent = linearity_conformance(linearity(LEVELS, LEVELS + 0.1 * LEVELS**2 + noise))
    assert bent[0].answer is ClaimAnswer.OUT
    noisy = linearity_conformance(linearity(LEVELS, LEVELS + 50 * noise))
    assert noisy[1].answer is ClaimAnswer.NOT_ENOUGH_DATA
    assert noisy[2].answer is ClaimAnswer.OUT


def test_absence_of_evidence_is_not_taken_where_a_bend_is_allowed():
    rng = np.random.default_rng(5)
    y = LEVELS + rng.normal(0, 0.3, LEVELS.size)
    few = linearity(LEVELS, y)
    assert linearity_conformance(few)[0].answer is ClaimAnswer.IN
    asked = linearity_conformance(few, allowed_bend=0.02)[0]
    assert (asked.claim, asked.answer) == ("departure", ClaimAnswer.NOT_ENOUGH_DATA)
    precise = linearity(LEVELS, LEVELS + 0.02 * (y - LEVELS))
    assert linearity_conformance(precise, allowed_bend=0.02)[0].answer is ClaimAnswer.IN
    bent = linearity(LEVELS, LEVELS + 0.2 * LEVELS**2 + 0.02 * (y - LEVELS))
    assert linearity_conformance(bent, allowed_bend=0.02)[0].answer is ClaimAnswer.OUT


def test_refusals():
    for found, dof, claimed in ((0.0, 10, 5.0), (5.0, 0, 5.0), (5.0, 10, math.nan)):
        with pytest.raises(UsageError):
            precision_conformance(found, dof, claimed)
