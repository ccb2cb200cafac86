"""Groups of rows, and who is one person."""

from __future__ import annotations

import numpy as np

from qiqa.core.words import Words
from qiqa.vetting.sets.coding import grouped, persons, scanners
from qiqa.vetting.sets.counting import People, counts_of_persons
from qiqa.vetting.sets.usual import usual_number, usual_word


def test_groups_hold_their_rows():
    a, b = np.array([1, 0, 1, -1, 0, 1]), np.array([5, 5, 5, 5, 2, 4])
    made = grouped([a, b], 6)
    found = {tuple(made.order[made.starts[g] : made.starts[g + 1]].tolist()) for g in range(5)}
    assert found == {(3,), (4,), (1,), (5,), (0, 2)}
    assert made.sizes.sum() == 6
    assert grouped([], 3).starts.tolist() == [0, 3]
    assert grouped([], 0).sizes.size == 0


def test_unknown_patients_are_different_persons(series):
    table = series(4, texts={"patient": ["a", "", "a", ""], "site": ["x", "y", "x", ""]})
    assert len(set(persons(table).tolist())) == 3
    assert list(scanners(table)) == ["x", "y", "x", ""]
    found = People(table).categories(("site",))
    assert found.rows.tolist() == [0, 1]
    assert counts_of_persons(table.text("site"), table.text("patient")).tolist() == [[2], [0]]


def test_the_usual_value_is_one_that_there_is():
    groups = grouped([np.array([0, 0, 0, 0, 1, 1])], 6)
    made = usual_number(np.array([10.0, 10.2, 99.0, 10.0, np.nan, np.inf]), groups, 5.0)
    assert made.value[0] == 10.0
    assert np.isnan(made.value[1])
    assert made.stated.tolist() == [4, 0]
    assert made.agreeing.tolist() == [3, 0]
    words = usual_word(Words.of(["b", "a", "b", "a", "", "z"]), groups)
    assert words.value.tolist() == [0.0, 2.0]  # of two equally common words the first in order
