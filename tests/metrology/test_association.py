"""Association: against scipy and statsmodels, and against what is known of independence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qiqa.metrology.association import cramer_v, rank_association


def test_p_is_that_of_chi_squared():
    counts = np.array([[20, 30, 25], [35, 10, 30]])
    made = cramer_v(counts, np.random.default_rng(0))
    assert made.p == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue)
    assert made.by == "chi-squared"


def test_strength_without_correction_is_that_of_scipy_for_many():
    counts = 100_000 * np.array([[2, 3, 2], [3, 1, 3]])
    made = cramer_v(counts, np.random.default_rng(0))
    assert made.strength == pytest.approx(stats.contingency.association(counts), abs=1e-5)


def test_independent_columns_have_no_strength_on_average():
    rng = np.random.default_rng(3)
    found = []
    for _ in range(200):
        a, b = rng.integers(0, 8, 60), rng.integers(0, 5, 60)
        counts = np.bincount(a * 5 + b, minlength=40).reshape(8, 5)
        found.append(cramer_v(counts, rng, tables=20).strength)
        # without the correction V is about 0.34 here
    assert np.mean(found) < 0.1


def test_small_tables_get_the_p_of_random_tables():
    counts = np.array([[3, 0], [0, 3]])
    made = cramer_v(counts, np.random.default_rng(0), tables=4000)
    # all six orders of two threes: 2 of 20 tables are as far
    assert made.p == pytest.approx(0.1, abs=0.015)
    assert made.by == "permutation of 4000 tables"


def test_complete_association_is_one_and_one_category_is_none():
    assert cramer_v(np.diag([50, 50, 50]), np.random.default_rng(0)).strength == pytest.approx(1.0)
    assert np.isnan(cramer_v(np.array([[5, 7]]), np.random.default_rng(0)).strength)
    assert np.isnan(cramer_v(np.zeros((0, 0), dtype=int), np.random.default_rng(0)).p)


def test_ranks_are_those_of_kruskal_and_wallis():
    rng = np.random.default_rng(1)
    values, codes = np.round(rng.normal(size=90), 1), np.repeat([0, 1, 2], 30)
    values[codes == 2] += 1
    h, p = stats.kruskal(*(values[codes == k] for k in range(3)))
    made = rank_association(values, codes)
    assert made.p == pytest.approx(p)
    assert made.strength == pytest.approx((h - 2) / 87)
