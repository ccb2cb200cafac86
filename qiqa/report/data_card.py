"""A vetted set as one HTML page: what can be used, what cannot, why, and by whose rule."""

from __future__ import annotations

import collections
import math
from pathlib import Path
from typing import Any

from qiqa.core.regulation import CAUTIONS, evidence_rows
from qiqa.core.vet_result import NOT_STATED, GroupCount, ReasonCount, VetResult
from qiqa.core.vet_words import (
    counted_words,
    headline,
    number_words,
    sentence,
    set_answer,
    standing_words,
    time_words,
    unchecked,
)
from qiqa.core.vetting import Action, FileNote, PolicyRule, SetStatement
from qiqa.report.data_card_glance import answers, main_reasons, worst_sites
from qiqa.report.data_card_pictures import KINDS, actions_bar, montage
from qiqa.report.data_card_set import claims, title_of
from qiqa.report.files import write_whole
from qiqa.report.html import environment, load_text
from qiqa.report.svg import icon
from qiqa.report.text import short_hash

__all__ = ["CARD", "render_card", "write_card"]

CARD = "card.html"
MOST_GROUPS = 60
"""Scanners in the table; more fill pages that nobody reads, the manifest has them all."""
MOST_SAID = 4
"""Values of the whole set in one cell."""
MOST_CORRECTIONS = 30
"""Corrections in the table; the manifest has those of every series."""
MOST_EXAMPLES = 3
"""Findings in words below the pictures of one reason."""
LIMITS = (
    (
        "A series that is kept was not found at fault by the checks that were run. It may be at "
        "fault in ways that no check looks for."
    ),
    (
        "Labels, reference readings and diagnoses are not judged: nothing here looks at whether "
        "they are true."
    ),
    (
        "Rules are decisions of their owners, not of qiqa; a default rule was written for no "
        "purpose in particular."
    ),
    "Thumbnails are for orientation, not for reading: one slice, few pixels, gray values spread.",
)


def write_card(result: VetResult, folder: Path) -> Path:
    """Write `card.html` and return its path.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    return write_whole(folder / CARD, render_card(result).encode("utf-8"))


def render_card(result: VetResult) -> str:
    """Return the page as text; nothing in it is looked at or decided again."""
    kind = _overall(result)
    parts, counts = result.parts, result.counts
    said = claims(result)
    return (
        environment()
        .get_template("data_card.html")
        .render(
            style=load_text("qc.css") + load_text("data_card.css"),
            title=parts.about.name or "Data card",
            kind=kind,
            icon=icon(kind),
            words=headline(result),
            answer=set_answer(result),
            bar=actions_bar(counts.actions, wide=True),
            actions=[(a.value, KINDS[a], icon(KINDS[a]), f"{counts.actions[a]:,}") for a in Action],
            facts=_facts(result),
            main_reasons=main_reasons(result),
            worst_sites=worst_sites(result),
            answers=answers(said, result),
            claims=said,
            rules=_rules(result),
            groups=[_group(one) for one in _shown_groups(counts.groups)],
            groups_left=max(len(counts.groups) - MOST_GROUPS, 0),
            reasons=_reasons(result),
            corrections=list(counts.corrections.items())[:MOST_CORRECTIONS],
            corrections_left=max(len(counts.corrections) - MOST_CORRECTIONS, 0),
            files=_files(parts.notes),
            unchecked=unchecked(result),
            policy=result.policy,
            changes=[(time_words(one.at), one) for one in result.policy.changes],
            overrides=_overrides(result),
            features=[_feature(one) for one in parts.features],
            regulation=evidence_rows(result),
            cautions=CAUTIONS,
            limits=LIMITS,
            provenance=_provenance(result),
        )
    )


def _overall(result: VetResult) -> str:
    """Return the kind of the headline: the worst of set and series."""
    rules = [
        rule
        for given in result.parts.statements.values()
        for one in given
        if (rule := result.called_by(one)) is not None
    ]
    worst = [rule.action for rule in rules]
    worst += [action for action, number in result.counts.actions.items() if number]
    if not result.counts.series:
        return "not_evaluated"
    return KINDS[max(worst, key=lambda action: action.rank)]


def _facts(result: VetResult) -> list[tuple[str, str]]:
    counts, provenance = result.counts, result.parts.provenance
    most_first = sorted(counts.modalities.items(), key=lambda one: (-one[1], one[0]))
    modalities = ", ".join(f"{name or NOT_STATED} {number:,}" for name, number in most_first)
    sites = {group.site for group in counts.groups if group.site}
    scanners = {group.scanner for group in counts.groups if group.scanner}
    return [
        ("Series", f"{counts.series:,}"),
        ("Patients", f"{counts.patients:,}" if counts.patients else "not known"),
        ("Sites", str(len(sites) or NOT_STATED)),
        ("Scanners", str(len(scanners) or NOT_STATED)),
        ("Modality", modalities or NOT_STATED),
        ("Policy", f"{result.policy.name}, {result.policy.decided_on:%Y-%m-%d}"),
        ("Images read", time_words(provenance.at)),
        ("From", ", ".join(provenance.inputs) or NOT_STATED),
    ]


def _rules(result: VetResult) -> list[dict[str, Any]]:
    """Return every rule of the policy with what it found, those that were called first."""
    made = [_rule(rule, result) for rule in result.policy.rules.values()]
    return sorted(made, key=lambda one: (-one["rank"], -one["above"], one["code"]))


def _rule(rule: PolicyRule, result: VetResult) -> dict[str, Any]:
    known = result.reasons.get(rule.code)
    counted = result.counts.reasons.get(rule.code)
    given = [
        one
        for statements in result.parts.statements.values()
        for one in statements
        if one.code == rule.code
    ]
    above = counted.above if counted else sum(one.value > rule.limit for one in given)
    off = not above and result.not_looked_for(rule.code)
    untold = bool(given) and all(math.isnan(one.value) for one in given)
    kind = "not_evaluated" if off or untold else "pass"
    if above:
        kind = "recorded" if rule.action is Action.KEEP else KINDS[rule.action]
    return {
        "code": rule.code,
        "title": title_of(known, rule.code),
        "limit": number_words(rule.limit, known[1].unit if known else "", 6),
        "action": rule.action.value,
        "owner": rule.owner,
        "reason": rule.reason,
        "found": "not checked" if off else _found(counted, given, result.counts.series),
        "above": above,
        "rank": rule.action.rank + 1 if above else 0,
        "kind": kind,
        "icon": icon(kind),
    }


def _found(counted: ReasonCount | None, given: list[SetStatement], series: int) -> str:
    """Return what one rule met: series above and below its limit, or values of the whole set."""
    if given:
        said = [f"{one.subject or 'set'}: {number_words(one.value)}" for one in given[:MOST_SAID]]
        said += [f"{len(given) - MOST_SAID} more"] if len(given) > MOST_SAID else []
        return "; ".join(said)
    if counted is None:
        return f"0 of {series:,} series"
    below = counted.seen - counted.above
    words = f"{counted.above:,} of {series:,} series"
    return f"{words}, {below:,} not above the limit" if below else words


def _shown_groups(groups: tuple[GroupCount, ...]) -> list[GroupCount]:
    """Return the scanners of the table: all, or those with the most series that are not used."""
    if len(groups) <= MOST_GROUPS:
        return list(groups)

    def lost(one: GroupCount) -> int:
        return one.actions[Action.QUARANTINE] + one.actions[Action.REJECT]

    worst = sorted(groups, key=lambda one: (-lost(one), one.site, one.scanner))[:MOST_GROUPS]
    return sorted(worst, key=lambda one: (one.site, one.scanner))


def _group(one: GroupCount) -> dict[str, Any]:
    used = one.actions[Action.KEEP] + one.actions[Action.CORRECT]
    return {
        "site": one.site or NOT_STATED,
        "scanner": one.scanner or NOT_STATED,
        "series": f"{one.series:,}",
        "used": f"{100 * used / one.series:.0f} %",
        "bar": actions_bar(one.actions),
        "numbers": [f"{one.actions[action]:,}" for action in Action],
    }


def _reasons(result: VetResult) -> list[dict[str, Any]]:
    """Return what was found above a limit, the strictest action first."""
    found = [one for one in result.counts.reasons.values() if one.above]
    found.sort(key=lambda one: (-result.policy.rules[one.code].action.rank, -one.above, one.code))
    return [_reason(one, result) for one in found]


def _reason(one: ReasonCount, result: VetResult) -> dict[str, Any]:
    known = result.reasons.get(one.code)
    rule = result.policy.rules[one.code]
    unit = known[1].unit if known else ""
    plain = not unit and not rule.limit
    kind = "recorded" if rule.action is Action.KEEP else KINDS[rule.action]
    limit = "" if plain else f" above {number_words(rule.limit, unit, 6)}"
    alone = f"; nothing else speaks against {one.only:,} of them" if one.only else ""
    said = dict.fromkeys((s.evidence, s.site or NOT_STATED) for s in one.worst if s.evidence)
    return {
        "code": one.code,
        "title": title_of(known, one.code),
        "meaning": sentence(known[1].meaning) if known else "",
        "kind": kind,
        "icon": icon(kind),
        "count": f"{counted_words(one.above, 'series', 'series')}{limit}{alone}",
        "action": rule.action.value,
        "strips": _strips(one, result, unit),
        "examples": list(said)[:MOST_EXAMPLES],
    }


def _strips(
    one: ReasonCount, result: VetResult, unit: str
) -> list[tuple[str, list[dict[str, str]]]]:
    """Return rows of pictures; where all values are the same none is worse than another."""
    worst, typical = (montage(shown, result, unit) for shown in (one.worst, one.typical))
    if len({shown.value for shown in (*one.worst, *one.typical)}) == 1:
        return [("Examples", worst + typical)]
    return [("Worst", worst), ("Typical", typical)]


def _files(notes: tuple[FileNote, ...]) -> list[tuple[str, int, str]]:
    """Return each kind of other file, how many there are, and their size."""
    number: collections.Counter[str] = collections.Counter()
    size: collections.Counter[str] = collections.Counter()
    for note in notes:
        number[note.kind] += 1
        size[note.kind] += note.size
    return [(kind, n, _bytes(size[kind])) for kind, n in sorted(number.items())]


def _bytes(size: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size = round(size / 1000)
    return f"{size} {unit}"


def _overrides(result: VetResult) -> list[dict[str, str]]:
    made = [
        {
            "series": one.series_uid,
            "action": one.action.value,
            "kind": KINDS[one.action],
            "who": one.who,
            "at": time_words(one.at),
            "reason": one.reason,
            "stands": words,
        }
        for one, words in zip(result.overrides, standing_words(result), strict=True)
    ]
    return made[::-1]


def _feature(one: Any) -> dict[str, Any]:
    known = one.measured > 0
    return {
        "name": one.name,
        "measured": one.measured,
        "missing": one.missing,
        "low": number_words(one.low) if known else "",
        "median": number_words(one.median) if known else "not measured",
        "high": number_words(one.high) if known else "",
    }


def _provenance(result: VetResult) -> list[tuple[str, str]]:
    made, about = result.parts.provenance, result.parts.about
    return [
        ("Made by", f"qiqa {made.qiqa_version}"),
        ("Images read", time_words(made.at)),
        ("Decided", time_words(made.judged_at)),
        ("Policy SHA-256", short_hash(result.policy.sha256) or NOT_STATED),
        *((f"{one.role.capitalize()} {one.name}", short_hash(one.sha256)) for one in made.files),
        ("Fingerprint of the key", made.key_fingerprint or NOT_STATED),
        ("Creator", about.creator or NOT_STATED),
        ("License", about.license or NOT_STATED),
    ]
