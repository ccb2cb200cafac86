"""A simulated trial: the same for a seed, each fault alone, and off where it is off."""

import dataclasses

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.simulate.trial import TrialDesign, simulate_trial
from qiqa.simulate.trial_design import FAULTS, Circulating, Participants
from qiqa.simulate.trial_faults import GradientFailure

SMALL = TrialDesign(
    sites=12,
    years=3.0,
    participants=Participants(count=100),
    gradient_failure=GradientFailure(after_years=1.0),
)


def made(design, seed=3):
    return simulate_trial(design, np.random.default_rng(seed))


def columns(noun):
    return {
        field.name: getattr(noun, field.name)
        for field in dataclasses.fields(noun)
        if isinstance(getattr(noun, field.name), np.ndarray)
    }


def alike(one, other):
    """Return the names of columns that are the same to the last bit."""
    second = columns(other)
    return {
        name
        for name, column in columns(one).items()
        if np.array_equal(column, second[name], equal_nan=column.dtype.kind == "f")
    }


@pytest.fixture(scope="module")
def trial():
    return made(SMALL)


def test_a_seed_gives_one_trial(trial):
    again, other = made(SMALL), made(SMALL, seed=4)
    for pick in (lambda t: t.readings[0], lambda t: t.participants, lambda t: t.features):
        assert alike(pick(trial), pick(again)) == set(columns(pick(trial)))
    assert "value" not in alike(trial.readings[0], other.readings[0])


def test_nothing_planted_is_nothing_seen():
    quiet = made(SMALL.only())
    (readings,) = quiet.readings
    assert np.allclose(readings.value, readings.reference, rtol=1e-13, atol=0.0)
    assert (readings.standard_uncertainty == 0.0).all()
    people = quiet.participants
    assert np.allclose(people.value, people.true_value, rtol=1e-13, atol=0.0)
    assert np.allclose(quiet.features.value, quiet.features.true_value, rtol=1e-13, atol=0.0)
    assert quiet.truth.errors == ()
    # every month of every scanner, every visit of every participant
    assert len(readings) == 12 * 36 * 13
    assert len(people) == 100 * 4


CHANGES = {
    # what a fault may change of readings, participants, features; all else is the same bits
    "scanner_bias": ({"value", "standard_uncertainty"}, {"value", "standard_uncertainty"}),
    "nonlinearity": ({"value", "standard_uncertainty"}, {"value", "standard_uncertainty"}),
    "repositioning": (set(), {"value", "standard_uncertainty", "position_mm"}),
    "commutability": (set(), {"value", "standard_uncertainty"}),
    "units": ({"value", "standard_uncertainty"}, set()),
    "thermometer": (
        {"reference", "reference_standard_uncertainty", "temperature_degc"},
        set(),
    ),
    "phantom_noise": ({"value", "standard_uncertainty"}, set()),
    "tissue_noise": (set(), {"value", "standard_uncertainty"}),
    "effect": (set(), {"value", "standard_uncertainty", "true_value"}),
    "upgrades": ({"value", "standard_uncertainty", "epoch"}, None),
    "gradient_failure": ({"value", "standard_uncertainty"}, {"value", "standard_uncertainty"}),
    "labels": ({"value", "standard_uncertainty", "at", "phantom_unit"}, set()),
    "feature_bias": (set(), set()),
}


@pytest.mark.parametrize("fault", CHANGES)
def test_a_fault_changes_what_it_is_about_and_nothing_else(trial, fault):
    without = made(SMALL.without(fault))
    of_phantoms, of_people = CHANGES[fault]
    if of_people is None:
        of_people = {"value", "standard_uncertainty", "epoch"}
    pairs = (
        (trial.readings[0], without.readings[0], of_phantoms),
        (trial.participants, without.participants, of_people),
    )
    for one, other, expected in pairs:
        assert set(columns(one)) - alike(one, other) == expected
    assert ("value" in alike(trial.features, without.features)) == (
        fault in ("units", "thermometer", "phantom_noise", "labels")
    )


@pytest.mark.parametrize("fault", ["missed", "opening", "second_scanner"])
def test_what_is_not_done_leaves_the_rest_as_it_was(trial, fault):
    # exams that are entered wrongly are chosen among those that there are
    trial = made(SMALL.without("labels"))
    more = made(SMALL.without("labels", fault))
    for pick in (lambda t: t.readings[0], lambda t: t.participants):
        one, other = pick(trial), pick(more)
        shared, first, second = np.intersect1d(one.row, other.row, return_indices=True)
        assert 0 < len(shared) < max(len(one), len(other)) or fault == "second_scanner"
        if fault == "second_scanner":
            same = one.scanner[first] == other.scanner[second]
            assert same.any()
            first, second = first[same], second[same]
        assert alike(one.take(first), other.take(second)) == set(columns(one))


def test_every_fault_is_tested():
    assert {*CHANGES, "missed", "opening", "second_scanner"} == set(FAULTS)


def test_units_that_travel_change_nothing_else(trial):
    more = made(dataclasses.replace(SMALL, circulating=Circulating(units=2)))
    (readings,) = more.readings
    own = ~np.char.startswith(readings.phantom_unit, "REF")
    assert alike(readings.take(own), trial.readings[0]) == set(columns(readings))
    assert alike(more.participants, trial.participants) == set(columns(trial.participants))
    assert (~own).any()


def test_an_unknown_fault_is_named():
    with pytest.raises(UsageError, match="did you mean 'units'"):
        TrialDesign().without("unit")
