"""The page of the study of the rules that watch scanners."""

from __future__ import annotations

import math
from typing import Any

from _evidence import cell, table

_HELD = ("date_held", "size_held")


def _is_step(row: dict[str, Any]) -> bool:
    return row["condition"].startswith(("step", "upgrade"))


def _false(rows: list[dict[str, Any]], rules: list[str]) -> list[list[str]]:
    return [
        [
            row["condition"],
            "none" if row["baseline"] is None else str(row["baseline"]),
            f"{row['a_year']:.2f} ± {row['error']:.2f}",
            *(f"{row['by_rule'].get(rule, 0.0):.2f}" for rule in rules),
        ]
        for row in rows
    ]


def _delay(rows: list[dict[str, Any]]) -> list[list[str]]:
    return [
        [
            row["condition"],
            "none" if row["baseline"] is None else str(row["baseline"]),
            cell(row["median"], "g"),
            f"{100 * row['in_26_weeks']:.0f}",
            f"{100 * row['never']:.0f}",
            ", ".join(f"{k} {v}" for k, v in row["kinds"].items()),
            *(cell(100 * row[key] if _is_step(row) else math.nan, ".0f") for key in _HELD),
        ]
        for row in rows
    ]


def _theory(rows: list[dict[str, Any]]) -> list[list[str]]:
    return [
        [
            row["condition"],
            row["rule"],
            cell(row["theory"], ".1f"),
            f"{row['mean_known']:.1f} ± {row['error_known']:.1f}",
            f"{100 * row['in_26_known']:.0f}",
            f"{100 * row['in_26_weeks']:.0f}",
        ]
        for row in rows
    ]


def report(
    out: dict[str, Any], about: dict[str, Any], aim: float, metrics: int, fault_week: int
) -> list[str]:
    """Return the page: ``aim`` false alarms a year allowed over ``metrics``, fault from a week."""
    rules = sorted({rule for row in out["false"] for rule in row["by_rule"]})
    stamp_line = ", ".join(f"{key} {value}" for key, value in about.items())
    return [
        "# Rules that watch scanners: false alarms and delays",
        "",
        stamp_line,
        "",
        (
            f"Weekly exams from the simulator of histories. The budget is {aim:g} false alarm a "
            f"scanner-year over {metrics} measurements; faults begin in week {fault_week}. "
            "Baseline: `none`, each exam is predicted from all before it; else that many "
            "approved exams just before the watched time. How the rules were chosen: "
            "[decision](../decisions/drift-rules.md)."
        ),
        "",
        "## False alarms a scanner-year",
        "",
        *table(["history", "baseline", "all ± SE", *rules], _false(out["false"], rules)),
        "",
        "## Exams from the fault to the first signal",
        "",
        (
            "`date` and `size`: how often the 95 % interval of a first finding called a step holds "
            "the truth, in %."
        ),
        "",
        *table(
            ["fault", "baseline", "median", "26 weeks, %", "never, %", "called", "date", "size"],
            _delay(out["delay"]),
        ),
        "",
        "## One rule alone, against the theory of run lengths",
        "",
        (
            "`theory` and `known`: mean exams until the signal for scores of a known mean and SD; "
            "`26 weeks`: how many are found by then, of those and of a walk along a history with a "
            "year of exams before, where level, SD and resemblance of exams are learnt."
        ),
        "",
        *table(
            ["fault", "rule", "theory", "known ± SE", "26 weeks, known, %", "walk, %"],
            _theory(out["theory"]),
        ),
    ]
