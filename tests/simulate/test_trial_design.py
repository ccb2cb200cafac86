"""A design of a trial refuses what cannot be simulated, and switches faults one by one."""

import dataclasses
import datetime as dt

import pytest

from qiqa.core.errors import UsageError
from qiqa.simulate.trial_design import FAULTS, Circulating, Participants, Rooms, TrialDesign
from qiqa.simulate.trial_faults import (
    Commutability,
    Effect,
    GradientFailure,
    LabelErrors,
    Nonlinearity,
    ScannerSpread,
    Upgrades,
)


def test_faults_are_switched_one_by_one():
    design = TrialDesign()
    assert {design.dose(fault) for fault in FAULTS} == {1.0}
    assert {f for f in FAULTS if design.without("units", "missed").dose(f)} == {
        *FAULTS
    } - {"units", "missed"}  # fmt: skip
    assert [f for f in FAULTS if design.only("units", "labels").dose(f)] == ["units", "labels"]
    double = design.with_dose("units", 2.0)
    assert double.units == dataclasses.replace(design.units, dose=2.0)
    assert dataclasses.replace(double, units=design.units) == design


@pytest.mark.parametrize("method", ["without", "only"])
def test_a_fault_that_is_none_is_named(method):
    design = TrialDesign()
    if method == "without":
        with pytest.raises(UsageError, match="'upgrade' is no fault of a trial; did you mean"):
            design.without("upgrade")
    with pytest.raises(UsageError, match="'sites' is no fault"):
        design.with_dose("sites", 2.0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sites": 0}, "sites: 0 is outside 1 to"),
        ({"years": 0.5}, "years: 0.5 is outside 1 to 50"),
        ({"years": float("nan")}, "years: nan is outside"),
        ({"start": dt.date(1950, 1, 1)}, "year of the start"),
        ({"bath": "oil"}, "'oil' is not room or ice"),
        ({"participants": Participants(count=0)}, "participants.count"),
        ({"participants": Participants(between_percent=float("inf"))}, "between_percent: inf"),
        ({"participants": Participants(visit_days=(0.0, 5.0, 5.0, 9.0))}, "do not increase"),
        ({"participants": Participants(visit_days=(0.0, 1.0, 2.0, 2e3))}, "days of the last visit"),
        ({"participants": Participants(visit_days=(0.0, 21.0))}, "4 values for 2 visits"),
        ({"circulating": Circulating(units=61)}, "circulating.units: 61 is outside 0 to 60"),
        ({"rooms": Rooms(sd_degc=float("nan"))}, "rooms.sd_degc: nan"),
        ({"rooms": Rooms(percent_per_degc=(2.4,))}, "1 values for 6 contents"),
        ({"commutability": Commutability(share=1.2)}, "commutability.share: 1.2"),
        ({"scanner_bias": ScannerSpread(dose=-1.0)}, "scanner_bias.dose: -1"),
        ({"scanner_bias": ScannerSpread(vendor_slope_percent=(1.0,))}, "1 values for 3 vendors"),
        ({"nonlinearity": Nonlinearity(at_100mm_percent=())}, "0 values for 3 vendors"),
        ({"vendors": ("A", "A", "B")}, "not names that differ"),
        ({"upgrades": Upgrades(vendor="Vendor D")}, "'Vendor D' is no vendor of the trial"),
        ({"upgrades": Upgrades(after_years=(1.0,))}, "one step for each date"),
        ({"gradient_failure": GradientFailure(site=61)}, "gradient_failure.site: 61"),
        ({"labels": LabelErrors(wrong_unit=-1)}, "labels.wrong_unit: -1"),
        ({"effect": Effect(treated_percent=(0.0,))}, "1 values for 4 visits"),
    ],
)
def test_what_cannot_be_simulated_is_refused(changed, said):
    with pytest.raises(UsageError, match=said):
        TrialDesign(**changed)


def test_what_is_switched_off_need_not_fit():
    off = TrialDesign().without("gradient_failure", "upgrades")
    design = dataclasses.replace(
        off, sites=2, gradient_failure=GradientFailure(dose=0.0, site=3),
        upgrades=Upgrades(dose=0.0, vendor="nobody"),
    )  # fmt: skip
    assert design.sites == 2
