"""Several measurements together: independent scores, false alarms as asked, joint shifts found."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from scipy import stats

from qiqa.core.drift import TimeSeries
from qiqa.drift.policy import Policy
from qiqa.drift.rules import RULES
from qiqa.drift.together import independent
from qiqa.report.drift_text import sentence
from qiqa.workflows.watching import Records, watch

START = np.datetime64("2024-01-01T08:00", "us")
WEEK = np.timedelta64(7, "D")


def correlated(rng, n, p, rho=0.5):
    shared = rng.normal(size=(n, 1))
    return np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=(n, p))


@pytest.mark.parametrize("p", [2, 5])
def test_scores_are_freed_of_their_correlation(p):
    rng = np.random.default_rng(1)
    free = np.concatenate([independent(correlated(rng, 80, p))[40:] for _ in range(200)])
    assert np.isfinite(free).all()
    np.testing.assert_allclose(np.corrcoef(free.T), np.eye(p), atol=0.06)
    assert stats.kstest((free**2).sum(axis=1), "chi2", args=(p,)).pvalue > 1e-3


def test_exams_without_all_scores_are_passed_over():
    score = correlated(np.random.default_rng(2), 90, 3)
    score[60, 1] = np.nan
    free = independent(score)
    assert np.isnan(free[60]).all()
    assert np.isnan(free[:40]).all()
    assert independent(score[:40]) is None


@pytest.mark.parametrize("rule", ["hotelling", "mewma"])
def test_false_alarms_are_about_as_often_as_asked(rule):
    module, rng = RULES.load(rule), np.random.default_rng(3)
    settings = module.parameters(200.0, 3)
    exams = signals = 0
    for _ in range(150):
        free = independent(correlated(rng, 300, 3))
        found = module.chart(free, settings).signals[:1]
        signals += found.size
        known = np.isfinite(free[:, 0])
        exams += int(known[: found[0] + 1].sum()) if found.size else int(known.sum())
    # a correlation from 40 exams on is not a known one: one in 150 to 260 for one in 200
    assert 150 < exams / signals < 260


def series(values, name, insert):
    n = values.size
    return TimeSeries(
        scanner="A", name=name, quantity="t1", unit="ms", insert=insert,
        at=START + np.arange(n) * WEEK, value=values, standard_uncertainty=np.full(n, np.nan),
        epoch=np.array(["e"] * n), exam=np.arange(1, n + 1).astype(np.str_),
        series_key=f"{name} {insert}",
    )  # fmt: skip


def test_what_moves_together_is_found_where_asked_for():
    rng = np.random.default_rng(4)
    values = 500 + 3 * correlated(rng, 140, 4, rho=0.3)
    values[110:] += 3.0
    group = [series(v, "t1", f"T1-{i}") for i, v in enumerate(values.T, start=1)]
    now = dt.datetime(2026, 9, 7)
    found = watch(group, Records(), now=now, policy=Policy(rules=("mewma",))).scanners[0].findings
    (one,) = [f for f in found if f.rule == "mewma"]
    assert one.date_interval[0] <= (START + 110 * WEEK).astype(dt.datetime)
    assert one.signalled >= (START + 110 * WEEK).astype(dt.datetime)
    assert sentence(one).startswith("4 values of t1 moved together since")
    assert not [f for f in watch(group, Records(), now=now).scanners[0].findings if not f.rule]
    steady = [series(500 + 3 * v, "t1", f"T1-{i}") for i, v in enumerate(rng.normal(size=(4, 140)))]
    quiet = watch(steady, Records(), now=now, policy=Policy(rules=("mewma",))).scanners[0].findings
    assert not [f for f in quiet if f.rule == "mewma"]
