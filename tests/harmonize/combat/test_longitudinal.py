"""Subjects who came more than once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.errors import FitError, UsageError
from qiqa.core.features import FeatureTable
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.combat.longitudinal import fit_longitudinal


def visits(people=80, p=12, seed=6, *, travel=True, between=2.0):
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(people), 2)
    batch = rng.integers(0, 3, 2 * people)
    if not travel:
        batch = batch[subject * 2]
    level = between * rng.normal(size=(people, p))
    shift = rng.normal(size=(3, p))
    scale = np.array([0.7, 1.0, 1.5])
    time = np.tile([0.0, 1.0], people)
    age = rng.uniform(20, 80, people)[subject] + time
    values = 50 + level[subject] + shift[batch] + 0.02 * age[:, None]
    values += scale[batch][:, None] * rng.normal(size=values.shape)
    table = FeatureTable(
        features=tuple(f"f{j}" for j in range(p)),
        values=values,
        batch=np.array(["A", "B", "C"])[batch],
        row=np.array([f"row{i}" for i in range(2 * people)]),
        subject=np.array([f"person{i:03d}" for i in subject]),
        covariates={"age": age},
        batch_name="scanner",
    )
    return table, shift, scale, level


def long_combat(values, batch, design, subject, judge):
    """Beer 2020 written out, its mixed models fitted by somebody else."""
    names = np.unique(batch)
    share = np.array([(batch == b).mean() for b in names])
    expected, rest = np.empty_like(values), np.empty_like(values)
    sigma = np.empty(values.shape[1])
    for j in range(values.shape[1]):
        fitted = judge(values[:, j], design, groups=subject).fit(reml=True)
        sigma[j] = np.sqrt(fitted.scale)
        shift = fitted.fe_params[: len(names)] - share @ fitted.fe_params[: len(names)]
        own = design[:, : len(names)] @ shift
        expected[:, j] = fitted.fittedvalues - own
        rest[:, j] = (values[:, j] - expected[:, j]) / sigma[j]
    out = np.empty_like(values)
    for b in names:
        own = rest[batch == b]
        n, g, d = len(own), own.mean(axis=0), own.var(axis=0, ddof=1)
        t2, m, s2 = g.var(ddof=1), d.mean(), d.var(ddof=1)
        shape, rate = (m**2 + 2 * s2) / s2, (m**3 + m * s2) / s2
        g_star, d_star = g, d
        for _ in range(60):
            g_new = (n * t2 * g + d_star * g.mean()) / (n * t2 + d_star)
            d_star = (rate + 0.5 * ((own - g_star) ** 2).sum(axis=0)) / (n / 2 + shape - 1)
            g_star = g_new
        at = batch == b
        out[at] = sigma / np.sqrt(d_star) * (own - g_star) + expected[at]
    return out


def test_as_the_method_was_published():
    models = pytest.importorskip("statsmodels.regression.mixed_linear_model")
    table, *_ = visits(people=40, p=4)
    model = fit_longitudinal(table, as_published=True)
    assert "as_published" in [flag.kind for flag in model.flags]
    got, _ = apply(model, table)
    batch = np.searchsorted(["A", "B", "C"], table.batch)
    design = np.hstack([np.eye(3)[batch], table.covariates["age"][:, None]])
    expected = long_combat(table.values, table.batch, design, table.subject, models.MixedLM)
    assert np.abs(got.values - expected).max() < 2e-3  # how well the judge's optimizer settles
    assert np.abs(table.values - expected).max() > 1


def test_scales_are_those_within_subjects():
    table, shift, scale, level = visits(people=300, p=40)
    model = fit_longitudinal(table)
    found = np.median(model.scale() * model.spread, axis=1)
    # what is left of one visit holds half of the other's noise: scanners look more alike
    assert np.all(np.diff(found) > 0.1)
    assert np.ptp(np.log(found)) == pytest.approx(0.6 * np.ptp(np.log(scale)), rel=0.25)
    plain = fit(table)
    blurred = np.median(plain.scale() * plain.spread, axis=1)
    assert np.ptp(np.log(blurred)) < 0.6 * np.ptp(np.log(found))
    weighted = shift - np.bincount(np.searchsorted(["A", "B", "C"], table.batch)) @ shift / 600
    z = (model.shift_in_units() - weighted) / model.shift_error_in_units()
    assert 0.85 < z.std() < 1.2
    # subjects' own levels are not harmonized away
    corrected, _ = apply(model, table)
    means = corrected.values.reshape(300, 2, -1).mean(axis=1)
    own = [np.corrcoef(means[:, j], level[:, j])[0, 1] for j in range(40)]
    assert np.median(own) > 0.9


def test_differences_within_subjects_stay_as_large_as_they_are():
    table, *_ = visits(people=300, p=40, between=5.0)
    spread = {}
    for as_published in (False, True):
        got, _ = apply(fit_longitudinal(table, as_published=as_published), table)
        change = np.diff(got.values.reshape(300, 2, -1), axis=1)[:, 0]
        spread[as_published] = np.median(change.std(axis=0)) / np.sqrt(2)
    rows = np.bincount(np.searchsorted(["A", "B", "C"], table.batch))
    true = np.sqrt(rows @ np.array([0.7, 1.0, 1.5]) ** 2 / rows.sum())
    assert spread[False] == pytest.approx(true, rel=0.08)
    assert spread[True] > 1.25 * true


def test_a_new_subject_is_predicted_from_its_row_and_flagged():
    table, *_ = visits()
    kept = table.subject < "person070"
    model = fit_longitudinal(table.take(kept))
    got, flags = apply(model, table)
    assert [flag.kind for flag in flags] == ["new_subject"]
    assert "person070" in flags[0].reason
    assert np.isfinite(got.values).all()
    alone, _ = apply(model, table.take(np.array([150])))
    assert np.array_equal(alone.values[0], got.values[150])
    known, flags = apply(model, table.take(kept))
    assert not flags
    assert np.array_equal(known.values, got.values[kept])


def test_what_cannot_be_told_apart():
    table, *_ = visits()
    once = table.take(np.arange(0, 160, 2))
    with pytest.raises(FitError, match="every subject has one row"):
        fit_longitudinal(once)
    nested, *_ = visits(travel=False)
    assert "subjects_nested" in [flag.kind for flag in fit_longitudinal(nested).flags]
    nameless = dataclasses.replace(table, subject=np.where(table.row == "row4", "", table.subject))
    with pytest.raises(UsageError, match="row4"):
        fit_longitudinal(nameless)


def test_gaps_are_fitted_around():
    table, *_ = visits()
    values = table.values.copy()
    values[::7, 3] = np.nan
    holed = dataclasses.replace(table, values=values)
    got, whole = (apply(fit_longitudinal(t, by="none"), t)[0].values for t in (holed, table))
    others = np.arange(12) != 3
    assert np.allclose(got[:, others], whole[:, others], rtol=1e-7)
    assert np.array_equal(np.isnan(got), np.isnan(values))
