"""First screen of a data card: why series are not used, where, and what holds of the set."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

from qiqa.core.vet_result import NOT_STATED, VetResult
from qiqa.core.vetting import Action, Needs
from qiqa.report.data_card_pictures import KINDS, actions_bar
from qiqa.report.data_card_set import title_of
from qiqa.report.svg import icon

__all__ = ["answers", "main_reasons", "worst_sites"]

MOST_REASONS = 5
MOST_SITES = 5


def main_reasons(result: VetResult) -> dict[str, Any]:
    """Return the reasons that speak against the most series, and how many more there are."""
    rules = result.policy.rules
    found = [
        one
        for one in result.counts.reasons.values()
        if one.above and rules[one.code].action is not Action.KEEP
    ]
    found.sort(key=lambda one: (-one.above, -rules[one.code].action.rank, one.code))
    shown = [
        {
            "title": title_of(result.reasons.get(one.code), one.code),
            "number": f"{one.above:,}",
            "action": rules[one.code].action.value,
            "kind": KINDS[rules[one.code].action],
            "icon": icon(KINDS[rules[one.code].action]),
        }
        for one in found[:MOST_REASONS]
    ]
    return {"shown": shown, "left": max(len(found) - MOST_REASONS, 0)}


def worst_sites(result: VetResult) -> dict[str, Any]:
    """Return the sites of which the smallest share is used, and the range of the others."""
    by_site: dict[str, collections.Counter[Action]] = {}
    for group in result.counts.groups:
        by_site.setdefault(group.site, collections.Counter()).update(group.actions)
    # of sites that lose the same share the largest first
    ranked = sorted((_used(a), -a.total(), site) for site, a in by_site.items())
    shown = [
        {
            "site": site or NOT_STATED,
            "bar": actions_bar(by_site[site]),
            "used": f"{100 * used:.0f} %",
            "series": f"{-fewer:,}",
        }
        for used, fewer, site in ranked[:MOST_SITES]
    ]
    rest = [used for used, _, _ in ranked[MOST_SITES:]]
    words = ""
    if rest:
        words = f"{len(rest)} more sites: {100 * rest[0]:.0f} to {100 * rest[-1]:.0f} % used"
    return {"shown": shown, "rest": words}


def _used(actions: collections.Counter[Action]) -> float:
    return (actions[Action.KEEP] + actions[Action.CORRECT]) / actions.total()


def answers(claims: Sequence[dict[str, Any]], result: VetResult) -> list[dict[str, str]]:
    """Return one line for each check of the whole set: what weighs most, or why it is silent.

    Parameters
    ----------
    claims
        Blocks of `qiqa.report.data_card_set.claims`, what weighs most first.
    result
        The set.
    """
    first: dict[str, dict[str, Any]] = {}
    for one in claims:
        first.setdefault(one["name"], one)
    made = []
    for check in result.parts.checks:
        why = result.parts.not_run.get(check.name)
        if check.needs is not Needs.SET or (why is None and check.name not in first):
            continue
        if why is not None:
            made.append(_answer("not_evaluated", title_of(None, check.title), "not checked", why))
            continue
        block = first[check.name]
        line = block["lines"][0]
        about = ": ".join(words for words in (line["subject"], line["evidence"]) if words)
        made.append(_answer(line["kind"], block["title"], line["value"], about))
    return made


def _answer(kind: str, title: str, value: str, about: str) -> dict[str, str]:
    return {"kind": kind, "icon": icon(kind), "title": title, "value": value, "about": about}
