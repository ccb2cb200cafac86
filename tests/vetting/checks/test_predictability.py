"""Predictability: a place that leaks is told, one that does not is not."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.vetting.checks.predictability import CHECK, look

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def sites():
    rng = np.random.default_rng(0)
    return [f"site {i}" for i in rng.integers(0, 3, 150)], rng.normal(size=(150, 4))


def quick(defaults, **more):
    return defaults(CHECK, models=("linear",), permutations=19.0, places=("site",), **more)


def test_a_shift_is_told_and_the_feature_that_leaks_comes_first(series, defaults, sites):
    names, noise = sites
    values = noise + np.outer([int(n[-1]) for n in names], [0, 0, 2.0, 0])
    answer = look(series(150, texts={"site": names}, values=values), quick(defaults))
    made = answer.statements[0]
    assert made.subject == "site, linear"
    assert made.value > 0.85
    assert made.p == pytest.approx(0.05)
    assert made.rows[1][1] == "f2"


def test_noise_is_not_told(series, defaults, sites):
    names, noise = sites
    settings = quick(defaults) | {"permutations": 99.0}
    made = look(series(150, texts={"site": names}, values=noise), settings).statements[0]
    assert made.interval[0] < 0.5 < made.interval[1]
    assert made.p > 0.02


def test_variances_are_told_by_the_quadratic_one_only(series, defaults, sites):
    names, noise = sites
    values = noise * np.array([[1.0 + 2 * int(n[-1])] for n in names])
    settings = {**quick(defaults), "models": ("linear", "quadratic"), "permutations": 0.0}
    linear, quadratic = look(series(150, texts={"site": names}, values=values), settings).statements
    assert linear.value < 0.7
    assert quadratic.value > linear.value + 0.15
    assert quadratic.value > 0.8


def test_of_many_series_whole_persons_of_all_places_are_drawn(series, defaults):
    rng = np.random.default_rng(1)
    names = ["large"] * 2800 + ["small"] * 200
    patient = [f"p{i // 2}" for i in range(3000)]
    table = series(
        3000, texts={"site": names, "patient": patient}, values=rng.normal(size=(3000, 2))
    )
    made = look(table, quick(defaults, most_rows=400.0) | {"permutations": 0.0}).statements[0]
    assert made.evidence.startswith("400 of 3000 series, 2 places, 200 persons")


def test_nothing_to_tell_is_said(series, defaults):
    settings = defaults(CHECK)
    for n, texts in ((0, {}), (3, {}), (3, {"site": ["a", "b", ""]}), (9, {"site": ["a"] * 9})):
        answer = look(series(n, texts=texts, values=np.full((n, 2), np.inf)), settings)
        assert all(np.isnan(s.value) and s.evidence for s in answer.statements)
    answer = look(series(4, texts={"site": list("abcd")}, values=np.ones((4, 1))), settings)
    assert all(np.isnan(s.value) and s.evidence for s in answer.statements)


def test_a_column_that_parts_the_set_as_another_is_not_told_twice(series, defaults, sites):
    names, noise = sites
    texts = {"site": names, "scanner": names}
    settings = quick(defaults) | {"places": ("site", "scanner"), "permutations": 0.0}
    answer = look(series(150, texts=texts, values=noise), settings)
    assert answer.statements[1].evidence == "parts the set as site does"
