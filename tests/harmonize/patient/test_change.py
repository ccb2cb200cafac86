"""Two values of a participant: real, cannot tell, or not interpretable."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np
import pytest

from qiqa.core.change import ChangeAnswer, DatedValue, ScannerOnTheDay, Tissue
from qiqa.core.errors import UsageError
from qiqa.harmonize.patient.change import is_it_the_patient
from qiqa.harmonize.patient.tissues import TISSUES

STATE = ScannerOnTheDay(
    scanner="A",
    epoch="1",
    bias_percent=1.0,
    bias_u_percent=0.5,
    bias_df=20.0,
    phantom_units=frozenset({"U1"}),
    exam_sd_percent=0.4,
    exam_df=20.0,
    covers=True,
    days_to_phantom=5.0,
)
OTHER = dataclasses.replace(STATE, scanner="B", bias_percent=-2.0, phantom_units=frozenset({"U2"}))
BREAST, BRAIN = TISSUES["breast"], TISSUES["brain"]


def value(x: float, scanner: str = "A", unit: str = "µm²/s") -> DatedValue:
    return DatedValue(value=x, unit=unit, at=dt.datetime(2026, 3, 1), scanner=scanner)


def ask(a: float, b: float, *, tissue: Tissue = BREAST, states=(STATE, STATE), **more):
    names = [state.scanner for state in states]
    pair = value(a, names[0]), value(b, names[1])
    return is_it_the_patient(*pair, tissue, states, phantom_within_days=60.0, **more)


def test_threshold_on_one_scanner_is_the_repeatability_coefficient():
    quiet = dataclasses.replace(STATE, exam_sd_percent=0.0)
    endless = dataclasses.replace(BREAST, degrees_of_freedom=math.inf)
    found = ask(1.0, 1.1, tissue=endless, states=(quiet, quiet))
    assert found.needed_percent == pytest.approx(2.77 * 4.8, rel=1e-3)  # 13.3 % of ACRIN 6698
    assert found.answer is ChangeAnswer.CANNOT_TELL
    assert ask(1.0, 1.2).answer is ChangeAnswer.REAL


def test_up_and_down_are_the_same():
    up, down = ask(1.0, 1.2), ask(1.2, 1.0)
    assert up.change_percent == pytest.approx(-down.change_percent)
    assert up.probability == pytest.approx(down.probability)


def test_bias_cancels_on_one_scanner_in_one_epoch():
    assert ask(1.0, 1.2).correction_percent == 0.0
    assert "bias" not in " ".join(line.name for line in ask(1.0, 1.2).budget)


def test_difference_of_biases_is_taken_off():
    found = ask(1.0, 1.2, tissue=BRAIN, states=(STATE, OTHER))
    off = 100 * math.log(0.98 / 1.01)  # biases of -2 and +1 %
    assert found.correction_percent == pytest.approx(off)
    assert found.change_percent == pytest.approx(100 * math.log(1.2) - off)
    assert any("taken off" in reason for reason in found.reasons)


def test_what_two_biases_share_cancels():
    apart = ask(1.0, 1.2, tissue=BRAIN, states=(STATE, OTHER))
    together = ask(1.0, 1.2, tissue=BRAIN, states=(STATE, OTHER), shared=0.3**2)
    assert together.standard_uncertainty**2 == pytest.approx(
        apart.standard_uncertainty**2 - 2 * 0.3**2
    )
    # no more than there is
    most = ask(1.0, 1.2, tissue=BRAIN, states=(STATE, OTHER), shared=1.0)
    assert most.standard_uncertainty**2 == pytest.approx(apart.standard_uncertainty**2 - 2 * 0.5**2)


def test_largest_doubt_stands_first():
    found = ask(1.0, 1.2)
    assert "breast repeatability" in found.budget[0].name
    assert sum(line.standard_uncertainty**2 for line in found.budget) == pytest.approx(
        found.standard_uncertainty**2
    )


@pytest.mark.parametrize(
    ("states", "tissue", "said"),
    [
        ((dataclasses.replace(STATE, days_to_phantom=100.0),) * 2, BREAST, "100 days away"),
        ((dataclasses.replace(STATE, days_to_phantom=math.inf),) * 2, BREAST, "there is none"),
        ((STATE, dataclasses.replace(OTHER, bias_percent=math.nan)), BRAIN, "bias of B"),
        ((STATE, dataclasses.replace(STATE, epoch="2", bias_percent=math.nan)), BRAIN, "epoch"),
        ((STATE, OTHER), BREAST, "off-center"),
        ((STATE, dataclasses.replace(OTHER, bias_u_percent=math.nan)), BRAIN, "bias of B"),
        ((dataclasses.replace(STATE, exam_sd_percent=math.nan),) * 2, BRAIN, "what a day does"),
        ((STATE, dataclasses.replace(OTHER, covers=False)), BRAIN, "outside what the phantom"),
        ((STATE, dataclasses.replace(STATE, trouble="drifts")), BREAST, "drifts"),
    ],
)
def test_not_interpretable_says_why(states, tissue, said):
    found = ask(1.0, 1.2, tissue=tissue, states=states)
    assert found.answer is ChangeAnswer.NOT_INTERPRETABLE
    assert math.isnan(found.probability)
    assert math.isnan(found.change_percent)
    assert said in " ".join(found.reasons)


def test_off_center_with_what_is_known_of_it():
    found = ask(1.0, 1.2, states=(STATE, OTHER), position_u_percent=4.0)
    assert found.answer is not ChangeAnswer.NOT_INTERPRETABLE
    assert any(line.name.startswith("off-center") for line in found.budget)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_values_must_be_above_zero(bad):
    with pytest.raises(UsageError, match="above zero"):
        ask(1.0, bad)


def test_units_must_agree():
    pair = value(1.0), value(1.0, unit="mm²/s")
    with pytest.raises(UsageError, match="values are in"):
        is_it_the_patient(*pair, BREAST, (STATE, STATE), phantom_within_days=60.0)


def test_no_change_is_called_real_in_one_of_twenty():
    rng = np.random.default_rng(3)
    draws = 1.0 + 0.01 * rng.standard_normal((4000, 2)) * math.hypot(4.8, 0.4)
    called = sum(ask(*pair).answer is ChangeAnswer.REAL for pair in draws)
    assert called / 4000 == pytest.approx(0.05, abs=0.012)
