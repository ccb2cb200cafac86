"""Missing values against the published formulas written out feature by feature."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

from qiqa.core.features import FeatureTable
from qiqa.harmonize.combat import apply, fit


def written_out(values, batch, covariates, by):
    """Johnson 2007 as `neuroCombat` does it with gaps: one feature, one row after the other."""
    names = np.unique(batch)
    n, p = values.shape
    design = np.hstack([(batch[:, None] == names).astype(float), covariates])
    share = np.array([(batch == b).mean() for b in names])
    rest, level, spread = np.full((n, p), np.nan), np.empty((n, p)), np.empty(p)
    for j in range(p):
        has = ~np.isnan(values[:, j])
        slopes = np.linalg.lstsq(design[has], values[has, j], rcond=None)[0]
        off = values[has, j] - design[has] @ slopes
        spread[j] = np.sqrt(np.mean(off**2))
        level[:, j] = share @ slopes[: len(names)] + covariates @ slopes[len(names) :]
        rest[:, j] = (values[:, j] - level[:, j]) / spread[j]
    out = rest.copy()
    for b in names:
        own = rest[batch == b]
        g, d = np.nanmean(own, axis=0), np.nanvar(own, axis=0, ddof=1)
        if by == "parametric":
            n_b = (~np.isnan(own)).sum(axis=0)
            t2, m, s2 = g.var(ddof=1), d.mean(), d.var(ddof=1)
            shape, rate = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
            g_old, d_old, change = g, d, 1.0
            while change > 1e-4:
                g_new = (t2 * n_b * g + d_old * g.mean()) / (t2 * n_b + d_old)
                total = np.nansum((own - g_new) ** 2, axis=0)
                d_new = (0.5 * total + rate) / (n_b / 2 + shape - 1)
                change = max(
                    ((abs(g_new - g_old)) / g_old).max(), (abs(d_new - d_old) / d_old).max()
                )
                g_old, d_old = g_new, d_new
            g, d = g_old, d_old
        out[batch == b] = (own - g) / np.sqrt(d)
    return out * spread + level


@pytest.fixture(scope="module")
def table(real_data) -> FeatureTable:
    folder = real_data("tables/neurocombat_data")
    with (folder / "features_subjects_x_rois.csv").open(encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    with (folder / "covariates.csv").open(encoding="utf-8") as file:
        people = list(csv.DictReader(file))
    names = np.array([row[0] for row in rows])
    assert names.tolist() == [person["ID"] for person in people]
    values = [
        [float(cell) if cell not in {"", "NA"} else np.nan for cell in row[1:]] for row in rows
    ]
    return FeatureTable(
        features=tuple(head[1:]),
        values=np.array(values),
        batch=np.array([person["site"] for person in people]),
        row=names,
        subject=names,
        covariates={
            "age": np.array([float(person["age"]) for person in people]),
            "gender": np.array([person["gender"] for person in people]),
        },
        batch_name="site",
    )


@pytest.mark.parametrize("by", ["parametric", "none"])
def test_nine_sites_with_gaps(table, by):
    assert np.isnan(table.values).sum() == 102
    got, _ = apply(fit(table, by=by), table)
    covariates = np.stack(
        [table.covariates["age"], table.covariates["gender"] == "Male"], axis=1
    ).astype(float)
    expected = written_out(table.values, table.batch, covariates, by)
    spread = np.nanstd(table.values, axis=0)
    assert np.nanmax(np.abs(got.values - expected) / spread) < 1e-10
    assert np.array_equal(np.isnan(got.values), np.isnan(table.values))


def test_gaps_change_nothing_for_complete_features(table):
    whole = ~np.isnan(table.values).any(axis=0)
    part = dataclasses.replace(
        table,
        features=tuple(np.array(table.features)[whole]),
        values=np.ascontiguousarray(table.values[:, whole]),
    )
    got = apply(fit(table, by="none"), table)[0].values[:, whole]
    alone = apply(fit(part, by="none"), part)[0].values
    assert np.allclose(got, alone, rtol=1e-13, atol=0)


def test_sites_come_together(table):
    before, after = table.values, apply(fit(table), table)[0].values
    for values, least, most in ((before, 0.05, 1.0), (after, 0.0, 0.02)):
        share = []
        for column in values.T:
            has = ~np.isnan(column)
            means = {b: column[has & (table.batch == b)].mean() for b in np.unique(table.batch)}
            between = np.var([means[b] for b in table.batch[has]])
            share.append(between / np.var(column[has]))
        assert least <= np.median(share) <= most
