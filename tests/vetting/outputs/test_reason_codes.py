"""The page of reason codes is that of the checks, and every check has its clauses."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from qiqa.core.regulation import clauses_of
from qiqa.io.policy_file import default_policy_text, parse_policy
from qiqa.workflows.vet_checks import known_checks

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture
def vetting_pages(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("vetting_pages")


def test_the_page_is_that_of_the_script(vetting_pages):
    policy = parse_policy(default_policy_text().encode(), known_checks(), "default.toml")
    # to bring the page up to date: python docs/vetting_pages.py
    page = vetting_pages.page(known_checks(), policy)
    assert vetting_pages.PAGE.read_text(encoding="utf-8") == page


def test_every_code_has_a_row_with_its_rule(vetting_pages, make, policy):
    page = vetting_pages.page(make.checks, policy)
    for check in make.checks:
        for reason in check.reasons:
            (line,) = [one for one in page.splitlines() if one.startswith(f"| `{reason.code}` |")]
            rule = policy.rules.get(reason.code)
            said = f"above {rule.limit:g}: {rule.action}" if rule else "shown only"
            assert f"| {said} |" in line
            assert reason.meaning.rstrip(".") in line


def test_a_bar_does_not_end_a_cell(vetting_pages, make, policy):
    import dataclasses

    reason = dataclasses.replace(make.checks[0].reasons[0], meaning="a | b")
    assert vetting_pages.row(reason, policy).count(" | ") == 4
    assert "A \\| b." in vetting_pages.row(reason, policy)


@pytest.mark.parametrize("check", known_checks(), ids=lambda check: check.name)
def test_every_check_of_our_own_is_evidence_for_something(check):
    # where it belongs is a judgement: qiqa/core/regulation.py
    assert clauses_of(check.name) is not None


def test_no_code_is_said_by_two_checks():
    said = [reason.code for check in known_checks() for reason in check.reasons]
    assert sorted(said) == sorted(set(said))
