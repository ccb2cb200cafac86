"""Every check of sets: what it may say is declared and documented, and it says the same twice."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.vetting import Action, Needs
from qiqa.vetting import checking

PAGES = Path(__file__).resolve().parents[3] / "docs" / "vetting"
CHECKS = [one for one in checking.checks() if one.needs is Needs.SET]


def rules() -> dict:
    text = resources.files("qiqa.vetting").joinpath("policies/default.toml").read_text("utf-8")
    return tomllib.loads(text)["rules"]


@pytest.fixture
def mixed(series):
    """Return a set with something of everything, in no good order."""
    rng = np.random.default_rng(0)
    n = 240
    site = rng.integers(0, 8, n)
    patient = rng.integers(0, 90, n)
    return series(
        n,
        texts={
            "site": [f"site {i}" for i in site],
            "scanner": [f"scanner {i}" for i in site],
            "manufacturer": [f"maker {i % 3}" for i in site],
            "patient": [f"p{i}" if i else "" for i in patient],
            "label": rng.choice(["ill", "well", ""], n),
            "split": rng.choice(["train", "test"], n),
            "software": rng.choice(["v1", "v2"], n),
            "phase_direction": rng.choice(["ROW", "COL"], n, p=[0.9, 0.1]),
        },
        numbers={"age": rng.uniform(5, 90, n) + site, "tr_ms": rng.choice([500.0, 900.0], n)},
        values=np.exp(rng.normal(size=(n, 3))),
        population={"label": {"ill": 0.1, "well": 0.9}},
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_what_a_check_says_is_declared_finite_and_the_same_twice(check, mixed, defaults):
    module = checking._CHECKS.load(check.name)
    settings = defaults(check)
    if check.name == "predictability":
        settings |= {"models": ("quadratic",), "permutations": 0.0}
    first, second = module.look(mixed, settings), module.look(mixed, settings)
    assert repr(first) == repr(second)
    declared = {reason.code for reason in check.reasons}
    assert {one.code for _, one in first.observations} <= declared
    assert {one.code for one in first.statements} <= declared
    assert all(np.isfinite(one.value) and one.evidence for _, one in first.observations)
    assert all(0 <= row < len(mixed) for row, _ in first.observations)
    # plain numbers and texts only: they are written as JSON
    assert all(type(one.value) is float for _, one in first.observations)
    for one in first.statements:
        assert {type(x) for x in (one.value, one.p, *one.interval)} == {float}
        assert {type(cell) for row in one.rows for cell in row} <= {str}
    # a reason is given where there is no number
    assert all(one.evidence for one in first.statements)
    for one in first.statements:
        assert len({len(row) for row in one.rows}) <= 1


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_code_is_on_the_page_of_its_check(check):
    page = (PAGES / f"{check.name}.md").read_text("utf-8")
    missing = {reason.code for reason in check.reasons if f"`{reason.code}`" not in page}
    assert not missing


def test_rules_are_of_codes_that_there_are_and_have_an_owner_and_a_reason():
    codes = {reason.code for check in CHECKS for reason in check.reasons}
    mine = {code: rule for code, rule in rules().items() if code in codes}
    assert {"outlier_in_scanner", "protocol_departs", "patient_in_several_splits"} <= mine.keys()
    for rule in mine.values():
        assert Action(rule["action"])
        assert rule["owner"]
        assert rule["reason"]
        assert rule["limit"] >= 0


def test_codes_are_of_one_check_each():
    codes = [reason.code for check in checking.checks() for reason in check.reasons]
    assert len(codes) == len(set(codes))
