"""What is planted in the phantoms of a simulated trial is what its design says, by other means."""

import dataclasses

import numpy as np
import pytest

from qiqa.io.definitions import load_phantom
from qiqa.simulate.trial import TrialDesign, simulate_trial
from qiqa.simulate.trial_design import Circulating, Participants, Rooms
from qiqa.simulate.trial_faults import GradientFailure, LabelErrors, Upgrades
from qiqa.simulate.trial_vials import CONTENT_PERCENT, INSERTS, POSITIONS_MM, certified

FEW = Participants(count=1)


def made(design, seed=11):
    return simulate_trial(design, np.random.default_rng(seed))


def relative(trial):
    """Return value over reference, less one, of every reading [%]."""
    (readings,) = trial.readings
    return 100.0 * (readings.value / readings.reference - 1.0)


def small(*faults, sites=6, years=2.0, **others):
    design = TrialDesign(sites=sites, years=years, participants=FEW, **others)
    return design.only(*faults)


def within_sd(values, sd, *, of=4.5):
    """Say whether values scatter about 0 by a normal distribution's SD."""
    n = values.size
    return abs(np.sqrt((values**2).mean()) / sd - 1.0) < of / np.sqrt(2.0 * n)


def test_the_vials_are_those_of_the_phantoms_definition():
    phantom = load_phantom("qiba_diffusion")
    (group,) = phantom.group
    assert group.labels == INSERTS
    assert np.array_equal(group.centers_mm, POSITIONS_MM)
    assert tuple(group.content) == CONTENT_PERCENT
    for bath, degc in (("ice", 0.0), ("room", 20.0)):
        where = {"serial": "128-0155", "field_t": 3.0, "degc": degc}
        of_unit = [phantom.certified("PVP", "adc", name, **where).reference for name in INSERTS]
        assert certified(bath) == pytest.approx([r.value for r in of_unit], rel=1e-12)


def test_between_contents_the_logarithm_is_a_line():
    ends, middle = certified("room", (10.0, 20.0)), certified("room", (15.0,))
    assert middle[0] == pytest.approx(np.sqrt(ends[0] * ends[1]))


def test_units_are_off_by_what_vials_share_and_by_each_vial():
    trial = made(small("units", sites=300, years=1.0))
    by_unit = relative(trial).reshape(300, 12, 13)
    assert np.ptp(by_unit, axis=1).max() < 1e-9  # the same every month
    one = by_unit[:, 0]
    assert within_sd(one.mean(axis=1), np.sqrt(1.0**2 + 0.5**2 / 13))
    own = (one - one.mean(axis=1, keepdims=True)) * np.sqrt(13 / 12)
    assert within_sd(own, 0.5)
    assert one == pytest.approx(100.0 * trial.truth.unit_error, abs=1e-9)
    # 1 % and half a degree of 2.4 %/K, whatever is true
    (readings,) = trial.readings
    per_degc = np.tile(0.024 * certified("room"), 3600)
    claimed = np.hypot(0.01 * readings.reference, 0.5 * per_degc)
    assert readings.reference_standard_uncertainty == pytest.approx(claimed)


def test_a_thermometer_that_reads_too_much_makes_references_too_large():
    trial = made(small("thermometer", sites=300, years=1.0))
    (readings,) = trial.readings
    degrees = readings.temperature_degc.reshape(300, 12, 13)[:, :, 0]
    ratio = (readings.value / readings.reference).reshape(300, 12, 13)
    # value: true temperature; reference: the one that was read
    true = 20.0 + (ratio[:, :, 0] * (1.0 + 0.024 * (degrees - 20.0)) - 1.0) / 0.024
    error = degrees - true
    assert within_sd(error.mean(axis=1), np.hypot(0.5, 0.1 / np.sqrt(12)))
    # read with an SD of 0.1, and to a tenth
    assert error.std(axis=1, ddof=1).mean() == pytest.approx(np.hypot(0.1, 0.1 / np.sqrt(12)), 0.05)
    assert true.mean() == pytest.approx(20.5, abs=4.5 / np.sqrt(300))
    assert np.ptp(ratio, axis=2).max() < 1e-12


def test_in_ice_no_thermometer_matters():
    with_it, without = (
        made(small(*faults, bath="ice")).readings[0] for faults in (("thermometer",), ())
    )
    assert np.array_equal(with_it.reference, without.reference)
    assert (with_it.temperature_degc == 0.0).all()
    assert with_it.reference[:2] == pytest.approx([1.109e-3, 1.109e-3])
    assert with_it.reference.min() == pytest.approx(0.110e-3)
    relative_u = with_it.reference_standard_uncertainty / with_it.reference
    assert relative_u == pytest.approx(0.01)


def test_each_scanner_has_an_offset_and_a_slope_by_vendor():
    trial = made(small("scanner_bias", sites=300, years=1.0))
    (readings,) = trial.readings
    slopes, offsets = [], []
    for scanner in trial.truth.scanner:
        own = readings.take(readings.scanner == scanner)
        # references of exams differ by their temperature, and so lie on one line
        slope, offset = np.polyfit(own.reference, own.value, 1)
        slopes.append(slope - 1.0)
        offsets.append(offset)
    assert slopes == pytest.approx(trial.truth.bias.slope, abs=1e-12)
    assert offsets == pytest.approx(trial.truth.bias.offset, abs=1e-15)
    vendor = np.arange(300) % 3
    for number, (slope, offset) in enumerate([(1.2, 5e-6), (-1.2, -5e-6), (0.0, 0.0)]):
        assert within_sd(100.0 * np.array(slopes)[vendor == number] - slope, 1.5)
        assert within_sd(np.array(offsets)[vendor == number] - offset, 8e-6)


def test_off_center_a_vendor_s_bias_grows_with_the_square():
    trial = made(small("nonlinearity", years=1.0))
    (readings,) = trial.readings
    off = relative(trial)
    # by hand: 8, 4 % at 100 mm along x, y for the first vendor, 11 and 6 % for the third
    expected = {
        ("S01-1", "PVP0-center"): 0.0,
        ("S01-1", "PVP50-outer"): 8.0 * 0.36,
        ("S01-1", "PVP0-outer"): 8.0 * 0.09 + 4.0 * 0.27,
        ("S03-1", "PVP10-inner"): 6.0 * 0.1225,
        ("S03-1", "PVP20-outer"): 11.0 * 0.36,
    }
    for (scanner, insert), percent in expected.items():
        own = off[(readings.scanner == scanner) & (readings.insert == insert)]
        assert own == pytest.approx(percent, abs=1e-3)


def test_exams_scatter_together_and_vials_by_themselves():
    trial = made(small("phantom_noise", sites=30))
    off = relative(trial).reshape(-1, 13)
    (readings,) = trial.readings
    floor = 100.0 * 3e-6 / readings.reference.reshape(-1, 13)
    shared = off.mean(axis=1)
    assert within_sd(shared, np.sqrt(1.0 + (1.0 + (floor**2).mean()) / 13))
    high = off[:, :3]  # water: the floor is 0.15 % of 1
    own = (high - high.mean(axis=1, keepdims=True)) * np.sqrt(3 / 2)
    assert within_sd(own, np.hypot(1.0, 0.15), of=6.0)
    stated = readings.standard_uncertainty.reshape(-1, 13)
    low = np.diff(off[:, 11:], axis=1) / np.sqrt(2.0)  # 50 % PVP: the floor is as large
    assert within_sd(low, np.hypot(1.0, 100.0 * 3e-6 / 0.267e-3), of=5.0)
    true = trial.truth.reading_true_value.reshape(-1, 13)
    assert stated == pytest.approx(np.hypot(0.01 * true, 3e-6))


@pytest.mark.parametrize(("ramp_years", "halfway"), [(0.5, -3.0), (0.0, -6.0)])
def test_one_scanner_fails_on_its_date(ramp_years, halfway):
    failure = GradientFailure(site=4, after_years=1.0, ramp_years=ramp_years)
    trial = made(small("gradient_failure", gradient_failure=failure))
    (readings,) = trial.readings
    days = (readings.at - np.datetime64("2018-01-01")) / np.timedelta64(1, "D")
    off, sick = relative(trial), readings.scanner == "S04-1"
    assert np.abs(off[~sick]).max() < 1e-9
    since = days[sick] - 365.25
    assert np.abs(off[sick][since < 0.0]).max() < 1e-9
    assert off[sick][since > 365.25 * ramp_years] == pytest.approx(-6.0)
    near = np.abs(since - 91.3) < 16.0
    assert near.any()
    if ramp_years:
        assert off[sick][near] == pytest.approx(-6.0 * since[near] / 182.625)
    assert off[sick][near].mean() == pytest.approx(halfway, abs=0.6)


def test_upgrades_come_to_one_vendor_site_after_site_and_new_software_with_them():
    trial = made(small("upgrades", sites=90, years=5.0))
    (readings,) = trial.readings
    off, days = relative(trial), trial.truth.bias.days(readings.at)
    assert (readings.epoch[readings.manufacturer != "Vendor B"] == "SIM 1.0").all()
    # 2.5 % up, then 1.5 % down from there
    steps = {"SIM 1.0": 0.0, "SIM 2.0": 2.5, "SIM 3.0": 100.0 * (1.025 * 0.985 - 1.0)}
    for epoch, percent in steps.items():
        assert off[readings.epoch == epoch] == pytest.approx(percent, abs=1e-9)
    first, second = [], []
    for scanner in np.unique(readings.scanner[readings.manufacturer == "Vendor B"]):
        own = readings.scanner == scanner
        first.append(days[own & (readings.epoch == "SIM 2.0")].min() / 365.25)
        second.append(days[own & (readings.epoch == "SIM 3.0")].min() / 365.25)
    # the first exam with new software is within two months of it
    assert 1.5 < min(first) < 1.7
    assert 2.1 < max(first) < 2.42
    assert np.std(first) == pytest.approx(0.75 / np.sqrt(12.0), rel=0.3)
    assert min(second) > 3.5
    assert max(second) < 4.42


def test_an_upgrade_after_the_end_does_not_come():
    upgrades = Upgrades(after_years=(1.9,), step_percent=(5.0,), stagger_years=3.0)
    trial = made(small("upgrades", sites=30, upgrades=upgrades))
    day = trial.truth.bias.upgrade_day
    assert np.isinf(day).any()
    assert (day[np.isfinite(day)] < 2 * 365.25).all()
    assert trial.truth.bias.epochs(np.arange(30), np.full(30, 1e4)).max() == 1


def test_sites_open_late_or_leave_and_exams_are_missed():
    trial = made(small("opening", sites=1500, years=2.0))
    truth = trial.truth
    late, left = truth.opens_day > 0.0, truth.closes_day < 730.5
    for share, expected in ((late.mean(), 0.25), (left.mean(), 0.15)):
        assert abs(share - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 1500)
    assert truth.opens_day[late].max() < 365.25 < truth.closes_day[left].min()
    assert not late[0]  # where a failure may be planted
    (readings,) = trial.readings
    site = np.searchsorted(truth.site, readings.site)
    day = truth.bias.days(readings.at)
    assert (day >= truth.opens_day[site]).all()
    assert (day < truth.closes_day[site]).all()
    missed = 1.0 - len(made(small("missed", sites=100)).readings[0]) / (100 * 24 * 13)
    assert abs(missed - 0.08) < 4.5 * np.sqrt(0.08 * 0.92 / 2400)


def test_a_dose_of_a_share_is_a_share_of_the_sites():
    design = small(sites=1000, years=1.0).with_dose("second_scanner", 2.0)
    assert abs(len(made(design).truth.scanner) - 1400) < 4.5 * np.sqrt(1000 * 0.24)


def test_wrong_labels_are_where_the_truth_says_and_nowhere_else():
    labels = LabelErrors(swapped_inserts=2, wrong_unit=2, wrong_date=2, wrong_phantom=1)
    trial, clean = made(small("labels", labels=labels)), made(small())
    (readings,), (expected,) = trial.readings, clean.readings
    wrong = {error.exam: error for error in trial.truth.errors}
    assert len(wrong) == 7
    untouched = ~np.isin(readings.exam, list(wrong))
    assert np.array_equal(readings.value[untouched], expected.value[untouched])
    for exam, error in wrong.items():
        rows = np.flatnonzero(readings.exam == exam)
        off = np.flatnonzero(~np.isclose(readings.value[rows], expected.value[rows], rtol=1e-9))
        if error.kind == "swapped_inserts":
            one, other = error.true.split(", ")
            assert set(readings.insert[rows][off]) == {one, other}
            assert np.sort(readings.value[rows]) == pytest.approx(np.sort(expected.value[rows]))
            continue
        assert off.size > 8 if error.kind == "wrong_phantom" else off.size == 0
        if error.kind == "wrong_unit":
            assert set(readings.phantom_unit[rows]) == {error.entered} != {error.true}
            assert error.entered in trial.truth.unit
        if error.kind == "wrong_date":
            assert set(expected.at[rows] - readings.at[rows]) == {np.timedelta64(365, "D")}
            assert str(readings.at[rows[0]])[:10] == error.entered


def test_vials_that_are_exchanged_differ_in_their_contents():
    labels = LabelErrors(swapped_inserts=60, wrong_unit=0, wrong_date=0, wrong_phantom=0)
    errors = made(small("labels", labels=labels)).truth.errors
    assert len(errors) == 60
    content = dict(zip(INSERTS, CONTENT_PERCENT, strict=True))
    for error in errors:
        one, other = error.true.split(", ")
        assert content[one] != content[other]
        assert error.entered == f"{other}, {one}"
    assert len({error.true for error in errors}) > 30


def test_more_errors_than_exams_end_with_the_exams():
    labels = LabelErrors(swapped_inserts=100)
    trial = made(small("labels", sites=1, years=1.0, labels=labels))
    assert len(trial.truth.errors) == 12


def test_units_that_travel_see_every_site_once_a_year_and_take_turns():
    design = small("units", sites=9, years=3.0, circulating=Circulating(units=2))
    (readings,) = made(design).readings
    visits = {}
    seen = np.char.startswith(readings.phantom_unit, "REF") & (readings.insert == "PVP0-center")
    for row in np.flatnonzero(seen).tolist():
        year = int((readings.at[row] - np.datetime64("2018-01-01")).astype(float) / 86400 / 365.25)
        visits.setdefault(readings.site[row], {})[year] = str(readings.phantom_unit[row])
    assert len(visits) == 9
    for years in visits.values():
        assert sorted(years) == [0, 1, 2]
        assert years[0] == years[2] != years[1]
    off = readings.value / readings.reference - 1.0
    for unit in ("REF-1", "REF-2"):
        assert np.ptp(off[readings.phantom_unit == unit]) < 1e-12
    u = np.hypot(0.003 * readings.reference, 0.012 * np.tile(certified("room"), len(off) // 13))
    travels = np.char.startswith(readings.phantom_unit, "REF")
    assert readings.reference_standard_uncertainty[travels] == pytest.approx(u[travels])


def test_vials_may_differ_in_their_change_with_temperature():
    rooms = Rooms(percent_per_degc=(2.6, 2.9, 3.1, 3.8, 3.6, 4.4), mean_degc=23.0)
    (readings,) = made(small(rooms=rooms)).readings
    assert readings.value == pytest.approx(readings.reference, rel=1e-13)
    change = (readings.reference / np.tile(certified("room"), len(readings) // 13) - 1.0) * 100.0
    per_degc = change / (readings.temperature_degc - 20.0)
    warm = np.abs(readings.temperature_degc - 20.0) > 0.5
    for insert, percent in (("PVP0-center", 2.6), ("PVP30-outer", 3.8), ("PVP50-inner", 4.4)):
        assert per_degc[warm & (readings.insert == insert)] == pytest.approx(percent)


def test_the_truth_gives_back_the_bias_of_every_reading():
    trial = made(dataclasses.replace(TrialDesign(participants=FEW), sites=8).without("labels"))
    (readings,), truth = trial.readings, trial.truth
    place = truth.insert_position_mm[
        [truth.insert.tolist().index(name) for name in readings.insert]
    ]
    bias = truth.bias_at(readings.scanner, readings.at, truth.reading_true_value, place)
    assert bias == pytest.approx(truth.reading_bias, abs=1e-15)
    noise = readings.value / (truth.reading_true_value + truth.reading_bias) - 1.0
    assert np.median(np.abs(noise)) == pytest.approx(0.6745 * 0.0145, rel=0.15)
