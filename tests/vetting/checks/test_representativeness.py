"""Representativeness: shares against a population and between splits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

from qiqa.vetting.checks.representativeness import CHECK, look

SEX = {"sex": {"F": 0.5, "M": 0.5}}


def said(answer, code, subject=None):
    return [s for s in answer.statements if s.code == code and subject in (None, s.subject)]


@pytest.mark.parametrize(("women", "p_below"), [(0.5, None), (0.4, 0.05), (0.1, 0.01)])
def test_divergence_from_a_population_by_dose(series, defaults, women, p_below):
    count = round(400 * women)
    sex = ["F"] * count + ["M"] * (400 - count)
    made = said(look(series(400, texts={"sex": sex}, population=SEX), defaults(CHECK)),
                "differs_from_population", "sex")[0]  # fmt: skip
    expected = distance.jensenshannon([women, 1 - women], [0.5, 0.5], base=2) ** 2
    assert made.value == pytest.approx(expected, abs=1e-12)
    assert (made.p > 0.9) if p_below is None else (made.p < p_below)
    assert made.rows[1][3] in (f"{100 * (women - 0.5):+.2f}", f"{100 * (0.5 - women):+.2f}")


def test_numbers_in_bins_and_categories_that_nobody_has(series, defaults):
    age = np.array([20.0, 39.9, 40.0, 64.0, np.nan, 17.0])
    population = {"age": {"18-39": 0.4, "40-64": 0.35, "65+": 0.25}}
    answer = look(series(6, numbers={"age": age}, population=population), defaults(CHECK, least=4))
    made = said(answer, "differs_from_population", "age")[0]
    assert {row[0]: row[1] for row in made.rows[1:]} == {"18-39": "50.00", "40-64": "50.00",
                                                         "65+": "0.00"}  # fmt: skip
    assert "2 without a value" in made.evidence
    assert said(answer, "absent_from_set")[0].evidence == "65+ (25.0 %)"


def test_splits_are_compared_pair_by_pair(series, defaults):
    split = ["train"] * 100 + ["test"] * 100
    texts = {"split": split, "sex": ["F", "M"] * 50 + ["F"] * 90 + ["M"] * 10}
    answer = look(series(200, texts=texts, numbers={"age": list(range(50)) * 4}), defaults(CHECK))
    sex = said(answer, "splits_differ", "sex: test and train")[0]
    assert sex.value == pytest.approx(distance.jensenshannon([0.9, 0.1], [0.5, 0.5], base=2) ** 2)
    assert sex.p < 0.01
    age = said(answer, "splits_differ", "age: test and train")[0]
    assert age.value == pytest.approx(0.0, abs=1e-12)
    assert age.p > 0.9


def test_persons_count_once(series, defaults):
    texts = {"patient": ["1"] * 90 + [f"x{i}" for i in range(10)], "sex": ["F"] * 90 + ["M"] * 10}
    made = said(look(series(100, texts=texts, population=SEX), defaults(CHECK)),
                "differs_from_population")[0]  # fmt: skip
    assert made.evidence.startswith("Jensen-Shannon divergence, base 2; 11 persons")


def test_without_a_population_that_is_said_and_hostile_ones_do_not_raise(series, defaults):
    assert said(look(series(3), defaults(CHECK)), "population_not_stated")
    odd = {"sex": {"": 0.0}, "age": {"0-10": 1.0}, "none": {"a": 1.0}, "field_t": {"3": 1.0}}
    numbers = {"age": [np.inf, -1.0, 5.0], "field_t": [3.0, 1.5, np.nan]}
    for n in (0, 1, 3):
        texts = {"sex": ["", "F", "M"][:n], "split": ["a", "b", ""][:n]}
        table = series(n, texts=texts, numbers={k: v[:n] for k, v in numbers.items()},
                       population=odd)  # fmt: skip
        answer = look(table, defaults(CHECK, least=1))
        assert all(not s.value < 0 for s in answer.statements)
