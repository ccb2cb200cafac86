"""What is planted in the participants of a simulated trial is what its design says."""

import dataclasses

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.simulate.trial import TrialDesign, simulate_trial
from qiqa.simulate.trial_design import Participants
from qiqa.simulate.trial_faults import Commutability, Effect, GradientFailure

MANY = TrialDesign(sites=30, years=2.0, participants=Participants(count=2000))
SAME = Effect(individual_percent=0.0)


def people(*faults, design=MANY, **changed):
    design = dataclasses.replace(design.only(*faults), **changed)
    return simulate_trial(design, np.random.default_rng(5))


def by_visit(trial, column="value"):
    """Return a column (p, v) of a trial in which nobody missed a visit."""
    return getattr(trial.participants, column).reshape(-1, 4)


def test_tumors_and_their_people_are_as_in_the_trial():
    trial = people()
    first = trial.participants.take(trial.participants.visit == 1)
    assert len(first) == 2000
    low, high = np.percentile(first.true_value, [2.5, 97.5])
    # 95 % of a lognormal distribution with median 1.265 and 12 %: 1.00 to 1.60
    assert low == pytest.approx(1.00e-3, rel=0.02)
    assert high == pytest.approx(1.60e-3, rel=0.02)
    age = first.covariates["age_years"]
    assert age.mean() == pytest.approx(48.0, abs=4.5 * 10 / np.sqrt(2000))
    assert age.std() == pytest.approx(10.0, rel=0.05)
    slope = np.polyfit(age, np.log(first.true_value), 1)[0]
    assert slope == pytest.approx(-0.001, abs=4.5 * 0.12 / 10 / np.sqrt(2000))
    assert (first.arm == "treated").mean() == pytest.approx(0.5, abs=4.5 * 0.5 / np.sqrt(2000))
    # no position moved a reading: nothing is switched on
    assert np.allclose(first.value, first.true_value, rtol=1e-13)
    side = np.sign(first.position_mm[:, 0])
    assert (side * first.position_mm[:, 0]).mean() == pytest.approx(80.0, abs=1.5)
    assert side.mean() == pytest.approx(0.0, abs=4.5 / np.sqrt(2000))


def test_visits_are_on_their_days():
    trial = people()
    at = by_visit(trial, "at")
    days = (at - at[:, :1]) / np.timedelta64(1, "D")
    assert days.mean(axis=0) == pytest.approx([0.0, 21.0, 84.0, 168.0], abs=0.5)
    assert days[:, 1:].std(axis=0) == pytest.approx([3.0 * np.sqrt(2.0)] * 3, rel=0.06)
    assert at.min() >= np.datetime64("2018-01-01")
    hours = (at - at.astype("datetime64[D]")) / np.timedelta64(1, "h")
    assert 7.0 <= hours.min() < 7.1
    assert 16.9 < hours.max() < 17.0


def test_the_treatment_does_what_it_is_said_to_do():
    trial = people("effect", effect=SAME)
    treated = by_visit(trial, "arm")[:, 0] == "treated"
    change = by_visit(trial) / by_visit(trial)[:, :1]
    common = np.array([1.0, 1.03, 1.12, 1.20])
    assert change[~treated] == pytest.approx(np.tile(common, ((~treated).sum(), 1)))
    both = common * [1.0, 1.08, 1.12, 1.15]
    assert change[treated] == pytest.approx(np.tile(both, (treated.sum(), 1)))
    assert trial.truth.effect_percent == (0.0, 8.0, 12.0, 15.0)
    half = people("effect", design=MANY.with_dose("effect", 0.5), effect=Effect(dose=0.5))
    assert half.truth.effect_percent == (0.0, 4.0, 6.0, 7.5)


def test_without_the_effect_arms_differ_by_chance_alone():
    trial = people()
    treated = by_visit(trial, "arm")[:, 0] == "treated"
    change = np.log(by_visit(trial)[:, 1] / by_visit(trial)[:, 0])
    apart = change[treated].mean() - change[~treated].mean()
    assert abs(apart) < 4.5 * 0.05 * np.sqrt(4 / 2000)
    # people differ by 5 % in how far their tumors change, the same at all later visits
    assert change.std() == pytest.approx(0.05, rel=0.06)
    later = by_visit(trial)[:, 3] / by_visit(trial)[:, 1]
    assert later == pytest.approx(1.20 / 1.03)


def test_repeats_scatter_by_the_within_subject_coefficient_of_variation():
    trial = people("tissue_noise")
    ratio = trial.participants.value / trial.participants.true_value - 1.0
    assert np.sqrt((ratio**2).mean()) == pytest.approx(0.048, rel=4.5 / np.sqrt(2 * 8000))
    stated = trial.participants.standard_uncertainty / trial.participants.value
    assert stated == pytest.approx(0.048)
    assert trial.truth.wcv_percent == 4.8


def test_off_center_the_bias_is_the_vendor_s_and_of_the_place():
    trial = people("nonlinearity", "repositioning")
    values = trial.participants
    at_100mm = {"Vendor A": (8, 4, -12), "Vendor B": (3, 2, -5), "Vendor C": (11, 6, -20)}
    percent = np.array([at_100mm[vendor] for vendor in values.vendor])
    expected = (percent * (values.position_mm / 100.0) ** 2).sum(axis=1)
    assert 100.0 * (values.value / values.true_value - 1.0) == pytest.approx(expected, abs=1e-9)
    # what was found in tumors of four sites: 0.2 to 12 %
    means = [expected[values.vendor == vendor].mean() for vendor in at_100mm]
    assert 0.2 < min(means) < max(means) < 12.0
    places = values.position_mm.reshape(-1, 4, 3)
    moved = places - places.mean(axis=1, keepdims=True)
    assert np.sqrt((moved**2).sum() / (2000 * 3 * 3)) == pytest.approx(12.0, rel=0.03)
    still = people("nonlinearity").participants.position_mm.reshape(-1, 4, 3)
    assert np.ptp(still, axis=1).max() == 0.0


def test_participants_get_a_share_of_what_phantoms_show():
    own = Commutability(share=0.3, tissue_percent=0.0)
    trial = people("scanner_bias", "commutability", commutability=own)
    values = trial.participants
    phantom = trial.truth.bias_at(values.scanner, values.at, values.true_value)
    assert values.value - values.true_value == pytest.approx(0.7 * phantom, abs=1e-15)
    assert np.abs(phantom).max() > 1e-5
    given = trial.truth.bias_at(values.scanner, values.at, values.true_value, of="participant")
    assert given == pytest.approx(trial.truth.participant_bias, abs=1e-15)
    # switched off, they get all of it
    whole = people("scanner_bias").participants
    assert whole.value - whole.true_value == pytest.approx(phantom, abs=1e-15)


def test_some_of_what_participants_get_no_phantom_shows():
    trial = people("commutability", design=dataclasses.replace(MANY, sites=400))
    (readings,) = trial.readings
    assert np.allclose(readings.value, readings.reference, rtol=1e-13)
    ratio = 100.0 * (trial.participants.value / trial.participants.true_value - 1.0)
    by_scanner = np.array([ratio[trial.participants.scanner == s][:1] for s in
                           np.unique(trial.participants.scanner)])  # fmt: skip
    assert np.sqrt((by_scanner**2).mean()) == pytest.approx(0.5, rel=4.5 / np.sqrt(2 * 390))


def test_the_failure_is_in_the_participants_too():
    failure = GradientFailure(site=3, after_years=1.0, ramp_years=0.0, size_percent=-10.0)
    values = people("gradient_failure", gradient_failure=failure).participants
    off = values.value / values.true_value - 1.0
    sick = (values.scanner == "S03-1") & (values.at >= np.datetime64("2019-01-01T06"))
    assert sick.sum() > 30
    assert off[sick] == pytest.approx(-0.1)
    assert np.abs(off[~sick]).max() < 1e-12


def test_some_switch_to_the_second_scanner_of_their_site():
    trial = people("second_scanner", design=dataclasses.replace(MANY, sites=300))
    scanner = by_visit(trial, "scanner")
    site = np.char.partition(scanner, "-")[:, :, 0]
    assert (site == site[:, :1]).all()
    two = {name.split("-")[0] for name in trial.truth.scanner.tolist() if name.endswith("-2")}
    has_two = np.isin(site[:, 0], list(two))
    assert (scanner[~has_two] == scanner[~has_two][:, :1]).all()
    moved = scanner[has_two][:, 1:] != scanner[has_two][:, :1]
    assert moved.mean() == pytest.approx(0.25, abs=4.5 * np.sqrt(0.19 / moved.size))
    n = len(two)
    assert abs(n / 300 - 0.2) < 4.5 * np.sqrt(0.16 / 300)


def test_nobody_is_scanned_where_the_site_is_closed():
    trial = people("opening", "missed", design=dataclasses.replace(MANY, sites=200))
    values, truth = trial.participants, trial.truth
    site = np.searchsorted(truth.site, values.site)
    day = truth.bias.days(values.at)
    assert (day < truth.closes_day[site]).all()
    assert (day >= truth.opens_day[site] - 12.0).all()  # later visits may be some days early
    names = np.unique(values.participant)
    # half of the late quarter and of the leaving 15 % are lost, on average a quarter of the time
    assert 0.85 < len(names) / 2000 < 0.97
    came = len(people("missed").participants) / 8000
    assert came == pytest.approx(0.92, abs=4.5 * np.sqrt(0.0736 / 8000))


def test_sites_enroll_very_differently():
    trial = people(design=dataclasses.replace(MANY, sites=200))
    counts = np.unique(trial.participants.site[::4], return_counts=True)[1]
    counts = np.r_[counts, np.zeros(200 - len(counts))]
    # a gamma distribution of shape 2, and counting
    assert counts.std() / counts.mean() == pytest.approx(np.sqrt(0.5 + 1 / 20), rel=0.25)


def test_doses_beyond_sense_are_refused():
    with pytest.raises(UsageError, match="not above 0"):
        people("nonlinearity", design=MANY.with_dose("nonlinearity", 90.0),
               nonlinearity=MANY.with_dose("nonlinearity", 90.0).nonlinearity)  # fmt: skip
