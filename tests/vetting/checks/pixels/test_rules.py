"""Every code of the pixel checks has a rule beforehand, with its owner and reason."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import qiqa.vetting
from qiqa.core.vetting import Action
from qiqa.vetting.checks import burned_in, plausibility, quality

REASONS = [r for m in (quality, plausibility, burned_in) for r in m.CHECK.reasons]


@pytest.mark.parametrize("reason", REASONS, ids=lambda r: r.code)
def test_a_rule(reason):
    path = Path(qiqa.vetting.__file__).parent / "policies" / "default.toml"
    rule = tomllib.loads(path.read_text(encoding="utf-8"))["rules"][reason.code]
    assert set(rule) == {"limit", "action", "owner", "reason"}
    assert Action(rule["action"]) is not Action.KEEP
    assert rule["limit"] >= 0
    assert len(rule["reason"]) > 20


def test_codes_are_unique():
    codes = [reason.code for reason in REASONS]
    assert len(codes) == len(set(codes))


def test_nothing_is_told_that_the_rule_would_act_on_below_what_is_told():
    path = Path(qiqa.vetting.__file__).parent / "policies" / "default.toml"
    rules = tomllib.loads(path.read_text(encoding="utf-8"))["rules"]
    told_from = {
        "spikes": "spike_percent",
        "ghosting": "ghost_percent",
        "motion": "motion_ratio",
        "wrap": "wrap_percent",
        "low_snr": "noise_percent",
        "overflow": "overflow_percent",
    }
    defaults = {s.name: s.default for s in quality.CHECK.settings}
    for code, setting in told_from.items():
        assert rules[code]["limit"] >= defaults[setting]
