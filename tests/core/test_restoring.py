"""Nouns come back from JSON as they were, or the field that cannot is named."""

import dataclasses
import datetime as dt
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.canonical import canonical_json
from qiqa.core.drift import DriftFinding, Forecast, Kind, ServiceEvent
from qiqa.core.restoring import restore

finite = st.floats(allow_nan=False, allow_infinity=False)
times = st.datetimes()
bounds = st.tuples(finite | st.just(-math.inf), finite | st.just(math.inf))
forecasts = st.builds(
    Forecast,
    limit=finite,
    level=st.sampled_from(["tolerance", "action"]),
    date=st.none() | times,
    interval=st.tuples(st.none() | times, st.none() | times),
)
findings = st.builds(
    DriftFinding,
    scanner=st.text(),
    name=st.text(),
    quantity=st.text(),
    slice=st.integers(),
    kind=st.sampled_from(Kind),
    rule=st.text(),
    date=st.none() | times,
    date_interval=st.none() | st.tuples(times, times),
    size=finite,
    size_interval=st.none() | bounds,
    score=finite,
    verdict=st.text(),
    causes=st.lists(st.text()).map(tuple),
    forecast=st.none() | forecasts,
)


@given(findings)
def test_finding_comes_back(finding):
    assert restore(DriftFinding, json.loads(canonical_json(finding))) == finding


def test_number_that_is_null_is_nan():
    content = {"limit": None, "level": "action", "date": None, "interval": [None, None]}
    assert math.isnan(restore(Forecast, content).limit)


def test_time_with_zone_keeps_it():
    at = dt.datetime(2024, 5, 6, 8, 30, tzinfo=dt.UTC)
    event = ServiceEvent(at=at, scanner="a", kind="room", text="x")
    assert restore(ServiceEvent, json.loads(canonical_json(event))) == event


EVENT = {"at": "2024-05-06T08:30:00", "scanner": "a", "kind": "room", "text": "x"}


def test_missing_fields_have_their_default_and_new_ones_are_left_out():
    event = restore(ServiceEvent, {**EVENT, "later": 1})
    assert event.new_epoch is True
    assert dataclasses.asdict(event).keys() == {f.name for f in dataclasses.fields(ServiceEvent)}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([], "ServiceEvent: .* is not an object"),
        ({k: v for k, v in EVENT.items() if k != "at"}, "at is missing"),
        ({**EVENT, "at": "yesterday"}, r"ServiceEvent\.at: "),
        ({**EVENT, "at": 5}, r"ServiceEvent\.at: "),
        ({**EVENT, "text": None}, "None is not str"),
        ({**EVENT, "record_id": True}, "True is not int"),
        ({**EVENT, "new_epoch": 1}, "1 is not bool"),
    ],
)
def test_names_the_field_that_cannot_be_read(content, text):
    with pytest.raises(ValueError, match=text):
        restore(ServiceEvent, content)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("kind", "jump", "'jump' is not a valid Kind"),
        ("size", "1", "'1' is not float"),
        ("size_interval", [1.0], "1 values, not 2"),
        ("size_interval", 1.0, "not a list"),
        ("causes", [1], r"causes\[0\]: 1 is not str"),
        ("forecast", {"limit": 1.0}, r"DriftFinding\.forecast: level is missing"),
    ],
)
def test_names_the_field_of_a_finding(field, value, text):
    finding = DriftFinding(
        scanner="a",
        name="b",
        quantity="c",
        kind=Kind.STEP,
        rule="r",
        date=None,
        date_interval=None,
        verdict="pass",
    )
    content = {**json.loads(canonical_json(finding)), field: value}
    with pytest.raises(ValueError, match=text):
        restore(DriftFinding, content)
