"""Tables of shares: read as they are, refused with the reason where they are none."""

from __future__ import annotations

import pytest

from qiqa.core.errors import ReadError
from qiqa.io.population import read_population


@pytest.fixture
def write(tmp_path):
    def made(text):
        path = tmp_path / "population.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return made


def test_shares_of_one_and_of_a_hundred(write):
    found = read_population(
        write("column,value,share\nsex,F,51\nsex,M,49\nage,0-17,.2\nage,18+,.8")
    )
    assert found["sex"] == pytest.approx({"F": 0.51, "M": 0.49})
    assert found["age"] == pytest.approx({"0-17": 0.2, "18+": 0.8})


def test_rounded_shares_are_made_to_add_up(write):
    found = read_population(write("column;value;share\na;x;33,3\na;y;33,3\na;z;33,3\n"))
    assert sum(found["a"].values()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("text", "said"), [
    ("column,value\nsex,F", "has no column 'share'"),
    ("column,value,share\nsex,F,half", "share 'half' is no number"),
    ("column,value,share\nsex,F,-1", "not zero or above"),
    ("column,value,share\nsex,F,", "not zero or above"),
    ("column,value,share\nsex,F,0.5\nsex,F,0.5", "stands there twice"),
    ("column,value,share\nsex,F,0.5\nsex,M,0.2", "add up to 0.7"),
    ("column,value,share\nsex,,1", "lacks a column or a value"),
])  # fmt: skip
def test_what_is_no_table_of_shares_is_refused(write, text, said):
    with pytest.raises(ReadError, match=said):
        read_population(write(text))
