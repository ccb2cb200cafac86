"""What holds of the set as a whole, laid out: one block a code, what could not be told together."""

from __future__ import annotations

import math
from typing import Any

from qiqa.core.vet_result import VetResult
from qiqa.core.vet_words import number_words, sentence
from qiqa.core.vetting import Action, Check, Reason, SetStatement
from qiqa.report.data_card_pictures import KINDS
from qiqa.report.svg import icon

__all__ = ["claims", "title_of"]

LEAST_LINES = 3
MOST_LINES = 12
"""Lines of a statement that are not folded: those above a limit, as far as they are read."""
MOST_ROWS = 30
"""Rows of a table below a statement; more fill pages that nobody reads."""


def title_of(known: tuple[Check, Reason] | None, code: str) -> str:
    """Return the few words for a code."""
    words = known[1].title if known is not None else code.replace("_", " ")
    return sentence(words).removesuffix(".")


def claims(result: VetResult) -> list[dict[str, Any]]:
    """Return one block for each code that was stated, those above their limit first.

    A block is marked by the worst of its lines; `ruled` says whether the policy has a rule for it.
    """
    by_code: dict[tuple[str, str], list[SetStatement]] = {}
    for name, given in result.parts.statements.items():
        for one in given:
            by_code.setdefault((name, one.code), []).append(one)
    blocks = [_block(*key, found, result) for key, found in by_code.items()]
    return sorted(blocks, key=lambda block: (-block["rank"], not block["ruled"]))


def _block(check: str, code: str, found: list[SetStatement], result: VetResult) -> dict[str, Any]:
    known, rule = result.reasons.get(code), result.policy.rules.get(code)
    called = [one for one in found if result.called_by(one) is not None]
    kinds = [_kind(one, result) for one in found]
    kind = next((k for k in ("pass", "recorded", "not_evaluated") if k in kinds), "recorded")
    if called and rule is not None:
        kind = KINDS[rule.action]
    unit = known[1].unit if known else ""
    answered = [one for one in found if not math.isnan(one.value)]
    yes = not unit and all(one.value == 1.0 for one in answered)
    answered.sort(key=lambda one: -one.value)
    lines = [_line(one, unit, result, yes=yes) for one in answered]
    # what is above a limit is called first: values are sorted
    shown = min(max(len(called), LEAST_LINES), MOST_LINES)
    return {
        "kind": kind,
        "icon": icon(kind),
        "rank": 1 + rule.action.rank if called and rule is not None else 0,
        "ruled": rule is not None,
        "name": check,
        "title": title_of(known, code),
        "meaning": sentence(known[1].meaning) if known else "",
        "limit": f"limit {number_words(rule.limit, unit, 6)}: {rule.action}" if rule else "no rule",
        "lines": lines[:shown] + _open(found),
        "folded": lines[shown:],
    }


def _kind(one: SetStatement, result: VetResult) -> str:
    """Return how a statement is marked; what no rule acts on is only recorded."""
    rule = result.policy.rules.get(one.code)
    if math.isnan(one.value):
        return "not_evaluated"
    if rule is None:
        return "recorded"
    if one.value > rule.limit:
        return "recorded" if rule.action is Action.KEEP else KINDS[rule.action]
    return "pass"


def _line(one: SetStatement, unit: str, result: VetResult, *, yes: bool) -> dict[str, Any]:
    low, high = one.interval
    both = math.isfinite(low) and math.isfinite(high)
    kind = _kind(one, result)
    return {
        "kind": kind,
        "icon": icon(kind),
        "subject": one.subject,
        "value": "yes" if yes else number_words(one.value, unit),
        "interval": f"{number_words(low)} to {number_words(high)}" if both else "",
        "p": f"{one.p:.2g}" if math.isfinite(one.p) else "",
        "evidence": one.evidence,
        "head": one.rows[0] if one.rows else (),
        "rows": one.rows[1 : MOST_ROWS + 1],
        "left": max(len(one.rows) - 1 - MOST_ROWS, 0),
    }


def _open(found: list[SetStatement]) -> list[dict[str, Any]]:
    """Return what could not be told, one line for each cause."""
    causes: dict[str, list[str]] = {}
    for one in found:
        if math.isnan(one.value):
            causes.setdefault(one.evidence, []).append(one.subject)
    return [
        {
            "kind": "not_evaluated",
            "icon": icon("not_evaluated"),
            "subject": "; ".join(subject for subject in subjects if subject),
            "value": "could not be told",
            "interval": "",
            "p": "",
            "evidence": cause,
            "head": (),
            "rows": (),
            "left": 0,
        }
        for cause, subjects in causes.items()
    ]
