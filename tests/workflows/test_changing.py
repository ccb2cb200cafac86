"""What phantoms say of a scanner on one day."""

import dataclasses
import datetime as dt
import math

import numpy as np
import pytest

from qiqa.core.change import DatedValue
from qiqa.core.errors import UsageError
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.preparing import prepare
from qiqa.workflows.changing import shared_on_the_days, state_on_the_day

FAR = dt.date(2036, 1, 1)


@pytest.fixture
def state(rounds):
    """Return a function from changed readings, a scanner and a day to what is said of it."""

    def call(scanner, day, *, value=1.2, change=lambda r: r, **true):
        given = change(rounds(np.random.default_rng(11), **{"visits": 12, **true}))
        prepared = prepare(given, today=FAR)
        study = study_bias(prepared, None)
        at = dt.datetime.fromisoformat(day)
        asked = DatedValue(value=value, unit="", at=at, scanner=scanner)
        return state_on_the_day(study, prepared.found, asked)

    return call


def step(readings):
    late = (readings.scanner == "S04") & (readings.visit >= 7)
    return dataclasses.replace(readings, value=readings.value * np.where(late, 1.06, 1.0))


def test_bias_range_and_days_to_the_nearest_phantom(state):
    one = state("S02", "2025-01-13", bias={2: 0.05})  # exams on 3 January, 3 April, ...
    assert one.bias_percent == pytest.approx(5.0, abs=1.0)
    assert one.days_to_phantom == 10.0
    assert one.covers
    assert one.phantom_units == {"U"}
    assert one.trouble == ""
    assert one.exam_df >= 11.0  # its own, and what others know of their days


@pytest.mark.parametrize("value", [0.39, 2.01])
def test_values_beyond_the_references_are_not_covered(state, value):
    assert not state("S02", "2025-01-13", value=value).covers


def test_the_bias_is_that_of_the_value(state):
    def tilted(r):
        return dataclasses.replace(r, value=r.value + 0.024 - 0.02 * r.reference)

    low, middle, high = (
        state("S02", "2025-01-13", value=v, change=tilted).bias_percent for v in (0.4, 1.2, 2.0)
    )
    # an offset of 0.024 and a gain of -2 %
    assert low == pytest.approx(4.0, abs=1.0)
    assert high == pytest.approx(-0.8, abs=1.0)
    assert middle == pytest.approx(0.0, abs=0.7)


@pytest.mark.parametrize(
    ("day", "epoch", "trouble"),
    [
        ("2026-06-20", "", ""),  # the last exam before is of 29 June, the step seen on 27 September
        ("2026-08-01", "", "it moved between 2026-06-29 and 2026-09-27"),
        ("2026-09-30", "moved 2026-09-27", ""),
    ],
)
def test_between_the_exams_of_a_move_nothing_is_known(state, day, epoch, trouble):
    one = state("S04", day, change=step)
    assert one.epoch == epoch or trouble
    assert one.trouble.startswith(trouble)
    assert bool(one.trouble) is bool(trouble)


def test_a_stated_change_of_settings_is_no_move(state):
    def upgraded(readings):
        late = readings.visit >= 7
        return dataclasses.replace(step(readings), epoch=np.where(late, "VB", "VA"))

    one = state("S04", "2026-08-01", change=upgraded)
    assert one.trouble == ""
    assert one.epoch == "VA"  # nearer than the first exam of VB


def test_wrong_dates_and_wild_scatter_are_trouble(state):
    def wild(readings):
        noise = np.random.default_rng(3).standard_normal(len(readings))
        own = readings.scanner == "S03"
        return dataclasses.replace(readings, value=readings.value * (1 + 0.08 * noise * own))

    assert state("S03", "2025-01-13", change=wild).trouble.startswith("unstable: ")

    def misdated(readings):
        at = readings.at.copy()
        own = readings.exam == "S03 visit 0"
        at[own] += np.timedelta64(120, "D")
        return dataclasses.replace(readings, at=at)

    assert state("S03", "2025-01-13", change=misdated).trouble.startswith("dates out of order: ")
    assert state("S02", "2025-01-13", change=misdated).trouble == ""


def test_one_exam_has_no_scatter_and_no_uncertainty(state):
    one = state("S02", "2025-01-13", visits=1)
    assert math.isnan(one.exam_sd_percent)
    assert math.isnan(one.bias_u_percent)


def test_a_scanner_without_a_phantom_is_named_with_those_that_have_one(state):
    with pytest.raises(UsageError, match="no phantom was read on 'X'; there is S00, S01"):
        state("X", "2025-01-13")


def test_uncertainty_of_the_bias_is_that_at_the_value(rounds):
    """At the ends as their intervals say, between them as a line along the reciprocal says."""
    readings = rounds(np.random.default_rng(11), visits=12, interaction_sd=0.01, u=0.01)
    u = np.full(len(readings), 0.02)  # 5 % of the lowest reference, 1 % of the highest
    prepared = prepare(dataclasses.replace(readings, reference_standard_uncertainty=u), today=FAR)
    study = study_bias(prepared, None)
    (one,) = [s for s in study.scanners if s.scanner == "S02"]

    def u_at(value):
        at = DatedValue(value=value, unit="", at=dt.datetime(2025, 1, 13), scanner="S02")
        return state_on_the_day(study, prepared.found, at).bias_u_percent

    assert u_at(1.2) == pytest.approx(one.standard_uncertainty, rel=1e-6)
    for value, (low, high) in zip((0.4, 2.0), one.ends_intervals, strict=True):
        assert u_at(value) == pytest.approx((high - low) / 2 / 1.96, rel=0.05)
    assert u_at(0.4) > 2.5 * u_at(1.2)


@pytest.mark.parametrize("common", ["inserts", "unit"])
def test_what_all_scanners_share_cancels_between_two(rounds, common):
    """Inserts of one batch, or the one unit, are off by 3 %: two scanners do not differ by that."""
    differ, said, alone = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        readings = rounds(rng, scanners=6, noise=0.003, exam_sd=0.003)
        size = 5 if common == "inserts" else 1
        off = np.broadcast_to(0.03 * rng.standard_normal(size), 5)
        insert = np.unique(readings.insert, return_inverse=True)[1]
        value = readings.value * (1 + off[insert])
        stated = 0.03 * readings.reference if common == "unit" else readings.reference * 0.0
        prepared = prepare(
            dataclasses.replace(readings, value=value, reference_standard_uncertainty=stated),
            today=FAR,
            keep_flagged=True,
        )
        study = study_bias(prepared, None)
        values = [
            DatedValue(value=1.0, unit="", at=dt.datetime(2025, 1, 13), scanner=s)
            for s in ("S01", "S02")
        ]
        one, two = (state_on_the_day(study, prepared.found, v) for v in values)
        shared = shared_on_the_days(study, (one, two), tuple(values))
        u2 = one.bias_u_percent**2 + two.bias_u_percent**2 - 2 * shared
        differ.append(one.bias_percent - two.bias_percent)
        said.append(u2)
        alone.append(one.bias_u_percent)
    assert np.sqrt(np.mean(said)) == pytest.approx(np.sqrt(np.mean(np.square(differ))), rel=0.4)
    assert np.sqrt(np.mean(said)) < 0.4 * np.mean(alone)


def test_a_step_at_a_change_of_unit_is_trouble(state):
    def changed(readings):
        own = (readings.scanner == "S04") & (readings.visit >= 6)
        return dataclasses.replace(
            readings,
            value=readings.value * np.where(own, 1.05, 1.0),
            phantom_unit=np.where(own, "B", readings.phantom_unit),
        )

    assert state("S04", "2025-01-13", change=changed).trouble.startswith("moved or unit: ")
    assert state("S03", "2025-01-13", change=changed).trouble == ""
