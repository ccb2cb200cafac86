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
from qiqa.workflows.changing import state_on_the_day

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
