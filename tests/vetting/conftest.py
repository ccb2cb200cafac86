"""A policy, and tables of series made for a test."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import Action, PolicyRule, VetPolicy
from qiqa.core.words import Words


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


@pytest.fixture(scope="session")
def series():
    """Return `series(n, texts=..., numbers=..., values=..., ...)`: a table of n series."""

    def make(n, *, texts=None, numbers=None, values=None, dates=None, population=None):
        names = [f"s{i:07d}" for i in range(n)]
        block = np.zeros((n, 0)) if values is None else np.asarray(values)
        return VetTable(
            path=names,
            series_uid=names,
            texts={k: Words.of(map(str, v)) for k, v in (texts or {}).items()},
            numbers={k: np.asarray(v, dtype=float) for k, v in (numbers or {}).items()},
            date=np.full(n, "NaT", "datetime64[D]") if dates is None else dates,
            features=tuple(f"f{j}" for j in range(block.shape[1])),
            values=block.astype(np.float32),
            population=population or {},
        )

    return make


@pytest.fixture(scope="session")
def defaults():
    """Return `defaults(check, **other settings)`."""
    return lambda check, **other: {**{s.name: s.default for s in check.settings}, **other}
