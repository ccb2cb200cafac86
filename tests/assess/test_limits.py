"""Levels, their edges, and the reasons for not judging; expectations worked out by hand."""

import dataclasses
import math

import pytest

from qiqa.assess import assess
from qiqa.core.measurement import BudgetLine, Interval, Measurement, Verdict
from qiqa.core.phantom import ReferenceValue
from qiqa.core.protocol import ExpectedSeries, Limit, Protocol

TWO_LEVELS = {"tolerance": (-0.7, 0.7), "action": (-1.0, 1.0)}


def protocol(*limits):
    series = tuple(
        ExpectedSeries(role=role, orientation="axial_stack", required=role == "T1")
        for role in ("T1", "T2")
    )
    return Protocol(
        schema="qiqa.protocol/1",
        id="p",
        name="P",
        family="f",
        edition="1",
        phantom="acr_large",
        source="s",
        series=series,
        measured=(),
        limit=limits,
    )


def limit(**changes):
    base = {
        "id": "rule",
        "measurements": ("thing",),
        "compares": "value",
        "unit": "mm",
        "action": (0.0, 3.0),
        "roles": ("T1",),
        "off_protocol": "judge",
        "source": "table 3",
        "confidence": "secondary",
    }
    return Limit(**{**base, **changes})


def thing(value=1.0, *, u=0.01, true=None, u_true=0.0, **changes):
    reference = None
    if true is not None:
        reference = ReferenceValue(
            quantity="thing",
            value=true,
            unit="mm",
            standard_uncertainty=u_true,
            confidence="certified",
            source="certificate",
        )
    base = Measurement(
        name="thing",
        quantity="thing",
        unit="mm",
        value=value,
        standard_uncertainty=u,
        degrees_of_freedom=math.inf,
        budget=(BudgetLine(name="edge", standard_uncertainty=u),),
        reference=reference,
        role="T1",
    )
    return dataclasses.replace(base, **changes)


def verdict(value, rule, *, field_t=1.5, **options):
    return assess(thing(value, **options), protocol(rule), field_t).verdict


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5.0, "pass"),
        (5.7, "pass"),  # the edge itself still passes
        (4.3, "pass"),
        (5.71, "tolerance"),
        (4.29, "tolerance"),
        (6.0, "tolerance"),
        (4.0, "tolerance"),
        (6.01, "action"),
        (3.99, "action"),
    ],
)
def test_two_levels_on_a_deviation(value, expected):
    assert verdict(value, limit(compares="deviation", **TWO_LEVELS), true=5.0) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5.0, "pass"), (-5.0, "pass"), (-5.2, "tolerance"), (7.0, "tolerance"), (-7.1, "action")],
)
def test_two_levels_on_a_magnitude(value, expected):
    rule = limit(compares="magnitude", tolerance=(0.0, 5.0), action=(0.0, 7.0))
    assert verdict(value, rule) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(87.5, "pass"), (87.4, "tolerance"), (85.0, "tolerance"), (84.9, "action")],
)
def test_two_levels_open_on_top(value, expected):
    rule = limit(tolerance=(87.5, math.inf), action=(85.0, math.inf))
    assert verdict(value, rule) == expected


@pytest.mark.parametrize(("value", "expected"), [(3.0, "pass"), (3.01, "action"), (-0.1, "action")])
def test_one_level_knows_no_tolerance(value, expected):
    found = assess(thing(value), protocol(limit()), 1.5)
    assert found.verdict == expected
    assert found.tolerance is None
    assert (found.rule, found.source, found.confidence) == ("rule", "table 3", "secondary")


def test_levels_are_given_in_terms_of_the_value():
    found = assess(thing(190.0, true=190.0), protocol(limit(compares="deviation", **TWO_LEVELS)), 3)
    assert found.tolerance == (189.3, 190.7)
    assert found.action == (189.0, 191.0)


def test_a_deviation_without_a_reference_stays_open():
    found = assess(thing(5.0), protocol(limit(compares="deviation")), 1.5)
    assert (found.verdict, found.answered) == (Verdict.NOT_EVALUATED, False)
    assert found.reason == "no reference value"


DEVIATIONS = ("TR 1000 ms instead of 500 ms",)


def test_off_protocol_is_recorded_where_the_limit_says_so():
    found = assess(thing(99.0), protocol(limit(off_protocol="record")), 1.5, DEVIATIONS)
    assert (found.verdict, found.answered) == (Verdict.NOT_EVALUATED, True)
    assert "TR 1000 ms instead of 500 ms" in found.reason
    assert found.action == (0.0, 3.0)


def test_off_protocol_is_judged_where_the_limit_says_so():
    found = assess(thing(99.0), protocol(limit(off_protocol="judge")), 1.5, DEVIATIONS)
    assert found.verdict == "action"


BANDS = (
    limit(id="below 3 T", action=(85.0, math.inf), field_strength_t=(0.0, 2.8)),
    limit(id="3 T", action=(80.0, math.inf), field_strength_t=(2.8, 3.1)),
)


@pytest.mark.parametrize(
    ("field_t", "expected", "rule"),
    [(1.5, "action", "below 3 T"), (2.89, "pass", "3 T"), (3.0, "pass", "3 T")],
)
def test_the_field_chooses_the_limit(field_t, expected, rule):
    found = assess(thing(82.0), protocol(*BANDS), field_t)
    assert (found.verdict, found.rule) == (expected, rule)


def test_a_field_without_a_limit_is_recorded():
    found = assess(thing(82.0), protocol(*BANDS), 7.0)
    assert (found.verdict, found.answered) == (Verdict.NOT_EVALUATED, True)
    assert found.reason == "no limit is defined at 7 T"


def test_an_unknown_field_leaves_the_question_open():
    found = assess(thing(82.0), protocol(*BANDS), None)
    assert (found.verdict, found.answered) == (Verdict.NOT_EVALUATED, False)
    assert "field strength" in found.reason


def test_a_value_of_another_series_is_recorded():
    found = assess(thing(99.0, role="T2"), protocol(limit()), 1.5)
    assert (found.verdict, found.answered) == (Verdict.NOT_EVALUATED, True)
    assert found.reason == "judged on T1 only"


def test_a_value_without_any_limit_is_recorded():
    found = assess(thing(99.0, name="snr"), protocol(limit()), 1.5)
    assert (found.verdict, found.answered, found.reason) == ("not_evaluated", True, "no limit")


@pytest.mark.parametrize(
    ("name", "role", "answered"),
    [("thing", "T1", False), ("thing", "T2", True), ("snr", "T1", True)],
)
def test_not_measured_is_open_only_where_a_limit_asks(name, role, answered):
    missing = thing(math.nan, name=name, role=role, reason="slice 7 is not in this series")
    found = assess(missing, protocol(limit()), 1.5)
    assert (found.verdict, found.answered) == (Verdict.NOT_EVALUATED, answered)
    assert found.reason == "slice 7 is not in this series"


def test_accuracy_needs_a_third_of_the_limit():
    rule = limit(compares="deviation", action=(-3.0, 3.0), accuracy=True)
    # U = 1.96 u must be at most 1: u = 0.51 is enough, 0.52 is not
    assert verdict(190.0, rule, true=190.0, u=0.51) == "pass"
    found = assess(thing(190.0, true=190.0, u=0.52), protocol(rule), 1.5)
    assert (found.verdict, found.answered) == (Verdict.NOT_EVALUATED, False)
    assert found.reason.startswith("inconclusive: expanded uncertainty 1 mm")
    assert found.reason.endswith("largest part: edge")


def test_accuracy_names_the_reference_where_that_is_the_largest_part():
    rule = limit(compares="deviation", action=(-3.0, 3.0), accuracy=True)
    found = assess(thing(190.0, true=190.0, u=0.1, u_true=0.6), protocol(rule), 1.5)
    assert found.reason.endswith("largest part: reference value")


def test_few_degrees_of_freedom_widen_the_uncertainty():
    rule = limit(compares="deviation", action=(-3.0, 3.0), accuracy=True)
    # Student's t for two degrees of freedom is 4.30: 0.3 becomes 1.29, more than 1
    few = thing(190.0, true=190.0, u=0.3, degrees_of_freedom=2.0)
    assert assess(few, protocol(rule), 1.5).verdict is Verdict.NOT_EVALUATED


@pytest.mark.parametrize(
    ("value", "interval", "said"),
    [
        (2.9, (2.7, 3.1), "limit 3"),
        (3.1, (2.9, 3.3), "limit 3"),
        (2.0, (1.9, 2.1), None),
        (2.9, (2.8, 3.0), None),  # touching is not crossing
    ],
)
def test_a_close_call_says_so(value, interval, said):
    item = thing(value, interval=Interval(low=interval[0], high=interval[1]))
    found = assess(item, protocol(limit()), 1.5)
    assert found.reason == (said and f"close call: the uncertainty reaches across the {said}")


def test_a_close_call_with_the_target():
    rule = limit(tolerance=(87.5, math.inf), action=(85.0, math.inf))
    item = thing(87.6, interval=Interval(low=87.0, high=88.2))
    found = assess(item, protocol(rule), 1.5)
    assert found.verdict == "pass"
    assert found.reason == "close call: the uncertainty reaches across the target 87.5"
