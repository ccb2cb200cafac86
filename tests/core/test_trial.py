"""Names, flags and rows of trials."""

import json

import numpy as np
import pytest

from qiqa.core.trial import Flag, common_name, numbered


@pytest.mark.parametrize(
    ("name", "insert", "shared"),
    [
        ("adc_A", "A", "adc"),
        ("adc", "A", "adc"),
        ("adc A", "A", "adc"),
        ("adc", "c", "adc"),  # the letter is the name's
        ("ADC", "C", "ADC"),
        ("_A", "A", "_A"),
        ("A", "A", "A"),  # nothing would be left
        ("piu", "", "piu"),
    ],
)
def test_what_all_inserts_share(name, insert, shared):
    assert common_name(name, insert) == shared


def test_numbers_of_texts_lead_back_to_the_texts():
    texts = np.array(["b", "", "ä", "b", "B"])
    names, place = numbered(texts)
    assert names == ["", "B", "b", "ä"]
    assert np.array(names)[place].tolist() == texts.tolist()
    assert numbered([]) == ([], pytest.approx(np.array([])))


@pytest.mark.parametrize(
    ("where", "about"),
    [
        ("S1", True),
        ("S1, exam visit 2", True),
        ("S10, exam visit 2", False),
        ("S1, B", False),  # another scanner whose name begins alike
        ("phantom unit S1", False),
    ],
)
def test_flags_know_whom_they_are_about(where, about):
    assert Flag(kind="wrong_unit", where=where, reason="x").is_about("S1") is about


def test_rows_are_taken_from_every_column(rounds):
    readings = rounds(np.random.default_rng(1), scanners=2, visits=2)
    some = readings.take(np.array([3, 1]))
    assert len(some) == 2
    assert some.insert.tolist() == readings.insert[[3, 1]].tolist()
    assert some.value.tolist() == readings.value[[3, 1]].tolist()
    assert (some.name, some.unit) == (readings.name, readings.unit)
    json.dumps(some.row.tolist())
