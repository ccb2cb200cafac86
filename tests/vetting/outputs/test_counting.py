"""Counts are those of the rows, and the worst come first."""

from __future__ import annotations

import collections
import dataclasses
import math

import numpy as np
import pytest

from qiqa.core.vet_result import SeriesSeen
from qiqa.core.vetting import Action, Observation
from qiqa.vetting.counting import MOST_SHOWN, count, shown_keys, summarize
from qiqa.workflows.reviewing import JudgedRows


def rows_of(policy, values, code="clipped"):
    series = [
        SeriesSeen(
            path=f"{i:03d}",
            series_uid=f"{i:03d}",
            observations=() if v is None else (Observation(code=code, value=v),),
        )
        for i, v in enumerate(values)
    ]
    return JudgedRows(series, policy, {})


def test_counts_agree_with_the_rows(vetted):
    rows, counts = list(vetted.rows), vetted.counts
    assert counts.series == len(rows) == 500
    assert counts.patients == len({row.patient_hash for row in rows})
    assert counts.actions == {a: sum(r.decision.action is a for r in rows) for a in Action}
    assert sum(group.series for group in counts.groups) == 500
    assert counts.overridden == {vetted.overrides[0].series_uid}
    assert not counts.lapsed
    seen = collections.Counter(c for r in rows for c in {o.code for o in r.observations})
    assert {code: one.seen for code, one in counts.reasons.items()} == dict(seen)
    for code, one in counts.reasons.items():
        assert one.only == sum(row.decision.reasons == (code,) for row in rows)


def test_the_worst_are_largest_first_and_typical_ones_are_in_the_middle(policy):
    values = [float(v) for v in np.random.default_rng(5).permutation(101)]
    found = count(rows_of(policy, values), policy).reasons["clipped"]
    assert [one.value for one in found.worst] == [100.0, 99.0, 98.0, 97.0, 96.0, 95.0]
    # above the limit of 2 are 3 to 100: their median is 51.5
    assert {one.value for one in found.typical} <= set(range(49, 56))
    assert len(found.typical) == MOST_SHOWN
    assert (found.seen, found.above) == (101, 98)


@pytest.mark.parametrize(
    "values", [[math.nan] * 3, [math.inf, 5.0, math.nan], [-math.inf] * 9, [None], [3.0] * 20]
)
def test_odd_values_do_not_raise(policy, values):
    counts = count(rows_of(policy, values), policy)
    shown = [one for r in counts.reasons.values() for one in (*r.worst, *r.typical)]
    assert len(shown) == min(len([v for v in values if v is not None]), 2 * MOST_SHOWN)
    assert len(shown_keys(counts)) == len(shown)


def test_a_code_without_a_rule_is_counted_and_calls_for_nothing(policy):
    counts = count(rows_of(policy, [5.0, 6.0], code="ghosting"), policy)
    assert counts.reasons["ghosting"].seen == 2
    assert counts.reasons["ghosting"].above == 0
    assert counts.actions[Action.KEEP] == 2


def test_the_largest_of_several_observations_counts(policy):
    one = next(iter(rows_of(policy, [1.0]).series))
    several = tuple(Observation(code="clipped", value=v) for v in (math.nan, 3.0, 9.0, 4.0))
    series = [dataclasses.replace(one, observations=several)]
    found = count(JudgedRows(series, policy, {}), policy).reasons["clipped"]
    assert (found.seen, found.above, found.worst[0].value) == (1, 1, 9.0)


def test_summaries_of_features_are_those_of_numpy():
    values = np.array([[1.0, np.nan], [2.0, np.nan], [4.0, np.nan], [np.nan, np.nan]])
    first, second = summarize(("a", "b"), values)
    assert (first.measured, first.missing, first.median) == (3, 1, 2.0)
    assert first.low == pytest.approx(np.percentile([1, 2, 4], 5))
    assert (second.measured, second.missing) == (0, 4)
    assert math.isnan(second.median)
