"""Effects before and after: against statsmodels, and known shares."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.harmonize.diagnosis.retained import effect_kept


def test_slopes_and_robust_errors_are_those_of_statsmodels(made):
    api = pytest.importorskip("statsmodels.api")
    table = made.table(1, age=0.5, shift=1.0)
    # two batches share their subjects: rows are not independent, and none may be averaged away
    subject = table.subject.copy()
    subject[30:60] = subject[:30]
    table = dataclasses.replace(table, subject=subject)
    found, _, _ = effect_kept(table, table, "age", np.random.default_rng(0))
    order = np.argsort(np.char.add(np.char.add(subject, "\x1f"), table.batch))
    age = table.covariates["age"][order]
    dummies = (table.batch[order][:, None] == np.unique(table.batch)).astype(float)
    design = np.column_stack([dummies, (age - age.mean()) / age.std()])
    groups = np.unique(subject[order], return_inverse=True)[1]
    for j, one in enumerate(found):
        fit = api.OLS(table.values[order, j], design).fit()
        robust = fit.get_robustcov_results("cluster", groups=groups)
        sd = math.sqrt(fit.scale)
        assert one.before == pytest.approx(fit.params[-1] / sd, rel=1e-9)
        # they multiply by (n - 1) / (n - k), we by n / (n - k): 120 rows
        half = (one.before_interval[1] - one.before_interval[0]) / 2
        t = 1.98827  # 97.5 %, 85 degrees of freedom: 90 subjects less 5 columns
        assert half == pytest.approx(t * robust.bse[-1] / sd * math.sqrt(120 / 119), rel=1e-4)


def test_all_of_an_effect_is_kept_by_doing_nothing(made):
    table = made.table(2, age=0.6)
    kept, share, ends = effect_kept(table, table, "age", np.random.default_rng(0))
    assert share == pytest.approx(1.0)
    assert ends == (pytest.approx(1.0), pytest.approx(1.0))
    assert all(one.before == one.after for one in kept)
    assert kept[0].unit.startswith("age per SD of ")


def test_half_of_an_effect_is_half_of_an_effect(made):
    table = made.table(3, each=60, age=0.6)
    age = table.covariates["age"]
    # all that was put in is 0.6 per 10 years; half of it is taken out again
    after = dataclasses.replace(table, values=table.values - 0.3 * ((age - 50.0) / 10.0)[:, None])
    _, share, ends = effect_kept(table, after, "age", np.random.default_rng(0))
    assert ends[0] < 0.5 < ends[1]
    assert 0.35 < share < 0.65
    assert ends[1] < 0.9


def test_text_is_compared_with_its_first_level(made):
    table = made.table(4, each=50)
    sex = np.array(["F", "M"])[np.random.default_rng(1).integers(0, 2, len(table))]
    values = table.values.copy()
    values[sex == "M", 0] += 1.0
    table = dataclasses.replace(table, values=values, covariates={"sex": sex})
    kept, share, _ = effect_kept(table, table, "sex", np.random.default_rng(0))
    assert kept[0].unit == "sex M against F"
    assert kept[0].before_interval[0] < 1.0 < kept[0].before_interval[1]
    assert kept[0].before_q < 0.01
    assert share == pytest.approx(1.0)


def test_where_there_was_no_effect_there_is_no_share(made):
    table = made.table(5, features=3)
    noise = np.random.default_rng(2).normal(size=len(table))
    table = dataclasses.replace(table, covariates={"noise": noise})
    _, share, ends = effect_kept(table, table, "noise", np.random.default_rng(0))
    assert math.isnan(share)
    assert all(math.isnan(end) for end in ends)


def test_missing_values_and_covariates_are_left_out(made):
    table = made.table(6, age=0.6)
    values, age = table.values.copy(), table.covariates["age"].copy()
    values[:7, 0] = np.nan
    age[-3:] = np.nan
    holes = dataclasses.replace(table, values=values, covariates={"age": age})
    kept, _, _ = effect_kept(holes, holes, "age", np.random.default_rng(0))
    short = dataclasses.replace(table.take(np.arange(7, len(table) - 3)))
    fewer, _, _ = effect_kept(short, short, "age", np.random.default_rng(0))
    ratio = np.std(age[:-3]) / np.std(short.covariates["age"])
    assert kept[0].before == pytest.approx(fewer[0].before * ratio, rel=1e-6)


def test_refusals(made):
    table = made.table(7, age=0.5)
    with pytest.raises(UsageError, match="no covariate 'sex': age"):
        effect_kept(table, table, "sex", np.random.default_rng(0))
    same = dataclasses.replace(table, covariates={"age": np.full(len(table), 50.0)})
    with pytest.raises(UsageError, match="one value"):
        effect_kept(same, same, "age", np.random.default_rng(0))
