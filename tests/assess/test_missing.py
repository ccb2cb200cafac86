"""What the protocol asks for and no series answers."""

import dataclasses

import pytest

from qiqa.assess import assess, reopened, unanswered
from qiqa.core.measurement import Measurement, Verdict, worst
from qiqa.io.definitions import load_protocol


@pytest.fixture(scope="module")
def protocol():
    return load_protocol("acr_large_2022")


def have(protocol, *roles, without=()):
    """Every limited measurement of some roles, inside its limits as far as that matters here."""
    return tuple(
        Measurement(name=name, quantity=name, unit=limit.unit, value=1.0, role=role)
        for limit in protocol.limit
        for name in limit.measurements
        for role in limit.roles
        if role in roles and name not in without
    )


def by_name(found):
    return {item.measurement.name: item for item in found}


def test_an_exam_without_localizer_leaves_the_length_open(protocol):
    found = by_name(unanswered(protocol, have(protocol, "T1", "T2")))
    assert set(found) == {"length_si"}
    item = found["length_si"]
    assert (item.verdict, item.answered) == (Verdict.NOT_EVALUATED, False)
    assert item.reason == "no localizer series in this exam"
    assert item.measurement.role == "localizer"


def test_an_exam_without_t2_is_complete(protocol):
    assert unanswered(protocol, have(protocol, "T1", "localizer")) == ()


def test_an_exam_without_t1_is_open_where_only_t1_answers(protocol):
    found = by_name(unanswered(protocol, have(protocol, "T2", "localizer")))
    assert {"diameter_slice1_lr", "diameter_slice5_d2", "psg"} <= set(found)
    assert "slice_thickness" not in found
    assert not any(item.answered for item in found.values())


def test_a_reading_on_t1_is_enough_where_t2_has_a_limit_of_its_own(protocol):
    found = unanswered(protocol, have(protocol, "T1", "localizer"))
    assert not [item for item in found if item.measurement.name == "low_contrast_spokes"]


def test_readings_by_eye_are_asked_for_and_do_not_count(protocol):
    eyes = {"high_contrast_resolution_lr", "high_contrast_resolution_ap", "low_contrast_spokes"}
    found = by_name(unanswered(protocol, have(protocol, "T1", "localizer", without=eyes)))
    assert set(found) == eyes
    assert all(item.answered and "to be read by eye" in item.reason for item in found.values())


def test_series_that_did_not_show_the_phantom_are_named(protocol):
    (item,) = unanswered(protocol, have(protocol, "T1"), ("ACR SAG", "survey"))
    assert item.reason == (
        "no localizer series in this exam; the phantom was not found in ACR SAG, survey"
    )


def test_the_exam_as_a_whole_follows(protocol):
    thickness = Measurement(
        name="slice_position_slice1", quantity="q", unit="mm", value=1.0, role="T1"
    )
    good = assess(thickness, protocol, 1.5)
    bad = assess(dataclasses.replace(thickness, value=6.0), protocol, 1.5)
    left = unanswered(protocol, have(protocol, "T1"))
    assert worst((good, *left)) is Verdict.NOT_EVALUATED
    assert worst((good, bad, *left)) is Verdict.TOLERANCE
    assert worst((good,)) is Verdict.PASS


def test_values_on_the_wrong_series_stay_recorded_and_leave_the_question_open(protocol):
    diameter = Measurement(
        name="diameter_slice1_lr", quantity="diameter", unit="mm", value=190.0, role="T2"
    )
    recorded = assess(diameter, protocol, 1.5)
    assert recorded.answered
    (item,) = reopened(protocol, (recorded,))
    assert (item.verdict, item.answered) == (Verdict.NOT_EVALUATED, False)
    assert item.reason == "judged on T1, which this exam does not have"
    assert item.measurement is diameter
    on_t1 = assess(dataclasses.replace(diameter, role="T1"), protocol, 1.5)
    assert reopened(protocol, (recorded, on_t1)) == (recorded, on_t1)
    assert unanswered(protocol, (diameter,))[0].measurement.name != "diameter_slice1_lr"
