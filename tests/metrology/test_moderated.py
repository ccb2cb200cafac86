"""Variances that borrow from each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qiqa.metrology.moderated import moderated_variances


def test_prior_is_found_again():
    rng = np.random.default_rng(5)
    d0, s0, d, k = 6.0, 2.5, 3.0, 20_000
    true = d0 * s0 / rng.chisquare(d0, k)
    sample = true * rng.chisquare(d, k) / d
    found = moderated_variances(sample, np.full(k, d))
    assert found.prior_degrees_of_freedom == pytest.approx(d0, rel=0.1)
    assert found.prior_variance == pytest.approx(s0, rel=0.03)


def test_interval_of_a_mean_covers_with_three_exams_each():
    rng = np.random.default_rng(7)
    inside = plain = total = 0
    for _ in range(300):
        true = 5.0 / rng.chisquare(5.0, 20)
        x = rng.standard_normal((20, 3)) * np.sqrt(true)[:, None]
        s2 = x.var(axis=1, ddof=1)
        found = moderated_variances(s2, np.full(20, 2.0))
        t = np.abs(x.mean(axis=1)) / np.sqrt(found.variance / 3)
        inside += (t < stats.t.ppf(0.975, found.degrees_of_freedom)).sum()
        plain += (np.abs(x.mean(axis=1)) / np.sqrt(s2.mean() / 3) < 1.96).sum()
        total += 20
    assert inside / total == pytest.approx(0.95, abs=0.012)


def test_one_without_repeats_takes_the_prior():
    found = moderated_variances(np.array([1.0, 4.0, 0.3, np.nan]), np.array([4.0, 4.0, 4.0, 0.0]))
    assert found.variance[3] == pytest.approx(found.prior_variance)
    assert np.isfinite(found.variance).all()


def test_equal_variances_are_pooled():
    found = moderated_variances(np.array([1.0, 1.1, 0.9]), np.array([5.0, 5.0, 5.0]))
    assert found.variance == pytest.approx(1.0)
    assert found.degrees_of_freedom == pytest.approx(15.0)


def test_none_has_repeats():
    found = moderated_variances(np.array([np.nan, np.nan]), np.zeros(2))
    assert np.isnan(found.variance).all()
    assert (found.degrees_of_freedom == 0).all()


def test_scale_is_carried_through():
    s2, d = np.array([1.0, 4.0, 0.3, 9.0]), np.array([2.0, 3.0, 2.0, 5.0])
    one, other = moderated_variances(s2, d), moderated_variances(100 * s2, d)
    assert other.variance == pytest.approx(100 * one.variance)
    assert other.degrees_of_freedom == pytest.approx(one.degrees_of_freedom)
