"""Counts and tables of the study of planted faults: found, right, accused."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Any

from _evidence import table
from scipy import stats

from qiqa.simulate.set_faults import FAULTS
from qiqa.workflows.vet_checks import known_checks

__all__ = ["accused", "page", "precision", "recall"]

Rows = list[dict[str, Any]]
Pair = tuple[int, int]

SEVERITIES = (0.0, 0.5, 1.0)
IMAGES = {"1, magnitudes": False, "1, maps": True}
"""Severity 1 in magnitude images and in ADC maps, of which less can be looked at."""
_SEVERE = len(SEVERITIES) + len(IMAGES)
NAMED_BY = {fault.kind: set(fault.codes) for fault in FAULTS}
TRUE_OF = {fault.kind: {*fault.codes, *fault.also} for fault in FAULTS}
ACCUSED = (
    ("without a fault, in spoiled sets", "spoiled"),
    ("clean set, makers that rules were looked at with", "clean-known"),
    ("clean set, other makers and sites", "clean-other"),
)
ABOUT = (
    "The default policy, set down before. Severities 0 (hardly there), 0.5 and 1 (gross). In "
    "brackets the exact 95 % interval [%]."
)
FOUND = (
    "All shares together; severity 1 also by kind of image, since in maps ghosts, motion and "
    "spikes are not looked for:"
)
BY_SHARE = (
    "By the share of the series that have each fault, and by whether a series has one fault or "
    "several; all severities together:"
)
BY_CHECK = (
    "What was planted for it, what of that is found by it alone, and for how many of the series "
    "that it does not leave alone it is right, in all and by share:"
)
RIGHT = (
    "A reason is right if it names a fault that the series has, or is true of it all the same (a "
    "copy in another matrix departs from the protocol):"
)


def recall(
    rows: Rows,
    kind: str,
    *,
    dose: float | None = None,
    share: float | None = None,
    alone: bool | None = None,
    maps: bool | None = None,
    codes: set[str] | None = None,
) -> Pair:
    """Return how many series with a fault were found, of how many; a copy and its source are one.

    Parameters
    ----------
    rows
        One a series.
    kind
        The fault.
    dose, share, alone, maps
        Of this severity, in sets of this share, with no other fault beside it (or with others), in
        ADC maps (or in magnitude images); None: of all.
    codes
        Found by one of these; None: by all that name the fault.
    """
    wanted = NAMED_BY[kind] & codes if codes is not None else NAMED_BY[kind]
    by_uid = {(row["set"], row["uid"]): row for row in rows}
    found = planted = 0
    for row in rows:
        if kind not in row["faults"] or (share is not None and row["share"] != share):
            continue
        if dose is not None and row["faults"][kind] != dose:
            continue
        if alone is not None and alone != (len(row["faults"]) == 1):
            continue
        if maps is not None and maps != (row["contrast"] == "adc"):
            continue
        source = by_uid.get((row["set"], row["copy_of"]))
        planted += 1
        found += any(
            one is not None and one["decision"] != "keep" and wanted & set(one["reasons"])
            for one in (row, source)
        )
    return found, planted


def precision(rows: Rows, codes: set[str]) -> Pair:
    """Return for how many series one of some reasons was right, of those that it was said of."""
    right = said = 0
    for row in rows:
        named = codes & set(row["reasons"])
        if row["decision"] == "keep" or not named:
            continue
        said += 1
        # who was copied has the copies' fault too, but not what else is true of the copy
        true = set().union(*(TRUE_OF[k] for k in row["faults"]))
        true |= set().union(*(NAMED_BY[k] for k in row["copied"]))
        right += bool(named & true)
    return right, said


def accused(rows: Rows) -> tuple[int, int, dict[str, int]]:
    """Return how many series without any fault are not kept, of how many, and by which reason."""
    clean = [row for row in rows if not row["faults"] and not row["copied"]]
    wrong = [row for row in clean if row["decision"] != "keep"]
    reasons = collections.Counter(code for row in wrong for code in row["reasons"])
    return len(wrong), len(clean), dict(sorted(reasons.items()))


def counted(pair: Pair) -> str:
    """Return `7 of 9 (40-97)`: with the exact interval (Clopper and Pearson 1934) [%]."""
    hit, of = pair
    if not of:
        return "-"
    low = stats.beta.ppf(0.025, hit, of - hit + 1) if hit else 0.0
    high = stats.beta.ppf(0.975, hit + 1, of - hit) if hit < of else 1.0
    return f"{hit} of {of} ({100 * low:.0f}-{100 * high:.0f})"


def _shares(rows: Rows) -> list[float]:
    return sorted({row["share"] for row in rows if row["share"] > 0})


def _summed(pairs: Iterable[Pair]) -> Pair:
    found = list(pairs)
    return sum(p[0] for p in found), sum(p[1] for p in found)


def _found(rows: Rows) -> tuple[list[list[str]], list[list[str]], dict[str, Any]]:
    """Return what is found by severity, the same by share and company, and the counts."""
    shares = _shares(rows)
    severity, company, counts = [], [], {}
    for fault in FAULTS:
        cases: dict[str, Pair] = {
            **{f"severity {s:g}": recall(rows, fault.kind, dose=s) for s in SEVERITIES},
            **{name: recall(rows, fault.kind, dose=1.0, maps=m) for name, m in IMAGES.items()},
            **{f"{100 * s:g} %": recall(rows, fault.kind, share=s) for s in shares},
            "alone": recall(rows, fault.kind, alone=True),
            "with others": recall(rows, fault.kind, alone=False),
        }
        counts[fault.kind] = cases
        cells = [counted(pair) for pair in cases.values()]
        severity.append([f"`{fault.kind}`", fault.meaning.rstrip("."), *cells[:_SEVERE]])
        company.append([f"`{fault.kind}`", *cells[_SEVERE:]])
    for where in ("pixels", "header", "file", "copy", ""):
        kinds = [f.kind for f in FAULTS if where in ("", f.where)]
        names = list(counts[kinds[0]])[_SEVERE:]
        cells = [counted(_summed(counts[k][name] for k in kinds)) for name in names]
        company.append([f"all of {where}" if where else "all", *cells])
    return severity, company, counts


def _right(
    rows: Rows, named: Iterable[tuple[str, set[str]]]
) -> tuple[list[list[str]], dict[str, Any]]:
    """Return how often reasons were right, in all and by share, and the counts."""
    spoiled = [row for row in rows if row["share"] > 0]
    shares = _shares(rows)
    lines, counts = [], {}
    for name, codes in named:
        cases = {"all": precision(spoiled, codes)}
        for share in shares:
            cases[f"{100 * share:g} %"] = precision(
                [row for row in spoiled if row["share"] == share], codes
            )
        counts[name] = cases
        lines.append([f"`{name}`", *(counted(pair) for pair in cases.values())])
    return lines, counts


def _checks(rows: Rows) -> tuple[list[list[str]], dict[str, Any]]:
    """Return for each check what was planted for it and found by it, and how often it was right."""
    checks = [(c.name, {r.code for r in c.reasons}) for c in known_checks()]
    right, counts = _right(rows, checks)
    lines = []
    for (name, codes), cells in zip(checks, right, strict=True):
        kinds = [f.kind for f in FAULTS if codes & set(f.codes)]
        pairs = [_summed(recall(rows, k, dose=s, codes=codes) for k in kinds) for s in SEVERITIES]
        counts[name]["found"] = dict(zip(map(str, SEVERITIES), pairs, strict=True))
        planted = ", ".join(f"`{kind}`" for kind in kinds) or "nothing"
        lines.append([cells[0], planted, *(counted(pair) for pair in pairs), *cells[1:]])
    return lines, counts


def _accused(rows: Rows) -> tuple[list[list[str]], dict[str, Any]]:
    lines, counts = [], {}
    for words, name in ACCUSED:
        wrong, count, reasons = accused([r for r in rows if r["set"].startswith(name)])
        said = ", ".join(f"{code} {n}" for code, n in reasons.items()) or "-"
        lines.append([words, counted((wrong, count)), f"{100 * wrong / max(count, 1):.2f}", said])
        counts[name] = [wrong, count, reasons]
    return lines, counts


def page(rows: Rows, about: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return the page of evidence and all counts."""
    shares = [f"{100 * s:g} %" for s in _shares(rows)]
    severities = [f"severity {s:g}" for s in SEVERITIES]
    by_severity, by_share, found = _found(rows)
    by_check, checks = _checks(rows)
    codes = sorted({code for row in rows if row["decision"] != "keep" for code in row["reasons"]})
    by_code, reasons = _right(rows, [(code, {code}) for code in codes])
    clean, wrong = _accused(rows)
    lines = [
        "# Vetting: every fault planted",
        "",
        f"{', '.join(f'{k} {v}' for k, v in about.items())}: {len(rows):,} made-up series. {ABOUT}",
        "",
        "## What is found",
        "",
        FOUND,
        "",
        *table(["fault", "what it is", *severities, *IMAGES], by_severity),
        "",
        BY_SHARE,
        "",
        *table(["fault", *shares, "one fault", "several"], by_share),
        "",
        "## Each check",
        "",
        BY_CHECK,
        "",
        *table(["check", "planted", *severities, "right", *shares], by_check),
        "",
        "## Which reasons are right",
        "",
        RIGHT,
        "",
        *table(["reason", "right", *shares], by_code),
        "",
        "## Who is accused without a fault",
        "",
        *table(["series", "not kept", "%", "reasons"], clean),
    ]
    payload = {"about": about, "found": found, "checks": checks, "reasons": reasons}
    return lines, {**payload, "accused": wrong, "series": len(rows)}
