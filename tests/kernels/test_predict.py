"""Recursive prediction: equal to least squares on the exams before, exact normal scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qiqa.kernels.predict import ALL, NOTHING, SCATTER, normal_score, predict


def run(
    y, x=None, *, segment=None, variance=None, learn=None, fresh=None, widest=np.inf, floor=0.0
):
    n = len(y)
    x = np.empty((0, n)) if x is None else np.atleast_2d(x)
    segment = np.zeros(n, np.int64) if segment is None else np.asarray(segment, np.int64)
    return predict(
        np.asarray(y, float),
        np.ones(n) if variance is None else variance,
        np.ascontiguousarray(x, float),
        segment,
        np.zeros(segment.max() + 1, bool) if fresh is None else np.asarray(fresh),
        np.full(n, ALL) if learn is None else np.asarray(learn),
        widest,
        floor,
    )


@pytest.mark.parametrize("dof", [1, 2, 3, 4, 7, 12, 19, 20, 21, 60, 500])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.2, 4.0, 9.0, -3.0])
def test_normal_score_has_the_chance_of_t(dof, t):
    wanted = np.sign(t) * stats.norm.isf(stats.t.sf(abs(t), dof))
    assert normal_score(t, dof) == pytest.approx(wanted, abs=2e-6)


def test_normal_score_of_nothing_is_nan():
    assert np.isnan(normal_score(1.0, 0))
    assert np.isnan(normal_score(np.nan, 5))


def weighted(y, design, weights, row, variance):
    """Return prediction, its SD and degrees of freedom by ordinary least squares."""
    root = np.sqrt(weights)[:, None]
    present = np.any(design != 0, axis=0)
    a, b = design[:, present] * root, y * root[:, 0]
    estimate, *_ = np.linalg.lstsq(a, b, rcond=None)
    residual = b - a @ estimate
    dof = len(y) - np.linalg.matrix_rank(a)
    sigma2 = residual @ residual / dof
    spread = row[present] @ np.linalg.inv(a.T @ a) @ row[present]
    return row[present] @ estimate, np.sqrt(sigma2 * (variance + spread)), dof


@pytest.mark.parametrize("covariates", [0, 1, 2])
def test_each_exam_is_predicted_as_by_least_squares_on_those_before(covariates):
    rng = np.random.default_rng(3)
    n = 40
    x = rng.normal(size=(covariates, n))
    variance = rng.uniform(0.5, 3.0, n)
    segment = np.repeat([0, 1, 0, 2], 10)
    y = rng.normal(size=n) + segment * 3 + (x.sum(axis=0) if covariates else 0)
    expected, scale, dof, score, learned = run(y, x, segment=segment, variance=variance)
    assert learned.all()
    design = np.column_stack([segment == s for s in range(3)] + list(x)).astype(float)
    for t in range(n):
        if segment[t] not in segment[:t]:
            assert np.isnan(score[t])
        elif t > 5:
            center, sd, d = weighted(y[:t], design[:t], 1 / variance[:t], design[t], variance[t])
            assert expected[t] == pytest.approx(center, rel=1e-9)
            assert scale[t] == pytest.approx(sd, rel=1e-9)
            assert dof[t] == d


def test_scores_are_standard_normal_and_independent_from_the_third_exam_on():
    rng = np.random.default_rng(11)
    scores = np.array([run(rng.normal(7.0, 3.0, 12))[3] for _ in range(20_000)])
    assert np.isnan(scores[:, :2]).all()
    assert np.isfinite(scores[:, 2:]).all()
    for column in scores[:, 2:].T:
        assert stats.kstest(column, "norm").pvalue > 1e-4
    correlation = np.corrcoef(scores[:, 2:].T)
    off = correlation[~np.eye(10, dtype=bool)]
    assert np.abs(off).max() < 5 / np.sqrt(20_000)


def test_exams_after_a_frozen_baseline_are_not_learnt_from():
    y = np.concatenate((np.random.default_rng(1).normal(size=10), np.full(20, 50.0)))
    learn = np.where(np.arange(30) < 10, ALL, NOTHING)
    expected, _, dof, score, learned = run(y, learn=learn)
    assert learned.sum() == 10
    np.testing.assert_allclose(expected[10:], y[:10].mean())
    assert (dof[10:] == 9).all()
    assert (score[10:] > 4).all()


def test_a_held_level_stands_still_while_scatter_is_learnt():
    y = np.random.default_rng(3).normal(size=60)
    learn = np.where(np.arange(60) < 10, ALL, SCATTER)
    expected, scale, dof, _, learned = run(y, learn=learn)
    assert learned.all()
    np.testing.assert_allclose(expected[10:], y[:10].mean())
    assert dof[40] == 39
    assert scale[40] == pytest.approx(y[:40].std(ddof=1) * np.sqrt(1 + 1 / 10))


def test_a_spike_is_not_learnt_from():
    y = np.random.default_rng(2).normal(size=40)
    y[25] = 30.0
    with_spike, *_, learned = run(y, widest=4.0)
    assert not learned[25]
    assert learned.sum() == 39
    assert with_spike[26] == pytest.approx(np.delete(y, 25)[:25].mean())


def test_a_fresh_segment_learns_its_own_scatter():
    rng = np.random.default_rng(5)
    y = np.concatenate((rng.normal(0, 1, 50), rng.normal(0, 10, 50)))
    segment = np.repeat([0, 1], 50)
    carried = run(y, segment=segment)
    anew = run(y, segment=segment, fresh=[False, True])
    assert carried[2][60] == 50 + 10 - 2
    assert anew[2][60] == 10 - 1
    assert anew[1][99] > 5


def test_left_out_exams_have_no_score_and_change_nothing():
    y = np.random.default_rng(6).normal(size=30)
    y[12] = np.nan
    segment = np.zeros(30, np.int64)
    segment[12] = -1
    score = run(y, segment=segment)[3]
    assert np.isnan(score[12])
    np.testing.assert_allclose(score[13:], run(np.delete(y, 12))[3][12:])


def test_rounding_is_the_least_scatter():
    y = np.array([5.0, 5.0, 5.0, 5.0, 6.0])
    assert np.isnan(run(y)[3][4])  # no scatter, nothing to judge by
    scale = run(y, floor=1 / np.sqrt(12))[1]
    assert scale[4] == pytest.approx(np.sqrt((1 + 1 / 4) / 12))


def test_a_covariate_that_has_not_moved_says_nothing_yet():
    y = np.random.default_rng(8).normal(size=8)
    x = np.array([20.0, 20, 20, 20, 25, 21, 22, 20])
    score = run(y, x - 20)[3]
    assert np.isfinite(score[3])
    assert np.isnan(score[4])  # first exam at another temperature: no slope is known
    assert np.isfinite(score[5:]).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-100, 100), min_size=5, max_size=30),
    st.floats(-1e3, 1e3),
    st.floats(0.01, 1e3),
)
def test_scores_do_not_know_unit_or_origin(values, origin, unit):
    y = np.array(values)
    one, other = run(y)[3], run(origin + unit * y)[3]
    clear = np.isfinite(one) & np.isfinite(other) & (np.abs(one) < 6)
    scatter = run(y)[1]
    clear &= scatter > 1e-6 * (1 + np.abs(y).max() + abs(origin) / unit)
    np.testing.assert_allclose(one[clear], other[clear], rtol=1e-3, atol=1e-3)


def test_a_covariate_that_never_moves_does_not_stop_the_others():
    rng = np.random.default_rng(9)
    y, x = rng.normal(size=30), rng.normal(size=30)
    alone = run(y, x)
    beside = run(y, np.stack([np.zeros(30), x, np.zeros(30)]))
    np.testing.assert_allclose(beside[3], alone[3])
    np.testing.assert_array_equal(beside[2], alone[2])
