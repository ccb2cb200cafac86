"""Curves of covariates: what is found, how much it bends, and where it ends."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.combat.design import batch_numbers, columns


def with_curve(table, curve):
    age = table.covariates["age"]
    return dataclasses.replace(table, values=table.values + curve(age)[:, None])


def wave(age):
    return 2.0 * np.sin((age - 20) / 60 * 2 * np.pi)


def test_a_curve_is_kept_and_a_line_is_not_enough(make):
    made = make(rows=(80, 90, 70), p=30, drift_of_age=8.0)
    table = with_curve(made.table, wave)
    line, curve = fit(table), fit(table, smooth=["age"])
    true = np.sqrt(np.bincount(batch_numbers(table, list("ABC"))) @ made.scale**2 / len(table))
    assert np.median(curve.spread / true) == pytest.approx(1.0, abs=0.04)
    assert np.median(line.spread / true) > 1.3
    assert 4 < curve.terms[0].smooth.degrees_of_freedom < 9
    # what remains of a feature after its own curve is taken off has the same ages at all sites
    got, _ = apply(curve, table)
    expected = columns(curve.terms, table)
    at = np.argsort(table.covariates["age"])
    found = (expected - curve.center) @ curve.slopes
    truth = wave(table.covariates["age"])[:, None] + made.slope * table.covariates["age"][:, None]
    off = (found - found.mean(axis=0)) - (truth - truth.mean(axis=0))
    sex = (table.covariates["sex"] == "M") * 0.5
    off -= (sex - sex.mean())[:, None]
    assert np.sqrt(np.mean(off[at] ** 2)) < 0.25
    assert np.isfinite(got.values).all()


def test_what_is_a_line_stays_one(make):
    curve = fit(make(rows=(80, 90, 70), p=30).table, smooth=["age"])
    assert curve.terms[0].smooth.degrees_of_freedom < 1.5
    line = fit(make(rows=(80, 90, 70), p=30).table)
    assert np.abs(curve.shift_in_units() - line.shift_in_units()).max() < 0.05


def restricted(values, fixed, bends, weight):
    """-2 restricted log-likelihood of all features, from the dense covariance of the rows."""
    n = len(values)
    v = np.eye(n) + bends @ bends.T / weight
    inverse = np.linalg.inv(v)
    xvx = fixed.T @ inverse @ fixed
    hat = inverse - inverse @ fixed @ np.linalg.solve(xvx, fixed.T @ inverse)
    left = np.einsum("ij,ik,kj->j", values, hat, values)
    free = n - fixed.shape[1]
    volume = np.linalg.slogdet(v)[1] + np.linalg.slogdet(xvx)[1]
    return np.mean(free * np.log(left) + volume)


def test_the_weight_is_at_the_top_of_the_restricted_likelihood(make):
    table = with_curve(make(rows=(20, 30, 25), p=6, shift=0.5).table, wave)
    model = fit(table, smooth=["age"])
    weight = model.terms[0].smooth.penalty
    design = columns(model.terms, table)
    batch = np.eye(3)[batch_numbers(table, list("ABC"))]
    fixed = np.hstack([batch, design[:, :1], design[:, -1:]])
    bends = design[:, 1:-1]
    assert bends.shape[1] == 10
    tried = np.array([0.5, 0.9, 1.0, 1.1, 2.0]) * weight
    wrong = [restricted(table.values - 100, fixed, bends, value) for value in tried]
    assert int(np.argmin(wrong)) == 2
    steps = np.diff(wrong)
    assert all(a < 0 for a in steps[:2])
    assert all(a > 0 for a in steps[2:])


def test_two_curves_have_a_weight_each(make):
    table = make(rows=(80, 90, 70), p=30).table
    rng = np.random.default_rng(7)
    dose = rng.uniform(0, 1, len(table))
    table = dataclasses.replace(
        with_curve(table, wave), covariates={**table.covariates, "dose": dose}
    )
    model = fit(table, smooth=["age", "dose"])
    freedom = {term.name: term.smooth for term in model.terms if term.smooth}
    assert freedom["age"].degrees_of_freedom > 4
    assert freedom["dose"].degrees_of_freedom < 1.5
    assert freedom["age"].penalty < freedom["dose"].penalty


def test_a_curve_ends_where_training_ended(make):
    table = make().table
    model = fit(table, smooth=["age"])
    apply(model, table)  # both ends are inside
    for age in (np.max(table.covariates["age"]) + 0.1, 5.0):
        column = np.where(table.row == "row3", age, table.covariates["age"])
        far = dataclasses.replace(table, covariates={**table.covariates, "age": column})
        with pytest.raises(UsageError, match="row3") as caught:
            apply(model, far)
        assert f"{age:g}: outside" in str(caught.value)


def test_too_few_values_for_a_curve(make):
    table = make().table
    visit = (np.arange(len(table)) % 5).astype(float)
    table = dataclasses.replace(table, covariates={"visit": visit})
    with pytest.raises(UsageError, match="5 different values; a curve needs 6"):
        fit(table, smooth=["visit"])


def test_gaps_go_with_curves(make):
    table = with_curve(make(rows=(80, 90, 70), p=12).table, wave)
    values = table.values.copy()
    for row, column in itertools.product(range(0, 240, 17), (2, 5)):
        values[row, column] = np.nan
    model = fit(dataclasses.replace(table, values=values), smooth=["age"])
    whole = fit(table, smooth=["age"])
    assert np.abs(model.spread - whole.spread).max() < 0.1
    assert model.terms[0].smooth.penalty == pytest.approx(whole.terms[0].smooth.penalty, rel=0.3)
