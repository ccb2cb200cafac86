"""What ComBat does to tables with known shifts, and what it refuses or flags."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.errors import FitError, QiqaError, UsageError
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.combat.eb import WAYS


def changed(table, **columns):
    return dataclasses.replace(table, **columns)


def with_values(table, change):
    values = table.values.copy()
    change(values)
    return changed(table, values=values)


# what it does ---------------------------------------------------------------------------------


@pytest.mark.parametrize("by", WAYS)
def test_batches_come_together_and_covariates_stay(make, by):
    made = make(rows=(60, 80, 50), shift=2.0)
    got, _ = apply(fit(made.table, by=by), made.table)
    age = made.table.covariates["age"]
    for values, apart in ((made.table.values, True), (got.values, False)):
        means = np.array([values[made.table.batch == b].mean(axis=0) for b in "ABC"])
        assert (np.ptp(means, axis=0).mean() > 1.5) == apart
        slopes = np.array([np.polyfit(age, column, 1)[0] for column in values.T])
        if not apart:
            assert np.abs(slopes - made.slope).mean() < 0.006  # its standard error is 0.004


def test_without_empirical_bayes_batches_are_alike_exactly(make):
    table = changed(make().table, covariates={})
    got, _ = apply(fit(table, by="none"), table)
    means = np.array([got.values[table.batch == b].mean(axis=0) for b in "ABC"])
    spread = np.array([got.values[table.batch == b].std(axis=0, ddof=1) for b in "ABC"])
    assert np.ptp(means, axis=0).max() < 1e-11
    assert np.ptp(spread, axis=0).max() < 1e-11


@pytest.mark.parametrize("by", WAYS)
def test_each_row_is_corrected_by_itself(make, by):
    table = make().table
    model = fit(table, by=by)
    whole, _ = apply(model, table)
    for i in (0, 40, 94):
        alone, _ = apply(model, table.take(np.array([i])))
        assert np.array_equal(alone.values[0], whole.values[i])


@pytest.mark.parametrize("by", WAYS)
def test_units_and_order_of_rows_do_not_matter(make, by):
    table = make().table
    got = apply(fit(table, by=by), table)[0].values
    other = changed(table, values=table.values * -1000.0 + 5e6)
    moved = apply(fit(other, by=by), other)[0].values
    # a negative factor turns signs of shifts, on which the stop of the original depends
    assert np.allclose(
        moved, got * -1000.0 + 5e6, rtol=0, atol=5e-2 if by == "parametric" else 1e-5
    )
    order = np.random.default_rng(0).permutation(len(table))
    mixed = table.take(order)
    assert np.allclose(apply(fit(mixed, by=by), mixed)[0].values, got[order], atol=1e-10)


def test_features_by_name_in_any_order(make):
    table = make().table
    model = fit(table)
    turned = changed(
        table,
        features=("more", *table.features[::-1]),
        values=np.hstack([np.full((len(table), 1), 7.0), table.values[:, ::-1]]),
    )
    got, _ = apply(model, turned)
    assert got.features == table.features
    assert np.array_equal(got.values, apply(model, table)[0].values)


def test_a_large_offset_costs_no_digits(make):
    table = changed(make().table, covariates={})
    far = changed(table, values=table.values + 2.0**30)
    near, other = (apply(fit(t, by="none"), t)[0].values for t in (table, far))
    assert np.abs(other - 2.0**30 - near).max() < 1e-5  # 2^30 holds 1e-7


# missing values -------------------------------------------------------------------------------


def test_one_missing_value_touches_one_feature(make):
    table = make().table
    holed = with_values(table, lambda v: v.__setitem__((5, 3), np.nan))
    whole, part = fit(table, by="none"), fit(holed, by="none")
    got = apply(part, holed)[0].values
    others = np.arange(20) != 3
    expected = apply(whole, table)[0].values
    assert np.allclose(got[:, others], expected[:, others], rtol=1e-14, atol=0)
    assert np.isnan(got[5, 3])
    assert np.isfinite(np.delete(got[:, 3], 5)).all()
    assert [flag.kind for flag in part.flags] == ["missing_values"]
    assert "1 of 1900 values in 1 features, most in f3" in part.flags[0].reason
    assert not whole.flags


def test_a_feature_with_gaps_is_fitted_on_the_rows_that_have_it(make):
    made = make().table
    gone = np.random.default_rng(1).random(len(made)) < 0.2
    holed = with_values(made, lambda v: v.__setitem__((gone, 7), np.nan))
    model = fit(holed, by="none")
    kept = made.take(~gone)
    alone = fit(kept, by="none")
    # the level is that of all rows' batches, as in the original; the rest is that of these rows
    assert np.allclose(model.slopes[:, 7], alone.slopes[:, 7], rtol=1e-10)
    assert np.allclose(model.spread[7], alone.spread[7], rtol=1e-12)
    assert np.allclose(model.variance[:, 7], alone.variance[:, 7], rtol=1e-10)
    between = model.shift[:, 7] - alone.shift[:, 7]
    assert np.ptp(between) < 1e-12


def test_gaps_that_are_equally_many_everywhere_are_flagged_too(make):
    values = make().table.values.copy()
    values[np.arange(40, 60), np.arange(20)] = np.nan
    model = fit(changed(make().table, values=values))
    assert [flag.kind for flag in model.flags] == ["missing_values"]


# refused --------------------------------------------------------------------------------------


def refused(kind, words, call):
    with pytest.raises(kind) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_one_batch(make):
    table = make(rows=(30,)).table
    refused(UsageError, ["scanner", "A: only 1", "at least two"], lambda: fit(table))


def test_a_batch_of_one_row_is_named_and_means_only_takes_it(make):
    table = make(rows=(30, 1, 25)).table
    refused(UsageError, ["scanner: B", "one row", "mean_only"], lambda: fit(table))
    for by in WAYS:
        got, _ = apply(fit(table, by=by, mean_only=True), table)
        assert np.isfinite(got.values).all()


def test_too_few_values_of_a_feature_in_a_batch(make):
    def empty(values):
        values[31:70, 4] = np.nan

    table = with_values(make().table, empty)
    refused(FitError, ["f4", "scanner B", "f4 (1)", "fewer than 2"], lambda: fit(table))
    got, _ = apply(fit(table, mean_only=True), table)
    assert np.isfinite(got.values[30, 4])


def test_no_value_and_infinite_value(make):
    table = make().table
    gone = with_values(table, lambda v: v.__setitem__((slice(None), 2), np.nan))
    refused(FitError, ["f2", "no row has a value"], lambda: fit(gone))
    large = with_values(table, lambda v: v.__setitem__((0, 2), np.inf))
    refused(FitError, ["f2", "infinite"], lambda: fit(large))


def test_one_feature_needs_no_empirical_bayes(make):
    table = make(p=1).table
    for by in ("parametric", "nonparametric"):
        refused(
            UsageError,
            [by, "other features", "no empirical Bayes"],
            lambda by=by: fit(table, by=by),
        )
    got, _ = apply(fit(table, by="none"), table)
    assert np.isfinite(got.values).all()


def test_features_that_are_copies_have_nothing_to_learn_from(make):
    table = make(p=1).table
    twice = changed(table, features=("a", "b"), values=np.repeat(table.values, 2, axis=1))
    refused(FitError, ["no spread over features", 'by="none"'], lambda: fit(twice))


def test_constant_features(make):
    table = make().table
    everywhere = with_values(table, lambda v: v.__setitem__((slice(None), 6), 5.1))
    refused(FitError, ["f6", "1 feature without scatter"], lambda: fit(everywhere))
    within = with_values(table, lambda v: v.__setitem__((slice(30, 70), 6), 5.1))
    refused(FitError, ["f6", "scanner B", "same value"], lambda: fit(within))
    assert np.isfinite(apply(fit(within, mean_only=True), within)[0].values).all()


def test_a_constant_per_batch_is_no_scatter_even_with_rounding(make):
    table = make().table
    levels = {"A": 0.1, "B": 0.2, "C": 0.3}
    column = np.array([levels[b] for b in table.batch]) * 3.0
    table = with_values(table, lambda v: v.__setitem__((slice(None), 0), column))
    for mean_only in (False, True):
        refused(FitError, ["f0", "without scatter"], lambda m=mean_only: fit(table, mean_only=m))


def test_a_covariate_that_batch_determines(make):
    table = make().table
    field = np.where(table.batch == "B", 3.0, 1.5)
    bad = changed(table, covariates={**table.covariates, "field": field})
    refused(
        UsageError,
        ["field", "cannot be told from scanner", "one value (A 1.5, B 3, C 1.5)"],
        lambda: fit(bad),
    )
    vendor = np.where(table.batch == "B", "GE", "Siemens")
    bad = changed(table, covariates={"vendor": vendor, **table.covariates})
    refused(UsageError, ["vendor", "GE in B only", "Siemens in A, C only"], lambda: fit(bad))


def test_levels_that_share_no_batch_are_confounded_though_they_vary_within(make):
    table = make().table
    odd = np.arange(len(table)) % 2 == 0
    group = np.where(table.batch == "A", np.where(odd, "a", "b"), np.where(odd, "c", "d"))
    bad = changed(table, covariates={"group": group})
    refused(UsageError, ["group", "a, b in A only", "c, d in B, C only"], lambda: fit(bad))


def test_a_covariate_that_batch_and_another_determine(make):
    table = make().table
    shift = np.array([{"A": 0.0, "B": 4.0, "C": 9.0}[b] for b in table.batch])
    bad = changed(table, covariates={**table.covariates, "visit": table.covariates["age"] + shift})
    refused(UsageError, ["determined by scanner and", "together"], lambda: fit(bad))


def test_a_covariate_that_batch_nearly_determines_is_flagged(make):
    for drift, expected in ((50.0, []), (200.0, ["nearly_confounded"])):
        model = fit(make(drift_of_age=drift).table)
        assert [flag.kind for flag in model.flags] == expected
    assert model.flags[0].where == "age"
    age = make(drift_of_age=200.0).table
    within = sum(
        np.var(age.covariates["age"][age.batch == b]) * np.sum(age.batch == b) for b in "ABC"
    )
    share = 1 - within / (np.var(age.covariates["age"]) * len(age))
    assert f"{share:.1%}"[:4] == model.flags[0].reason[:4]


def test_what_is_the_same_or_unknown_in_rows(make):
    table = make().table
    same = changed(table, covariates={"field": np.full(len(table), 3.0)})
    refused(UsageError, ["field", "3.0 in every row"], lambda: fit(same))
    age = table.covariates["age"].copy()
    age[[3, 8]] = np.nan
    unknown = changed(table, covariates={"age": age})
    refused(UsageError, ["age", "not known in 2 of 95 rows", "row3, row8"], lambda: fit(unknown))
    sex = table.covariates["sex"].copy()
    sex[4] = ""
    unknown = changed(table, covariates={"sex": sex})
    refused(UsageError, ["sex", "row4"], lambda: fit(unknown))
    nameless = changed(table, batch=np.where(table.row == "row9", "", table.batch))
    refused(UsageError, ["scanner", "row9"], lambda: fit(nameless))


def test_settings_that_do_not_exist(make):
    table = make().table
    refused(UsageError, ["'Z'", "A, B, C"], lambda: fit(table, reference="Z"))
    refused(UsageError, ["'bayes'", "parametric"], lambda: fit(table, by="bayes"))
    double = changed(table, features=("f1", *table.features[1:]))
    refused(UsageError, ["f1: named more than once"], lambda: fit(double))
    refused(UsageError, ["'sex'", "age"], lambda: fit(table, smooth=["sex"]))


def test_rows_that_the_model_cannot_place(make):
    table = make().table
    model = fit(table)
    new = changed(table, batch=np.where(table.batch == "C", "Z", table.batch))
    refused(UsageError, ["scanner: Z", "phantom-anchored"], lambda: apply(model, new))
    other = {**table.covariates, "sex": np.where(table.row == "row2", "X", table.covariates["sex"])}
    level = changed(table, covariates=other)
    refused(UsageError, ["sex", "X", "F, M", "row2"], lambda: apply(model, level))
    refused(
        UsageError, ["sex"], lambda: apply(model, changed(table, covariates={"age": other["age"]}))
    )
    kind = changed(table, covariates={**table.covariates, "age": table.covariates["sex"]})
    refused(UsageError, ["age", "numbers in training"], lambda: apply(model, kind))
    fewer = changed(table, features=table.features[1:], values=table.values[:, 1:])
    refused(UsageError, ["f0", "not in the table"], lambda: apply(model, fewer))
    assert issubclass(UsageError, QiqaError)


def test_a_line_beyond_its_range_is_flagged(make):
    table = make().table
    model = fit(table)
    far = changed(table.take(np.array([0, 1])), covariates={
        "age": np.array([95.0, 40.0]), "sex": np.array(["F", "M"])})  # fmt: skip
    _, flags = apply(model, far)
    assert [(flag.kind, flag.where) for flag in flags] == [("outside_range", "age")]
    assert "1 rows" in flags[0].reason
    assert "row0" in flags[0].reason


def test_thin_batches_and_few_features_are_flagged(make):
    kinds = [(f.kind, f.where) for f in fit(make(rows=(30, 19, 20), p=9).table).flags]
    assert kinds == [("thin_batch", "scanner B"), ("few_features", "features")]
    assert not fit(make(rows=(30, 20, 20), p=10).table).flags
    assert not fit(make(rows=(30, 20, 20), p=2).table, by="none").flags


# standard errors ------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.3, 1.0])
@pytest.mark.parametrize("rows", [(30, 60, 25, 90), (12, 12, 12, 12)])
@pytest.mark.parametrize("mean_only", [False, True])
@pytest.mark.parametrize("by", WAYS)
def test_standard_errors_are_neither_too_small_nor_useless(make, by, mean_only, rows, shift):
    made = make(rows=rows, p=500, seed=9, shift=shift)
    model = fit(made.table, by=by, mean_only=mean_only)
    z = (model.shift_in_units() - made.shift) / model.shift_error_in_units()
    # an upper bound where nonparametric draws help
    assert (0.6 if by == "nonparametric" else 0.85) < z.std() < 1.2


def test_means_alone_are_drawn_half_way_as_the_original_does_and_flagged(make):
    made = make(rows=(60, 60, 60), p=300, seed=2)
    half, whole = (fit(made.table, mean_only=True, by=by) for by in ("parametric", "none"))
    assert [flag.kind for flag in half.flags] == ["half_drawn"]
    assert "is left" in half.flags[0].reason
    off = [np.sqrt(np.mean((m.shift_in_units() - made.shift) ** 2)) for m in (half, whole)]
    assert off[0] > 2 * off[1]


@pytest.mark.parametrize("by", ["parametric", "none"])
def test_shifts_are_off_by_what_their_standard_errors_say(make, by):
    made = make(rows=(30, 60, 25, 90), p=600, seed=5, drift_of_age=15.0)
    model = fit(made.table, by=by)
    z = (model.shift_in_units() - made.shift) / model.shift_error_in_units()
    assert 0.9 < z.std() < 1.12
    assert np.all((z.std(axis=1) > 0.85) & (z.std(axis=1) < 1.2))
    rows = np.bincount(np.searchsorted(["A", "B", "C", "D"], made.table.batch))
    pooled = np.sqrt(rows @ made.scale**2 / rows.sum())
    off = np.log(model.scale() * model.spread / made.scale) / model.scale_error
    # the spread is divided by n, as in the original, not by what is left of it: 3 % here
    off -= np.log(model.spread / pooled) / model.scale_error
    assert 0.85 < off.std() < 1.2


def test_a_reference_is_known_exactly_and_the_others_less(make):
    made = make(rows=(30, 60, 25, 90), p=600, seed=5)
    model = fit(made.table, by="none", reference="C")
    assert np.all(model.shift_error[2] == 0)
    errors = model.shift_error_in_units()
    z = (model.shift_in_units() - (made.shift - made.shift[2]))[[0, 1, 3]] / errors[[0, 1, 3]]
    assert 0.9 < z.std() < 1.12
