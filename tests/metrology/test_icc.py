"""Intraclass correlations against Shrout & Fleiss, an independent program and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.icc import IccModel, intraclass_correlation

# Shrout & Fleiss, Psychol Bull 1979;86:420, table 2: six targets, four judges.
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
# Table 4 of the same: single and mean of judges. Intervals: pingouin 0.7.0, which rounds to two
# digits.
PUBLISHED = {
    "ICC(1)": (0.17, 0.44, (-0.13, 0.72), (-0.88, 0.91)),
    "ICC(A,1)": (0.29, 0.62, (0.02, 0.76), (0.07, 0.93)),
    "ICC(C,1)": (0.71, 0.91, (0.34, 0.95), (0.68, 0.99)),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_judges_of_shrout_and_fleiss(model):
    single, average, ends, average_ends = PUBLISHED[model]
    found = intraclass_correlation(JUDGES, model)
    assert (found.subjects, found.raters) == (6, 4)
    assert found.value == pytest.approx(single, abs=0.005)
    assert found.average == pytest.approx(average, abs=0.005)
    assert found.interval == pytest.approx(ends, abs=0.005)
    assert found.average_interval == pytest.approx(average_ends, abs=0.005)


def test_mean_squares_of_shrout_and_fleiss():
    """Table 3 of the paper: 11.24 between targets, 6.26 within, 32.49 judges, 1.02 residual."""
    one_way = intraclass_correlation(JUDGES, "ICC(1)")
    two_way = intraclass_correlation(JUDGES, "ICC(A,1)")
    assert one_way.subject_mean_square == pytest.approx(11.24, abs=0.005)
    assert one_way.error_mean_square == pytest.approx(6.26, abs=0.005)
    assert one_way.rater_mean_square is None
    assert two_way.rater_mean_square == pytest.approx(32.49, abs=0.005)
    assert two_way.error_mean_square == pytest.approx(1.02, abs=0.005)
    assert one_way.degrees_of_freedom == (5, 18)
    assert intraclass_correlation(JUDGES, "ICC(C,1)").degrees_of_freedom == (5, 15)


# One standard deviation of a share of 95 % of 1500 is 0.56 %. The F intervals are exact; that of
# agreement is approximate: the ratio of its mean squares is not quite F.
@pytest.mark.parametrize(
    ("model", "n", "k", "raters", "least"),
    [
        ("ICC(1)", 10, 3, 0.3, 0.935),
        ("ICC(C,1)", 10, 3, 0.3, 0.935),
        ("ICC(A,1)", 10, 3, 0.3, 0.92),
        ("ICC(A,1)", 20, 2, 0.3, 0.92),
        ("ICC(A,1)", 20, 3, 0.0, 0.935),
    ],
)
def test_intervals_cover(model, n, k, raters, least):
    rng = np.random.default_rng(21)
    truth = 1 / 1.5 if model == "ICC(C,1)" else 1 / (1.5 + raters)
    inside = both = 0
    for _ in range(1500):
        bias = rng.normal(0, math.sqrt(raters), (n if model == "ICC(1)" else 1, k))
        table = rng.normal(0, 1, (n, 1)) + bias + rng.normal(0, math.sqrt(0.5), (n, k))
        found = intraclass_correlation(table, model)
        inside += found.interval[0] <= truth <= found.interval[1]
        mean = k * truth / (1 + (k - 1) * truth)
        both += found.average_interval[0] <= mean <= found.average_interval[1]
    assert least < inside / 1500 < 0.97
    assert both == inside


tables = arrays.arrays(
    float, st.tuples(st.integers(2, 8), st.integers(2, 4)), elements=st.integers(0, 50)
)


@given(tables, st.sampled_from(list(IccModel)), st.integers(-20, 20), st.floats(0.1, 10))
def test_shift_scale_and_order_leave_it(table, model, shift, scale):
    try:
        one = intraclass_correlation(table, model)
    except NotMeasurable:
        return
    other = intraclass_correlation(scale * (table[::-1, ::-1] + shift), model)
    assert other.value == pytest.approx(one.value, abs=1e-7)
    assert other.interval == pytest.approx(one.interval, abs=1e-7)
    assert one.interval[0] <= one.value + 1e-9
    assert one.value <= one.interval[1] + 1e-9
    assert one.average_interval[0] <= one.average_interval[1]


@given(tables, st.lists(st.integers(-30, 30), min_size=4, max_size=4))
def test_consistency_does_not_see_biases_of_raters(table, bias):
    moved = table + np.array(bias[: table.shape[1]])
    try:
        one = intraclass_correlation(table, IccModel.CONSISTENCY)
        other = intraclass_correlation(moved, IccModel.CONSISTENCY)
    except NotMeasurable:
        return
    assert other.value == pytest.approx(one.value, abs=1e-9)


def test_raters_that_contradict_each_other():
    """The mean of two has no lower bound where the correlation of one may be -1."""
    table = [[1, 0], [0, 1], [0, 0], [0, 1], [1, 0], [0, 0], [0, 0]]
    found = intraclass_correlation(table, "ICC(A,1)")
    assert found.interval[0] < found.value < 0 < found.interval[1]
    # a correlation is not below zero: the residual alone decides, with its 6 x 1 degrees of freedom
    assert found.degrees_of_freedom == (6, 6)
    assert found.average_interval[0] == -math.inf


def test_agreement_does_see_them():
    fair = intraclass_correlation(JUDGES - JUDGES.mean(axis=0), "ICC(A,1)")
    assert fair.value > intraclass_correlation(JUDGES, "ICC(A,1)").value + 0.3


@pytest.mark.parametrize(
    ("table", "model", "error", "says"),
    [
        ([[1, 2]], "ICC(1)", NotMeasurable, "1 subjects by 2 raters"),
        ([[1], [2]], "ICC(1)", NotMeasurable, "2 subjects by 1 raters"),
        ([1, 2, 3], "ICC(1)", UsageError, "one row a subject"),
        ([[1, 2], [3, 4]], "ICC2", UsageError, r"allowed are ICC\(1\), ICC\(A,1\)"),
        ([[1, 2], [3, math.nan], [4, 5]], "ICC(1)", NotMeasurable, "1 of 3 subjects.*row 1"),
        ([[2, 2], [2, 2]], "ICC(1)", NotMeasurable, "all readings are 2"),
        ([[1, 1], [3, 3]], "ICC(1)", NotMeasurable, "do not scatter"),
        ([[0, 1, 2], [1, 2, 0], [2, 0, 1]], "ICC(A,1)", NotMeasurable, "the same mean"),
        ([[1.1, 1.2], [3.1, 3.2]], "ICC(C,1)", NotMeasurable, "do not scatter"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_reason(table, model, error, says):
    with pytest.raises(error, match=says):
        intraclass_correlation(table, model)
