"""Tests of single features: against statsmodels, known answers, and a public table."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from qiqa.core.features import FeatureTable
from qiqa.metrology.batch_effects import adjusted_q, batch_tests, one_row_each, rank_kept


def table(values, batch, subject=None, **covariates):
    values = np.asarray(values, dtype=float)
    row = np.array([f"r{i}" for i in range(len(values))])
    return FeatureTable(
        features=tuple(f"f{j}" for j in range(values.shape[1])),
        values=values,
        batch=np.asarray(batch),
        row=row,
        subject=row if subject is None else np.asarray(subject),
        covariates=covariates,
    )


def three(seed=0, each=20):
    rng = np.random.default_rng(seed)
    batch = np.repeat(["a", "b", "c"], each)
    values = rng.normal(size=(3 * each, 3))
    values[batch == "b", 0] += 1.5
    values[batch == "c", 1] *= 4.0
    return values, batch


def test_each_kind_of_difference_is_found_where_it_is():
    shifted, wide, same = batch_tests(table(*three()))
    assert shifted.kruskal_q < 0.01
    assert shifted.additive_q < 0.01
    assert shifted.epsilon_squared > 0.15
    assert wide.multiplicative_q < 0.01
    assert wide.variance_ratio > 5.0
    assert same.kruskal_q > 0.05
    assert same.multiplicative_q > 0.05
    assert abs(same.epsilon_squared) < 0.1


def test_without_covariates_they_are_the_tests_of_scipy():
    values, batch = three(1)
    parts = [values[batch == name, 0] for name in "abc"]
    found = batch_tests(table(values, batch))[0]
    assert found.kruskal_p == pytest.approx(stats.kruskal(*parts).pvalue, rel=1e-9)
    assert found.additive_p == pytest.approx(stats.f_oneway(*parts).pvalue, rel=1e-9)
    assert found.multiplicative_p == pytest.approx(stats.levene(*parts).pvalue, rel=1e-9)


def test_f_test_after_covariates_is_that_of_statsmodels():
    api = pytest.importorskip("statsmodels.formula.api")
    pandas = pytest.importorskip("pandas")
    anova = pytest.importorskip("statsmodels.stats.anova")
    values, batch = three(2)
    rng = np.random.default_rng(3)
    age = rng.normal(50.0, 9.0, 60) + 5.0 * (batch == "b")
    sex = np.array(["F", "M"])[rng.integers(0, 2, 60)]
    values[:, 0] += 0.1 * age
    found = batch_tests(table(values, batch, age=age, sex=sex))[0]
    frame = pandas.DataFrame({"y": values[:, 0], "batch": batch, "age": age, "sex": sex})
    fit = api.ols("y ~ C(batch) + age + C(sex)", frame).fit()
    expected = anova.anova_lm(fit, typ=2).loc["C(batch)", "PR(>F)"]
    assert found.additive_p == pytest.approx(expected, rel=1e-7)


def test_a_covariate_that_differs_between_batches_is_no_difference_between_batches():
    rng = np.random.default_rng(4)
    batch = np.repeat(["a", "b"], 60)
    age = rng.normal(40.0, 8.0, 120) + 10.0 * (batch == "b")
    values = (0.1 * age + rng.normal(size=120))[:, None]
    assert batch_tests(table(values, batch))[0].kruskal_p < 0.001
    assert batch_tests(table(values, batch, age=age))[0].kruskal_p > 0.01


def test_repeats_of_a_subject_count_once():
    values, batch = three(5)
    once = batch_tests(table(values, batch))
    copies = np.repeat(np.arange(60), 3)
    row = np.array([f"r{i}" for i in range(60)])
    again = batch_tests(table(values[copies], batch[copies], row[copies]))
    assert again[0].n == once[0].n == 60
    assert again[0].kruskal_p == pytest.approx(once[0].kruskal_p, rel=1e-9)


def test_mean_row_of_a_subject_leaves_missing_values_out():
    made = one_row_each(
        table([[1.0, np.nan], [3.0, 5.0], [9.0, np.nan]], ["a", "a", "a"], ["x", "x", "y"])
    )
    assert made.values[0].tolist() == [2.0, 5.0]
    assert made.values[1][0] == 9.0
    assert math.isnan(made.values[1][1])


def test_q_is_that_of_statsmodels_and_leaves_unknown_alone():
    several = pytest.importorskip("statsmodels.stats.multitest")
    p = np.array([0.001, 0.2, np.nan, 0.03, 0.04, 0.9])
    known = np.isfinite(p)
    assert adjusted_q(p)[known] == pytest.approx(
        several.multipletests(p[known], method="fdr_bh")[1], rel=1e-12
    )
    assert math.isnan(adjusted_q(p)[2])


def test_what_cannot_be_tested_has_no_number():
    values = np.array([[1.0, 5.0, np.nan], [1.0, 6.0, np.nan]] * 6)
    batch = np.repeat(["a", "b"], 6)
    constant, fine, missing = batch_tests(table(values, batch))
    assert math.isnan(constant.kruskal_p)
    assert math.isfinite(fine.kruskal_p)
    assert math.isnan(missing.additive_p)
    assert missing.n == 0


def test_rank_is_kept_by_a_monotone_correction_and_lost_by_shuffling():
    values, batch = three(6)
    before = table(values, batch)
    stretched = dataclasses.replace(before, values=np.exp(values) + 3.0)
    shuffled = dataclasses.replace(before, values=values[::-1].copy())
    assert all(low == pytest.approx(1.0) for _, _, low in rank_kept(before, stretched))
    assert all(abs(middle) < 0.5 for _, middle, _ in rank_kept(before, shuffled))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("snrd_total", 0.855), ("fwhm_avg", 0.820), ("fber", 0.788), ("wm2max", 0.772)],
)
def test_epsilon_squared_of_a_public_table_is_what_others_found(real_data, name, expected):
    lines = (real_data("tables/abide_mriqc_iqms") / "abide.tsv").read_text("utf-8").splitlines()
    place = lines[0].split("\t").index(name)
    rows = [line.split("\t") for line in lines[1:]]
    values = [[float(row[place])] for row in rows]
    found = batch_tests(table(values, [row[1] for row in rows]))[0]
    assert found.epsilon_squared == pytest.approx(expected, abs=0.0005)
