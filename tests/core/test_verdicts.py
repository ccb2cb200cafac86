"""The verdict on an exam: action, tolerance, an open question, pass, in this order."""

import itertools

import pytest

from qiqa.core.measurement import Assessment, Measurement, Verdict, worst

VALUE = Measurement(name="m", quantity="m", unit="mm", value=1.0)
PASS = Assessment(measurement=VALUE, verdict=Verdict.PASS)
TOLERANCE = Assessment(measurement=VALUE, verdict=Verdict.TOLERANCE)
ACTION = Assessment(measurement=VALUE, verdict=Verdict.ACTION)
RECORDED = Assessment(measurement=VALUE, verdict=Verdict.NOT_EVALUATED)
OPEN = Assessment(measurement=VALUE, verdict=Verdict.NOT_EVALUATED, answered=False)


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ((), Verdict.NOT_EVALUATED),
        ((RECORDED,), Verdict.NOT_EVALUATED),
        ((OPEN,), Verdict.NOT_EVALUATED),
        ((PASS,), Verdict.PASS),
        ((PASS, RECORDED), Verdict.PASS),
        ((PASS, OPEN), Verdict.NOT_EVALUATED),
        ((TOLERANCE, OPEN, PASS), Verdict.TOLERANCE),
        ((TOLERANCE, ACTION, OPEN, PASS), Verdict.ACTION),
    ],
)
def test_worst_in_any_order(items, verdict):
    for order in itertools.permutations(items):
        assert worst(order) is verdict
