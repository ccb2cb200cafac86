"""The whole diagnosis on made-up tables, and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.diagnosis import DIAGNOSIS_SCHEMA, SiteAnswer, diagnosis_payload
from qiqa.core.errors import UsageError
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.diagnosis.diagnosing import (
    _level_and_scatter,
    _without_difference,
    diagnose,
)
from qiqa.metrology import learners
from qiqa.metrology.chance import Chance
from qiqa.metrology.held_out import Task, auc_later


def look(table, after, **more):
    return diagnose(table, after, rng=np.random.default_rng(0), **more)


@pytest.fixture(scope="module")
def curled(made):
    """Batches that differ in level, scatter and correlation; two of three are corrected."""
    patch = pytest.MonkeyPatch()
    patch.setattr(learners, "_TREES", 10)
    table = made.table(1, batches=3, each=40, features=4, shift=2.0, scale=0.4, curl=1.0, age=0.5)
    after = made.mean_and_sd(table, table)
    try:
        return look(
            table, after, refit=made.mean_and_sd, interest="age", permutations=59, method="plain"
        )
    finally:
        patch.undo()


def test_the_linear_test_passes_and_the_answer_is_still_seen(curled):
    by_model = {one.model: one for one in curled.after}
    assert by_model["linear"].auc < 0.6
    assert by_model["quadratic"].auc > 0.6
    assert curled.answer is SiteAnswer.STILL_SEEN
    assert "nonlinear" in curled.headline
    assert all(one.auc > 0.9 for one in curled.before)


def test_few_features_are_said(curled):
    assert "4 features, fewer than 10" in curled.warnings[0]


def test_what_was_fitted_on_all_rows_is_below_chance_and_warned_of(curled):
    naive = {one.model: one for one in curled.after_all_rows}["linear"]
    assert naive.auc < 0.4
    assert any("below chance" in words for words in curled.warnings)


def test_tests_of_features_all_pass_afterwards_and_decide_nothing(curled):
    assert sum(one.additive_q < 0.05 for one in curled.tests_before) >= 3
    assert all(one.additive_q > 0.5 for one in curled.tests_after)


def test_effects_come_through(curled):
    assert curled.injected.share_of_scatter > 0.9
    assert curled.kept_interval[0] < 1.1
    assert curled.kept_share > 0.8
    assert curled.placebo.correction_sd < 2.0 * curled.placebo.by_chance_sd
    assert curled.over_corrected == ()


def test_json_has_its_schema_and_no_number_that_was_not_measured(curled):
    payload = diagnosis_payload(dataclasses.replace(curled, kept_share=math.nan))
    text = json.dumps(payload, allow_nan=False)
    again = json.loads(text)
    assert next(iter(again)) == "schema"
    assert again["schema"] == DIAGNOSIS_SCHEMA == "qiqa.harmonization_diagnosis/1"
    assert again["answer"] == "still_seen"
    assert again["kept_share"] is None
    assert len(again["tests_after"]) == 4


def test_the_json_is_documented_in_full(curled):
    page = (Path(__file__).parents[3] / "docs" / "schemas.md").read_text(encoding="utf-8")
    part = page.split("## JSON of a harmonization judged")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", part))
    payload = diagnosis_payload(curled)
    keys = set(payload)
    for name in ("injected", "placebo"):
        keys |= set(payload[name])
    for name in ("after", "tests_after", "kept"):
        keys |= set(payload[name][0])
    keys |= set(payload["after"][0]["batches"][0]) | set(payload["after"][0]["leaks"][0])
    assert keys <= named


def test_without_refitting_nothing_is_called_no_longer_seen(made, monkeypatch):
    monkeypatch.setattr(learners, "_TREES", 5)
    table = made.table(2, batches=2, each=30, features=3, shift=1.0)
    found = look(table, made.mean_and_sd(table, table), permutations=59)
    assert found.answer is SiteAnswer.CANNOT_TELL
    assert found.injected is None
    assert found.placebo is None
    assert any("fitted in each fold" in words for words in found.help)


def test_batches_that_do_not_differ_are_no_longer_seen(made, monkeypatch):
    monkeypatch.setattr(learners, "_TREES", 10)
    table = made.table(3, batches=2, each=250, features=3, shift=1.0)
    found = look(table, made.mean_and_sd(table, table), refit=made.mean_and_sd, permutations=59)
    assert found.answer is SiteAnswer.NO_LONGER_SEEN
    assert "harmonized" not in found.headline


def test_refusals(made):
    table = made.table(4, batches=2, each=10)
    with pytest.raises(UsageError, match="same rows in the same order"):
        look(table, table.take(np.arange(20)[::-1]))
    one = table.take(table.batch == "site A")
    with pytest.raises(UsageError, match="one site"):
        look(one, one)
    with pytest.raises(UsageError, match="20 permutations") as caught:
        look(table, table, permutations=20)
    assert "at least 59" in str(caught.value)


def test_chance_is_where_a_harmonization_that_shrinks_leaves_nothing(made):
    """ComBat of batches that differ much, and of the same that do not: linear AUC 0.5 and 0.3."""
    table = made.table(5, batches=4, each=15, features=10, shift=2.0)

    def refit(train, test):
        return apply(fit(train), test)[0]

    after = refit(table, table)
    rows, labels = np.arange(60), np.unique(table.batch, return_inverse=True)[1]
    task = Task(rows, np.unique(table.batch), labels, rows, np.zeros(60, dtype=np.intp), ())
    found, rng = [], np.random.default_rng(0)
    for null in (
        _without_difference(table, after, refit),
        _without_difference(after, after, refit),
    ):
        chance = Chance(table.values, table.batch, task, 5, null)
        with ThreadPoolExecutor(2) as pool:
            auc = [
                auc_later("linear", chance._table(np.random.default_rng(k)), pool, rng)()
                for k in range(20)
            ]
        found.append(np.mean(auc))
    assert found[0] == pytest.approx(0.5, abs=0.04)
    assert found[1] < 0.42


def test_level_and_scatter_come_back_as_they_were(made):
    table = made.table(6, batches=2, each=12, features=3, shift=2.0, scale=0.5)
    values = table.values.copy()
    values[0, 0] = np.nan
    table = dataclasses.replace(table, values=values)
    after = dataclasses.replace(table, values=np.arcsinh(values))
    name, rows = "site A", table.batch == "site A"
    level, scatter = _level_and_scatter(table, after, name)
    back = level + scatter * after.values[rows]
    for measure in (np.nanmean, np.nanstd):
        assert measure(back, axis=0) == pytest.approx(measure(values[rows], axis=0))
    zeros = dataclasses.replace(table, values=np.zeros_like(values))
    level, scatter = _level_and_scatter(table, zeros, name)
    assert scatter.tolist() == [1.0, 1.0, 1.0]
    assert level[1:] == pytest.approx(values[rows].mean(axis=0)[1:])
