"""A policy and series for tests of vetting."""

from __future__ import annotations

import datetime as dt

import pytest

from qiqa.core.vetting import Action, PolicyRule, VetPolicy


def rule(code: str, action: Action, limit: float = 0.0) -> PolicyRule:
    return PolicyRule(code=code, limit=limit, action=action, owner="A. Nyman", reason="a test")


@pytest.fixture
def policy() -> VetPolicy:
    rules = (
        rule("slices_missing", Action.REJECT),
        rule("spacing_irregular", Action.QUARANTINE, 2.0),
        rule("map_unit_implausible", Action.CORRECT),
        rule("not_examined", Action.QUARANTINE),
        rule("unreadable", Action.REJECT),
    )
    return VetPolicy(
        name="test",
        purpose="testing",
        owner="A. Nyman",
        decided_on=dt.date(2026, 11, 28),
        rules={one.code: one for one in rules},
        settings={},
    )
