"""What is done follows from the policy alone."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from qiqa.core.vetting import Action, Observation, Override
from qiqa.vetting.deciding import decide

MISSING = Observation(code="slices_missing", value=2.0)
IRREGULAR = Observation(code="spacing_irregular", value=5.0)
UNIT = Observation(code="map_unit_implausible", correction="multiply by 1e-06")
UNRULED = Observation(code="protocol_differs", value=99.0)


def test_nothing_seen_is_kept(policy):
    assert decide([], policy).action is Action.KEEP
    assert decide([UNRULED], policy).reasons == ()


@pytest.mark.parametrize(("value", "action"), [(2.0, Action.KEEP), (2.001, Action.QUARANTINE)])
def test_a_value_at_its_limit_is_kept(policy, value, action):
    assert decide([Observation(code="spacing_irregular", value=value)], policy).action is action


def test_nan_calls_for_nothing(policy):
    assert decide([Observation(code="spacing_irregular", value=float("nan"))], policy).reasons == ()


def test_the_strictest_wins_in_any_order(policy):
    for order in itertools.permutations([UNIT, IRREGULAR, MISSING]):
        made = decide(order, policy)
        assert made.action is Action.REJECT
        assert made.reasons == ("slices_missing", "spacing_irregular", "map_unit_implausible")
        assert made.corrections == ("multiply by 1e-06",)


def test_what_nothing_corrects_is_quarantined(policy):
    assert decide([UNIT], policy).action is Action.CORRECT
    unknown = Observation(code="map_unit_implausible")
    assert decide([unknown], policy).action is Action.QUARANTINE


def test_a_person_wins_and_the_reasons_stay(policy):
    said = Override(
        series_uid="1.2",
        action=Action.KEEP,
        who="B. Holm",
        reason="looked at it",
        at=dt.datetime(2026, 11, 28),
    )
    made = decide([MISSING], policy, said)
    assert made.action is Action.KEEP
    assert made.reasons == ("slices_missing",)
    assert made.override is said
