"""Within a claim, outside, or not enough data: against a judge, and how often it is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.trial import ClaimAnswer
from qiqa.metrology.bias import bias
from qiqa.metrology.equivalence import bias_within, within_claim


def test_p_values_as_statsmodels_has_them():
    weight = pytest.importorskip("statsmodels.stats.weightstats")
    x = np.random.default_rng(1).normal(0.4, 1.0, 15)
    judge = weight.DescrStatsW(x)
    p, *_ = judge.ttost_mean(-1.0, 1.0)
    found = within_claim(x.mean(), x.std(ddof=1) / math.sqrt(15), 14.0, -1.0, 1.0)
    assert found.p_in == pytest.approx(p, rel=1e-9)
    low, high = judge.tconfint_mean(alpha=0.1)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert (found.answer is ClaimAnswer.IN) == (p < 0.05)


@given(
    value=st.floats(-10, 10),
    u=st.floats(0.01, 5),
    dof=st.one_of(st.floats(1, 200), st.just(math.inf)),
    half=st.floats(0.1, 8),
)
def test_the_answer_is_what_the_interval_says(value, u, dof, half):
    found = within_claim(value, u, dof, -half, half)
    low, high = found.interval.low, found.interval.high
    assert found.interval.coverage == pytest.approx(0.90)
    near = 1e-9 * (1 + abs(low) + abs(high))
    if -half + near < low and high < half - near:
        assert found.answer is ClaimAnswer.IN
    elif low > half + near or high < -half - near:
        assert found.answer is ClaimAnswer.OUT
    elif abs(low + half) > near and abs(high - half) > near and abs(low - half) > near:
        assert found.answer is not ClaimAnswer.IN
    mirrored = within_claim(-value, u, dof, -half, half)
    assert mirrored.answer is found.answer
    assert mirrored.p_in == pytest.approx(found.p_in)
    assert mirrored.p_out == pytest.approx(found.p_out)


@pytest.mark.parametrize("truth", [2.0, -2.0])
def test_wrong_answers_are_as_rare_as_stated(truth):
    """At an end of the claim both answers are wrong; each may come in 5 % of cases."""
    rng = np.random.default_rng([3, int(truth > 0)])
    answers = []
    for _ in range(2000):
        stated = 100 + rng.normal(0, 0.2)
        found = bias(rng.normal(100 + truth, 1.0, 8), stated, 0.2)
        # without the numbers of further readings, which take a search
        u, dof = found.standard_uncertainty, found.degrees_of_freedom
        answers.append(within_claim(found.bias, u, dof, -2.0, 2.0).answer)
    for wrong in (ClaimAnswer.IN, ClaimAnswer.OUT):
        assert answers.count(wrong) / 2000 < 0.065


def test_further_readings_do_bring_the_answer():
    rng = np.random.default_rng(4)
    first = bias(rng.normal(101.0, 1.0, 3), 100.0, 0.1)
    open_ = bias_within(first, -2.0, 2.0)
    assert open_.answer is ClaimAnswer.NOT_ENOUGH_DATA
    assert open_.further is not None
    assert f"{open_.further} further readings" in open_.reason
    # with the bias and scatter that it saw as the truth
    sd, n, hits = first.scatter_standard_uncertainty * math.sqrt(3), 3 + open_.further, 0
    for _ in range(400):
        stated = 100 + rng.normal(0, 0.1)
        again = bias(rng.normal(100 + first.bias, sd, n), stated, 0.1)
        u, dof = again.standard_uncertainty, again.degrees_of_freedom
        hits += within_claim(again.bias, u, dof, -2.0, 2.0).answer is ClaimAnswer.IN
    assert hits / 400 > 0.74


def test_further_readings_that_show_it_outside():
    x = np.array([1.2, 3.2, 2.6])
    found = bias_within(bias(x, 0.0), -2.0, 2.0)
    assert found.answer is ClaimAnswer.NOT_ENOUGH_DATA
    # one-sided z: (1.645 + 0.842)² / (gap / sd)², a few more for t
    about = ((1.645 + 0.842) * x.std(ddof=1) / (x.mean() - 2.0)) ** 2
    assert found.further == pytest.approx(about - 3, abs=4)


def test_a_reference_that_no_reading_can_help():
    found = bias_within(bias([100.2, 100.4, 100.3], 100.0, 1.5), -2.0, 2.0)
    assert found.answer is ClaimAnswer.NOT_ENOUGH_DATA
    assert found.further is None
    assert "reference is too uncertain" in found.reason


def test_clear_answers_ask_for_nothing():
    inside = bias_within(bias([100.1, 100.2, 100.3], 100.0, 0.1), -2.0, 2.0)
    outside = bias_within(bias([104.1, 104.2, 104.3], 100.0, 0.1), -2.0, 2.0)
    assert (inside.answer, inside.further) == (ClaimAnswer.IN, None)
    assert (outside.answer, outside.further) == (ClaimAnswer.OUT, None)
    assert inside.p_in < 0.05 < inside.p_out
    assert outside.p_out < 0.05 < outside.p_in


def test_refusals():
    for value, u, dof in ((math.nan, 1.0, 3.0), (1.0, 0.0, 3.0), (1.0, 1.0, 0.0)):
        with pytest.raises(NotMeasurable):
            within_claim(value, u, dof, -1.0, 1.0)
    with pytest.raises(UsageError, match="lower"):
        within_claim(1.0, 1.0, 3.0, 1.0, -1.0)
    with pytest.raises(UsageError, match="alpha"):
        within_claim(1.0, 1.0, 3.0, -1.0, 1.0, alpha=0.6)
    with pytest.raises(UsageError, match="finite"):
        bias_within(bias([1.0, 2.0], 1.0), -math.inf, 1.0)
    assert within_claim(1.0, 1.0, 30.0, -math.inf, 3.0).answer is ClaimAnswer.IN
