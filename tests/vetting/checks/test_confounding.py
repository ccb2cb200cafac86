"""Confounding: what goes with the site is said, what does not is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qiqa.vetting.checks.confounding import CHECK, look


def said(answer, code, subject):
    found = [s for s in answer.statements if s.code == code and s.subject == subject]
    return found[0] if found else None


@pytest.mark.parametrize(("shift", "seen"), [(0.0, False), (0.2, True), (0.5, True)])
def test_a_label_that_goes_with_the_site_is_seen_by_its_dose(series, defaults, shift, seen):
    rng = np.random.default_rng(2)
    site = rng.integers(0, 4, 800)
    label = rng.random(800) < 0.5 - shift / 2 + shift * (site % 2)
    texts = {"site": [f"s{i}" for i in site], "label": np.where(label, "yes", "no")}
    made = said(look(series(800, texts=texts), defaults(CHECK)), "label_by_site", "label by site")
    assert (made.p < 0.01) == seen
    assert made.value == pytest.approx(shift, abs=0.09)
    assert made.rows[0][:2] == ("site", "persons")


def test_a_person_counts_once_however_many_series(series, defaults):
    texts = {"site": ["a", "b"] * 200, "label": ["x"] * 200 + ["y"] * 200,
             "patient": ["p1", "p2"] * 100 + ["p3", "p4"] * 100}  # fmt: skip
    made = said(look(series(400, texts=texts), defaults(CHECK)), "label_by_site", "label by site")
    assert "; 4 persons;" in made.evidence
    assert made.p == pytest.approx(1.0)


def test_numbers_by_site_and_ranges_that_do_not_overlap(series, defaults):
    rng = np.random.default_rng(3)
    site = np.repeat(["child", "adult", "mixed"], 20)
    age = np.concatenate([rng.uniform(6, 12, 20), rng.uniform(30, 60, 20), rng.uniform(5, 70, 20)])
    answer = look(series(60, texts={"site": site}, numbers={"age": age}), defaults(CHECK))
    apart = said(answer, "ranges_do_not_overlap", "age by site")
    assert apart.value == pytest.approx(100 / 3)
    assert {row[0] for row in apart.rows[1:]} == {"child", "adult"}
    made = said(answer, "covariate_by_site", "age by site")
    assert made.p == pytest.approx(stats.kruskal(age[:20], age[20:40], age[40:]).pvalue)


def test_labels_of_one_site_and_sites_of_one_label(series, defaults):
    texts = {"site": ["a"] * 10 + ["b"] * 10 + ["c"] * 10,
             "label": ["x", "y"] * 5 + ["y"] * 10 + ["x"] * 5 + ["rare"] * 5}  # fmt: skip
    answer = look(series(30, texts=texts), defaults(CHECK))
    assert said(answer, "label_at_one_site", "label by site").rows[1] == ("rare", "c", "5")
    assert said(answer, "site_with_one_label", "label by site").rows[1] == ("b", "y", "10")


def test_what_is_independent_is_not_called_confounded(series, defaults):
    low = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        texts = {"site": rng.choice(list("abcdef"), 300), "label": rng.choice(list("xyz"), 300),
                 "scanner": rng.choice([f"s{i}" for i in range(15)], 300),
                 "sex": rng.choice(["F", "M"], 300)}  # fmt: skip
        answer = look(series(300, texts=texts, numbers={"age": rng.normal(size=300)}),
                      defaults(CHECK))  # fmt: skip
        low += any(s.p < 0.05 for s in answer.statements)
    assert low <= 4  # one of 20 expected: Holm keeps the whole


def test_hostile_columns_do_not_raise(series, defaults):
    for n in (0, 1, 2, 30):
        texts = {"site": ["", "a", "\x00"][:n] + ["b"] * max(n - 3, 0), "label": ["x"] * n,
                 "scanner": [f"s{i}" for i in range(n)]}  # fmt: skip
        answer = look(series(n, texts=texts, numbers={"age": [np.inf] * n}), defaults(CHECK))
        assert all(np.isnan(s.value) or s.value >= 0 for s in answer.statements)
    many = {"site": [f"s{i % 7}" for i in range(3000)], "label": [f"{i}" for i in range(3000)]}
    made = said(look(series(3000, texts=many), defaults(CHECK)), "label_by_site", "label by site")
    assert np.isnan(made.value)
