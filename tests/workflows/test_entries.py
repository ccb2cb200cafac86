"""What a person enters is checked against the protocol, and readings by eye become measurements."""

import pytest

from qiqa.assess import assess
from qiqa.core.errors import UsageError
from qiqa.io.definitions import load_protocol
from qiqa.workflows.entries import check_entries, entered_measurements
from qiqa.workflows.mapping_inserts import conditions_of


@pytest.fixture(scope="module")
def protocol():
    return load_protocol("acr_large_2022")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"temperature": 21.5}, {"temperature": "21.5"}),
        ({"temperature": "21,5"}, {"temperature": "21.5"}),
        ({"temperature": 21}, {"temperature": "21"}),
        ({"transmit_gain": 1234567.25}, {"transmit_gain": "1234567.25"}),
        ({"phantom_unit": " J 123 "}, {"phantom_unit": "J 123"}),
        ({"phantom_unit": 4711}, {"phantom_unit": "4711"}),
        ({"table_position": "yes"}, {"table_position": "yes"}),
        ({"low_contrast_spokes": "38"}, {"low_contrast_spokes": "38"}),
        ({}, {}),
    ],
)
def test_right_entries_are_taken_as_texts(protocol, given, expected):
    assert check_entries(protocol, given, "file") == expected


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"temperature": "warm"}, "'warm' is not a number", "a number in degC from 5 to 45"),
        ({"temperature": True}, "True is not a number", "from 5 to 45"),
        ({"temperature": [21]}, "[21] is not a number", "from 5 to 45"),
        ({"temperature": 70}, "70 degC is outside 5 to 45 degC", "from 5 to 45"),
        ({"temperature": "nan"}, "nan degC is outside", "from 5 to 45"),
        ({"transmit_gain": "inf"}, "inf is not finite", "write a number"),
        ({"transmit_gain": "1.234,5"}, "is not a number", "write a number"),
        ({"table_position": "Yes!"}, "is not one of yes, no, not checked", "write one of"),
        ({"visual_checklist": "all in odrer"}, "is not one of", "did you mean 'all in order'?"),
        ({"phantom_unit": {"a": 1}}, "is not a text", "in quotes"),
        ({"phantom_unit": "a\x1b[2J"}, "cannot be printed", None),
        ({"phantom_nuit": "J1"}, "is not an entry of acr_large_2022", "'phantom_unit'"),
        ({"zzz": 1}, "is not an entry", "known: phantom_unit, initials"),
    ],
)
def test_wrong_entries_are_refused_with_what_is_allowed(protocol, given, message, hint):
    with pytest.raises(UsageError) as caught:
        check_entries(protocol, given, "monday.toml")
    assert message in caught.value.message
    assert caught.value.where.startswith("monday.toml")
    assert hint is None or hint in caught.value.hint


@pytest.mark.parametrize(
    ("entry", "value", "verdict"),
    [
        ("high_contrast_resolution_lr", "1.0", "pass"),
        ("high_contrast_resolution_ap", "1.1", "action"),
        ("low_contrast_spokes", "30", "pass"),
        ("low_contrast_spokes", "29", "action"),
    ],
)
def test_readings_by_eye_are_judged(protocol, entry, value, verdict):
    (reading,) = entered_measurements(protocol, {entry: value})
    assert (reading.role, reading.value) == ("T1", float(value))
    assert reading.assumptions == ("read by eye and entered",)
    assert assess(reading, protocol, 1.5).verdict == verdict


def test_other_entries_are_no_measurements(protocol):
    assert entered_measurements(protocol, {"temperature": "21", "initials": "AB"}) == ()


def test_where_a_temperature_was_read_stands_in_its_budget():
    protocol = load_protocol("nist_system")
    given = {"temperature": "21.5", "temperature_source": "liquid crystal"}
    found = conditions_of(protocol, given, 3.0)
    assert (found.temperature_degc, found.temperature_uncertainty_degc) == (21.5, 0.5)
    assert found.temperature_source == "entered, by liquid crystal"
    assert conditions_of(protocol, {"temperature": "21.5"}, 3.0).temperature_source == "entered"
    assert "not entered" in conditions_of(protocol, {}, 3.0).temperature_source
