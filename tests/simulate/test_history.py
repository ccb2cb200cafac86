"""Simulated years have the scatter, season and faults that were asked for, and no others."""

import dataclasses
import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.core.errors import UsageError
from qiqa.simulate.history import simulate_history, simulate_series
from qiqa.simulate.history_defaults import default_faults
from qiqa.simulate.history_metrics import ALL, USUAL, Metric
from qiqa.simulate.history_spec import KINDS, Fault, HistorySpec

LENGTH = Metric(name="length", quantity="length", unit="mm", level=190.0, scatter=0.1)
CALM = {
    "phi": 0.0,
    "heavy_fraction": 0.0,
    "temperature_season_degc": 0.0,
    "temperature_sd_degc": 0.0,
    "temperature_between_degc": 0.0,
}


def series(metric=LENGTH, *faults, seed=1, **settings):
    spec = HistorySpec(**{**CALM, "scanners": 1, "metrics": (metric,), "weeks": 520, **settings})
    return simulate_series(spec, faults, np.random.default_rng(seed))


def fleet(*faults, seed=1, **settings):
    spec = HistorySpec(**{"scanners": 3, "weeks": 120, **settings})
    return simulate_history(spec, faults, np.random.default_rng(seed))


def values(history, scanner, name):
    """Return the values of one quantity of one scanner by scheduled week, NaN without a row."""
    index = [m.name for m in history.spec.metrics].index(name)
    own = (history.exam_scanner[history.exam] == scanner - 1) & (history.metric == index)
    found = np.full(history.spec.weeks, np.nan)
    found[history.exam_week[history.exam[own]] - 1] = history.value[own]
    return found


# --- scatter ---------------------------------------------------------------------------------


@pytest.mark.parametrize("phi", [0.0, 0.5, -0.3])
def test_deviations_have_the_sd_and_resemblance_asked_for(phi):
    found = series(weeks=10_000, phi=phi)
    deviation = (found.value - found.level) / 0.1
    assert deviation.mean() == pytest.approx(0.0, abs=4 * math.sqrt((1 + phi) / (1 - phi) / 1e4))
    assert deviation.std() == pytest.approx(1.0, abs=0.04)
    assert np.corrcoef(deviation[1:], deviation[:-1])[0, 1] == pytest.approx(phi, abs=0.04)


def test_the_first_week_scatters_as_the_others():
    found = fleet(scanners=2000, weeks=2, metrics=(LENGTH,), phi=0.8, heavy_fraction=0.0)
    first, second = found.value.reshape(2000, 2).T - 190.0
    assert first.std() == pytest.approx(0.1, rel=0.07)
    assert second.std() == pytest.approx(0.1, rel=0.07)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.8, abs=0.04)


def test_heavy_tails_are_a_mixture_of_two_normals():
    found = series(weeks=10_000, heavy_fraction=0.1, heavy_ratio=5.0)
    deviation = (found.value - found.level) / 0.1
    # (1 - f) 1 + f r² of a mixture; beyond 4 SD of the ordinary ones lie f P(|z| > 4/5) = 4.2 %
    assert deviation.var() == pytest.approx(0.9 + 0.1 * 25, rel=0.15)
    assert np.mean(np.abs(deviation) > 4) == pytest.approx(0.0424, abs=0.008)


def test_scanners_differ_as_asked():
    metric = dataclasses.replace(LENGTH, between=2.0)
    found = fleet(scanners=1000, weeks=1, metrics=(metric,))
    assert found.levels.shape == (1000, 1)
    assert found.levels.std() == pytest.approx(2.0, rel=0.1)
    assert np.abs(found.value - found.levels[:, 0]).max() < 1.0


def test_temperature_has_a_season_and_values_a_slope():
    metric = dataclasses.replace(LENGTH, per_degc=-0.5, scatter=0.01)
    found = series(metric, temperature_season_degc=3.0, temperature_sd_degc=0.4, weeks=1040)
    day = (found.at - found.at.astype("datetime64[Y]")) / np.timedelta64(1, "D")
    july = found.temperature_degc[np.abs(day - 196) < 15].mean()
    january = found.temperature_degc[np.abs(day - 14) < 15].mean()
    # a cosine's mean over 30 days about its top is 0.989 of it
    assert july - january == pytest.approx(2 * 3.0 * 0.989, abs=0.2)
    slope = np.polyfit(found.temperature_degc, found.value, 1)[0]
    assert slope == pytest.approx(-0.5, rel=0.01)
    assert np.array_equal(found.temperature_degc, np.round(found.temperature_degc, 1))


def test_stated_uncertainties_are_near_the_quantity_s():
    metric = dataclasses.replace(LENGTH, standard_uncertainty=0.2)
    u = series(metric).standard_uncertainty
    assert np.median(u) == pytest.approx(0.2, rel=0.03)
    assert 0.05 < np.log(u).std() < 0.15
    assert np.isnan(series(LENGTH).standard_uncertainty).all()


# --- kinds of quantities ---------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    level=st.floats(0.05, 99.95),
    scatter=st.floats(0.0, 50.0),
    ratio=st.floats(1.0, 20.0),
    seed=st.integers(0, 1000),
)
def test_percentages_stay_between_their_bounds(level, scatter, ratio, seed):
    metric = Metric(name="psg", quantity="psg", unit="%", kind="bounded", level=level,
                    scatter=scatter, between=scatter, low=0.0, high=100.0)  # fmt: skip
    spec = HistorySpec(**{**CALM, "scanners": 1, "metrics": (metric,), "weeks": 60,
                          "heavy_fraction": 0.2, "heavy_ratio": ratio})  # fmt: skip
    try:
        found = simulate_series(spec, (), np.random.default_rng(seed))
    except UsageError as error:  # a level that no float tells from its bound
        assert "lies between 0 and 100" in str(error)  # noqa: PT017
        return
    assert ((found.value >= 0.0) & (found.value <= 100.0)).all()


def test_a_percentage_far_from_its_bounds_scatters_as_asked():
    piu = Metric(name="piu", quantity="piu", unit="%", kind="bounded", level=50.0, scatter=0.5,
                 low=0.0, high=100.0)  # fmt: skip
    found = series(piu, weeks=5000)
    assert found.value.std() == pytest.approx(0.5, rel=0.04)
    assert found.value.mean() == pytest.approx(50.0, abs=0.03)


def test_a_percentage_near_its_bound_is_skewed_about_its_median():
    psg = Metric(name="psg", quantity="psg", unit="%", kind="bounded", level=0.1, scatter=0.08,
                 low=0.0, high=100.0)  # fmt: skip
    found = series(psg, weeks=5000).value
    assert np.median(found) == pytest.approx(0.1, rel=0.05)
    assert found.mean() > np.median(found) * 1.2


def test_counts_are_whole_and_stop_at_the_maximum():
    (spokes,) = (m for m in ALL if m.name == "low_contrast_spokes")
    found = series(dataclasses.replace(spokes, level=39.0, between=0.0)).value
    assert np.array_equal(found, np.rint(found))
    assert found.max() == 40.0
    assert found.min() < 38.0


def test_hole_sizes_are_those_of_the_phantom():
    (holes,) = (m for m in ALL if m.name == "high_contrast_resolution_lr")
    assert set(series(holes).value) <= {0.9, 1.0, 1.1}


def test_values_are_rounded_to_their_step():
    found = series(dataclasses.replace(LENGTH, resolution=0.1)).value
    assert {f"{value}" for value in found} <= {f"{n / 10:.1f}" for n in range(1890, 1910)}
    quarter = series(dataclasses.replace(LENGTH, resolution=0.25, scatter=1.0)).value
    assert np.array_equal(4 * quarter, np.rint(4 * quarter))


def test_there_are_sixty_quantities_of_every_kind():
    assert len(ALL) == len({metric.label for metric in ALL}) == 60
    assert len(USUAL) == 12
    assert {m.kind for m in USUAL} == {"continuous", "bounded", "count", "discrete"}


# --- faults ----------------------------------------------------------------------------------


def shift(fault, **settings):
    """Return what a fault adds to a series (520 weeks)."""
    found = series(LENGTH, fault, **settings).value - series(LENGTH, **settings).value
    return np.round(found, 9)


def test_a_step_moves_the_level_from_its_week_on():
    found = shift(Fault(kind="step", week=61, size=-2.0))
    assert (found[:60] == 0).all()
    assert (found[60:] == -0.2).all()


def test_a_step_can_be_in_the_unit_and_end():
    found = shift(Fault(kind="step", week=61, weeks=10, size=1.5, in_sd=False))
    assert np.flatnonzero(found).tolist() == list(range(60, 70))
    assert set(found[60:70]) == {1.5}


def test_a_spike_is_one_week():
    assert np.flatnonzero(shift(Fault(kind="spike", week=61))).tolist() == [60]


def test_a_ramp_climbs_by_its_size_in_a_year_and_stays():
    found = shift(Fault(kind="ramp", week=61, weeks=104, size=1.0, in_sd=False))
    assert (found[:60] == 0).all()
    assert found[59 + 52] == pytest.approx(52 * 7 / 365.25)
    assert found[59 + 104] == pytest.approx(104 * 7 / 365.25)
    assert (found[59 + 104 :] == found[59 + 104]).all()


def test_a_season_is_a_wave_of_a_year():
    found = shift(Fault(kind="season", week=53, size=2.0))
    assert (found[:53] == 0).all()  # it starts at the zero of the wave
    assert found.max() == pytest.approx(0.2, rel=0.01)
    assert found.min() == pytest.approx(-0.2, rel=0.01)
    assert found[52:].mean() == pytest.approx(0.0, abs=0.01)
    assert np.argmax(found[52:104]) == pytest.approx(13, abs=1)


def test_a_variance_fault_stretches_the_deviations():
    before, after = series(LENGTH), series(LENGTH, Fault(kind="variance", week=61, size=3.0))
    assert np.allclose(after.value[60:] - 190, 3 * (before.value[60:] - 190))
    assert np.array_equal(after.value[:60], before.value[:60])


@pytest.mark.parametrize(
    ("kind", "field"), [("upgrade", "exam_software"), ("phantom", "exam_unit")]
)
def test_software_and_phantom_change_for_the_whole_exam(kind, field):
    found = fleet(Fault(kind=kind, scanner=2, name="piu", week=50, size=2.0))
    own = found.exam_scanner == 1
    assert (getattr(found, field)[own] == (found.exam_week[own] >= 50)).all()
    assert (getattr(found, field)[~own] == 0).all()
    change = values(found, 2, "piu") - values(fleet(), 2, "piu")
    assert np.abs(change[:49]).max() == 0
    assert np.median(change[49:]) == pytest.approx(2 * 0.4, rel=0.05)
    assert [fault.name for fault in found.faults] == ["", "piu"]


def test_an_upgrade_starts_an_epoch_of_a_series():
    found = series(LENGTH, Fault(kind="upgrade", week=61))
    assert set(found.epoch[:60]) == {"SIM 1.0, SIM 01 phantom 1"}
    assert set(found.epoch[60:]) == {"SIM 2.0, SIM 01 phantom 1"}


def test_missed_weeks_have_no_exam():
    found = fleet(Fault(kind="missed", scanner=2, week=50, weeks=6))
    weeks = found.exam_week[found.exam_scanner == 1]
    assert sorted(set(range(1, 121)) - set(weeks.tolist())) == list(range(50, 56))
    assert np.array_equal(values(found, 2, "piu")[55:], values(fleet(), 2, "piu")[55:])


def test_a_stopped_quantity_is_not_in_the_exams():
    found = fleet(Fault(kind="stopped", scanner=2, name="piu", week=50))
    assert np.isnan(values(found, 2, "piu")[49:]).all()
    assert len(fleet()) - len(found) == 71
    assert len(found.exam_at) == len(fleet().exam_at)


def test_unmeasured_values_are_nan_with_a_row():
    found = fleet(Fault(kind="unmeasured", scanner=2, name="piu", week=50, weeks=4))
    assert len(found) == len(fleet())
    assert np.isnan(found.value).sum() == 4
    assert np.isnan(found.standard_uncertainty[np.isnan(found.value)]).all()


def test_a_duplicate_is_the_same_exam_listed_again():
    found = fleet(Fault(kind="duplicate", scanner=2, week=50, weeks=2))
    copies = np.flatnonzero(found.exam_copy)
    assert found.exam_week[copies].tolist() == [50, 51]
    assert (found.exam_at[copies] == found.exam_at[copies - 1]).all()
    for copy in copies:
        again, first = (found.value[found.exam == index] for index in (copy, copy - 1))
        assert np.array_equal(again, first)


def test_a_clock_set_back_shows_in_the_times_only():
    found, right = fleet(Fault(kind="clock", scanner=2, week=50, weeks=3, size=-30.0)), fleet()
    wrong = np.flatnonzero(found.exam_at != right.exam_at)
    assert found.exam_week[wrong].tolist() == [50, 51, 52]
    assert (right.exam_at - found.exam_at)[wrong].tolist() == [dt.timedelta(days=30)] * 3
    assert np.array_equal(found.value, right.value)


def test_the_truth_says_scanner_dates_size_and_unit():
    found = fleet(Fault(kind="step", scanner=2, name="piu", week=50, weeks=10, size=-2.0))
    (fault,) = found.faults
    own = found.exam_at[found.exam_scanner == 1]
    assert (fault.scanner, fault.name, fault.kind) == ("SIM 02", "piu", "step")
    assert (fault.first, fault.last) == (own[49].item(), own[58].item())
    assert (fault.first_week, fault.last_week) == (50, 59)
    assert (fault.size, fault.unit, fault.size_sd) == (pytest.approx(-0.8), "%", -2.0)


def test_a_fault_without_a_name_is_to_every_quantity_in_its_own_unit():
    found = fleet(Fault(kind="ramp", scanner=1, week=10, size=1.0))
    assert [fault.name for fault in found.faults] == [m.name for m in USUAL]
    assert {f.name: f.unit for f in found.faults}["piu"] == "%/year"
    assert [f.size for f in found.faults] == [m.scatter for m in USUAL]


def test_a_fault_touches_no_other_scanner_or_quantity():
    found, clean = fleet(Fault(kind="step", scanner=2, name="piu", week=50)), fleet()
    touched = found.value != clean.value
    assert set(found.exam_scanner[found.exam[touched]]) == {1}
    assert {found.spec.metrics[index].name for index in found.metric[touched]} == {"piu"}


def test_more_scanners_leave_the_first_ones_as_they_were():
    few, many = fleet(scanners=2), fleet(scanners=5)
    assert np.array_equal(few.value, many.value[: len(few)])


def test_the_same_seed_gives_the_same_history_and_another_another():
    assert np.array_equal(fleet(seed=3).value, fleet(seed=3).value)
    assert not np.array_equal(fleet(seed=3).value, fleet(seed=4).value)


def test_the_default_faults_show_each_kind_once_and_leave_the_first_scanner():
    spec = HistorySpec()
    faults = default_faults(spec)
    assert [fault.kind for fault in faults] == list(KINDS)
    assert {fault.scanner for fault in faults} == {2, 3, 4, 5, 6}


@pytest.mark.parametrize("scanners", [1, 2, 7])
@pytest.mark.parametrize("weeks", [1, 2, 53, 2000])
@pytest.mark.parametrize("names", [("psg",), ("piu",), ("adc",), ("piu", "psg")])
def test_the_default_faults_fit_any_history(scanners, weeks, names):
    spec = HistorySpec(
        scanners=scanners, weeks=weeks, metrics=tuple(m for m in ALL if m.name in names)
    )
    found = simulate_history(spec, default_faults(spec), np.random.default_rng(2))
    assert {fault.kind for fault in found.faults} == set(KINDS)


def test_a_series_becomes_the_noun_that_rules_take():
    found = series(LENGTH, Fault(kind="clock", week=50, weeks=3, size=-60.0), weeks=100)
    noun = found.as_time_series()
    assert (np.diff(noun.at) >= np.timedelta64(0, "s")).all()
    assert dict(zip(noun.exam, noun.value, strict=True)) == dict(
        zip(found.exam, found.value, strict=True)
    )
    assert noun.covariates == ("temperature_degc",)
    assert noun.covariate_values.shape == (1, 100)
    assert not np.array_equal(noun.exam, found.exam)
