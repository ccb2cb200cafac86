"""The whole diagnosis on made-up tables, and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.diagnosis import DIAGNOSIS_SCHEMA, SiteAnswer, diagnosis_payload
from qiqa.core.errors import UsageError
from qiqa.harmonize.diagnosis.diagnosing import diagnose
from qiqa.metrology import learners


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
