"""Features of a simulated trial: correlated, bent, and changed by scanners as stated."""

import dataclasses

import numpy as np
import pytest

from qiqa.simulate.trial import TrialDesign, simulate_trial
from qiqa.simulate.trial_design import Participants
from qiqa.simulate.trial_faults import FeatureBias

FEW_SITES = TrialDesign(sites=30, years=2.0, participants=Participants(count=1500))


def made(*faults, design=FEW_SITES):
    return simulate_trial(design.only(*faults), np.random.default_rng(8))


@pytest.fixture(scope="module")
def biased():
    return made("feature_bias")


def tables(trial):
    return (trial.features.feature_table(of=kind).values for kind in ("value", "true_value"))


def test_there_are_twenty_for_each_scan(biased):
    table = biased.feature_table("age_years", "visit")
    assert table.values.shape == (len(biased.participants), 20)
    assert table.row.tolist() == biased.participants.row.tolist()
    assert table.batch.tolist() == biased.participants.scanner.tolist()
    assert np.isfinite(table.values).all()
    assert set(table.covariates) == {"age_years", "visit"}


def test_they_are_correlated_but_none_is_another(biased):
    _, true = tables(biased)
    r = np.abs(np.corrcoef(true.T))[np.triu_indices(20, 1)]
    assert r.max() < 0.98
    assert np.median(r) > 0.15
    assert (r > 0.6).sum() > 5


def test_features_follow_the_adc_by_a_line_a_parabola_or_a_saturating_curve():
    # with and without the treatment all else about the same tumors is the same
    one, other = made("effect"), made()
    (_, treated), (_, not_treated) = tables(one), tables(other)
    z, z0 = (np.log(t.participants.true_value / 1.265e-3) / 0.12 for t in (one, other))
    kinds = (z - z0, z - z0 + 0.3 * (z**2 - z0**2), np.tanh(z) - np.tanh(z0))
    assert (np.abs(z - z0) > 0.5).any()
    for feature in range(20):
        change = (treated - not_treated)[:, feature] / 10.0 ** (feature % 4 - 1)
        expected = 0.6 * (-1) ** feature * kinds[feature % 3]
        assert change == pytest.approx(expected, abs=1e-9)


def test_a_scanner_scales_and_shifts_and_bends_every_third(biased):
    seen, true = tables(biased)
    design = FeatureBias()
    shifts, scales, bends = [], [], []
    scale_of = 10.0 ** (np.arange(20) % 4 - 1.0)
    y_true, y_seen = true / scale_of - 5.0, seen / scale_of - 5.0
    for scanner in biased.truth.scanner:
        own = biased.participants.scanner == scanner
        if own.sum() < 10:
            continue
        for feature in range(20):
            x, y = y_true[own, feature], y_seen[own, feature]
            bend, scale, constant = np.polyfit(x, y, 2)
            assert np.abs(np.polyval([bend, scale, constant], x) - y).max() < 1e-9
            shifts.append(constant + bend)
            scales.append(np.log(scale))
            bends.append(bend)
    bends = np.array(bends).reshape(-1, 20)
    n = bends.size
    assert np.abs(np.delete(bends, np.s_[2::3], axis=1)).max() < 1e-9
    assert bends[:, 2::3].std() == pytest.approx(design.bend_sd, rel=4.5 / np.sqrt(n / 1.5))
    assert np.std(shifts) == pytest.approx(design.shift_sd, rel=4.5 / np.sqrt(2 * n))
    assert np.std(scales) == pytest.approx(design.log_scale_sd, rel=4.5 / np.sqrt(2 * n))


def test_what_is_bent_is_not_moved_on_average():
    bent = FeatureBias(shift_sd=0.0, log_scale_sd=0.0, bend_sd=0.3)
    seen, true = tables(
        made("feature_bias", design=dataclasses.replace(FEW_SITES, feature_bias=bent))
    )
    # a feature of SD 1 about 0 has a square of 1 on average
    y = true[:, 2] / 10.0 - 5.0
    off = seen[:, 2] / 10.0 - 5.0 - y
    assert np.abs(off).max() > 0.3
    assert off[np.abs(np.abs(y) - 1.0) < 0.02] == pytest.approx(0.0, abs=0.05)


def test_features_change_with_age():
    young, old = (
        made(design=dataclasses.replace(FEW_SITES, participants=dataclasses.replace(
            FEW_SITES.participants, age_sd_years=sd, adc_per_decade_percent=0.0)))
        for sd in (0.0, 10.0)
    )  # fmt: skip
    (_, same_age), (_, by_age) = tables(young), tables(old)
    age = old.participants.covariates["age_years"]
    expected = 0.15 * (age - 48.0) / 10.0
    for feature in (0, 7, 19):
        change = (by_age - same_age)[:, feature] / 10.0 ** (feature % 4 - 1)
        assert change == pytest.approx(expected, abs=1e-9)


def test_the_bias_of_the_adc_is_in_the_features():
    trial = made("scanner_bias")
    seen, true = tables(trial)
    ratio = np.log(trial.participants.value / trial.participants.true_value) / 0.12
    # a straight feature of scale 0.1: 0.6 for each SD of the ADC's logarithm
    assert (seen - true)[:, 0] == pytest.approx(0.1 * 0.6 * ratio, abs=1e-12)
    assert np.abs(ratio).max() > 0.1


def test_repeats_of_a_feature_scatter_as_stated():
    design = dataclasses.replace(FEW_SITES.only("tissue_noise"))
    trial = simulate_trial(design, np.random.default_rng(8))
    seen, true = tables(trial)
    u = trial.features.standard_uncertainty.reshape(-1, 20)
    # a straight feature: the ADC's scatter of 4.8 % too, 0.4 SD of its logarithm
    off = ((seen - true) / u)[:, [0, 3, 6, 9]]
    assert off.std() == pytest.approx(np.hypot(1.0, 0.6 * 0.4 / 0.25), rel=0.02)
