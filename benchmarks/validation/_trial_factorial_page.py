"""The page of the study of simulated trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _evidence import cell, table
from _trial_effects import CORRECTIONS, OUTCOMES

__all__ = ["numbers_of_effects", "page"]

Rows = Sequence[dict[str, Any]]
_SHOWN = (
    "none",
    "all",
    "all, ice water",
    "all, 480 participants at 15 sites",
    "all, arm follows vendor (80/20/50 %)",
)
"""Conditions whose coverage and power are shown."""
_ABOUT = {
    "effects": (
        "Treated minus control at visit 2, true effect 7.70 % (100 ln 1.08), or null; by Welch's "
        "t. `change`: of the logarithm from baseline; `cross-section`: of the logarithm at visit "
        "2. The phantom is scanned each quarter; its calibration is applied wherever the tumor "
        "lies, as somebody who insists would do (qiqa refuses beyond the phantom's reach, which is"
        " nearly always in the breast). ComBat: batch scanner, visit and age kept, of the "
        "logarithm of the ADC alone (without empirical Bayes) or together with 20 textures (with "
        "it); scanners with one row are left out, as it refuses them."
    ),
    "left": (
        "What is left of the scanner in single values, noise apart, mean ± SD over values [%]. "
        "What ComBat adds is here too: it takes differences between persons for the scanner's."
    ),
    "bias": (
        "Bias of the effect [%] with its Monte Carlo SE in parentheses. Column `none` is against "
        "the truth; the others are against `none` in the same trials, which tells them apart "
        "far better."
    ),
    "power": (
        "`SD`: of the estimates about the truth; `stated`: mean standard error; `cover`: 95 % "
        "intervals that hold the truth, with and without an effect; `type 1`: null effects called "
        "real at 5 %; `power` at 5 %; `n`: participants that are left."
    ),
}


def _mean_se(x: Sequence[float]) -> tuple[float, float]:
    y = np.array(x, dtype=np.float64)
    y = y[np.isfinite(y)]
    if y.size < 2:
        return math.nan, math.nan
    return float(y.mean()), float(y.std(ddof=1) / math.sqrt(y.size))


def numbers_of_effects(rows: Rows) -> dict[str, Any]:
    """Return bias by condition, and coverage and power of some, from the rows of all runs."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["condition"], row["correction"], row["outcome"]), []).append(row)
    out: dict[str, Any] = {"by_condition": [], "power": []}
    for (condition, correction, outcome), own in groups.items():
        real = [r for r in own if r["dose"]]
        base = [r for r in groups[condition, "none", outcome] if r["dose"]]
        none = correction == "none"
        off = [r["effect"] - (r["truth"] if none else b["effect"]) for r, b in zip(real, base)]  # noqa: B905
        bias, se = _mean_se(off)
        out["by_condition"].append(
            {
                "condition": condition,
                "correction": correction,
                "outcome": outcome,
                "bias": bias,
                "se": se,
                "left_mean": _mean_se([r["left_mean"] for r in real])[0],
                "left_sd": _mean_se([r["left_sd"] for r in real])[0],
                "n": _mean_se([r["n"] for r in real])[0],
            }
        )
    for condition in _SHOWN:
        for outcome in OUTCOMES:
            for correction in CORRECTIONS:
                own = groups[condition, correction, outcome]
                about = {"faults": condition, "outcome": outcome, "correction": correction}
                out["power"].append({**about, **_power(own)})
    return out


def _power(own: Rows) -> dict[str, float]:
    known = [r for r in own if r["effect"] is not None and math.isfinite(r["effect"])]
    real, null = [r for r in known if r["dose"]], [r for r in known if not r["dose"]]
    if not real or not null:
        return {"estimates": len(known)}
    off = np.array([r["effect"] - r["truth"] for r in real])
    return {
        "estimates": len(known),
        "possible": len(own),
        "sd": float(np.sqrt(np.mean(off**2))),
        "stated": float(np.mean([r["se"] for r in real])),
        "cover": float(np.mean([r["low"] <= r["truth"] <= r["high"] for r in known])),
        "type_1": float(np.mean([r["p"] < 0.05 for r in null])),
        "power": float(np.mean([r["p"] < 0.05 for r in real])),
        "n": float(np.mean([r["n"] for r in known])),
    }


def _by_condition(rows: Rows, outcome: str, say: Callable[[dict[str, Any]], str]) -> list[str]:
    own = {(r["condition"], r["correction"]): r for r in rows if r["outcome"] == outcome}
    names = list(dict.fromkeys(r["condition"] for r in rows))
    body = [[name, *(say(own[name, c]) for c in CORRECTIONS)] for name in names]
    return table(["faults", *CORRECTIONS], body)


def _left(row: dict[str, Any]) -> str:
    if math.isnan(row["left_sd"]):
        return ""
    return f"{row['left_mean']:+.1f} ± {row['left_sd']:.1f}"


def _bias(row: dict[str, Any]) -> str:
    return "" if math.isnan(row["bias"]) else f"{row['bias']:+.2f} ({row['se']:.2f})"


def _power_rows(rows: Rows) -> list[list[str]]:
    return [
        [
            r["faults"],
            r["outcome"],
            r["correction"],
            *(cell(r.get(key, math.nan), ".2f") for key in ("sd", "stated")),
            *(cell(100 * r.get(key, math.nan), ".0f") for key in ("cover", "type_1", "power")),
            cell(r.get("n", math.nan), ".0f"),
            f"{r['estimates']}/{r.get('possible', '')}",
        ]
        for r in rows
    ]


def _share(found: float, of: float) -> str:
    return f"{found:.0f}/{of:.0f}"


def _label_rows(rows: Rows) -> list[list[str]]:
    kinds = ("swapped_inserts", "wrong_unit", "wrong_date", "wrong_phantom")
    made = []
    for name in dict.fromkeys(r["condition"] for r in rows):
        own = [r for r in rows if r["condition"] == name]

        def total(part: str, kind: str, own: Rows = own) -> int:
            return sum(r[part].get(kind, 0) for r in own)

        cells = [_share(total("found", k), total("planted", k)) for k in kinds]
        wrong = sum(sum(r["false"].values()) for r in own)
        made.append([name, *cells, _share(wrong, sum(r["exams"] for r in own))])
    return made


def _wrong_rows(rows: Rows) -> list[list[str]]:
    made = []
    for name in dict.fromkeys(r["condition"] for r in rows if "answers" in r):
        own = [r for r in rows if r["condition"] == name and "answers" in r]

        def total(part: str, kind: str, own: Rows = own) -> int:
            return sum(r[part].get(kind, 0) for r in own)

        made.append(
            [
                name,
                *(str(total("answers", k)) for k in ("in", "out", "not_enough_data", "truly out")),
                *(str(total("wrong", k)) for k in ("in", "out")),
            ]
        )
    return made


def _move_rows(rows: Rows) -> list[list[str]]:
    made = []
    for size, ramp, every in dict.fromkeys((r["size"], r["ramp"], r["every"]) for r in rows):
        own = [r for r in rows if (r["size"], r["ramp"], r["every"]) == (size, ramp, every)]
        late = [r["days_late"] for r in own if r["found"]]
        made.append(
            [
                f"{size:g} %" + (f" within {ramp:g} years" if ramp else " at once"),
                every,
                _share(sum(r["found"] for r in own), len(own)),
                f"{np.median(late):.0f} ({min(late):.0f} to {max(late):.0f})" if late else "",
                str(sum(r["false"] for r in own)),
            ]
        )
    return made


def _answer_rows(rows: Rows) -> list[list[str]]:
    made = []
    for key in dict.fromkeys((r["bath"], r["exams"], r["times"]) for r in rows):
        own = [r for r in rows if (r["bath"], r["exams"], r["times"]) == key]
        counts = [sum(r.get(k, 0) for r in own) for k in ("in", "not_enough_data", "out")]
        shares = [f"{100 * c / sum(counts):.0f}" for c in counts]
        made.append([key[0], str(key[1]), f"{key[2]:g}", *shares, str(sum(counts))])
    return made


def page(
    effects: dict[str, Any], named: dict[str, Rows], about: dict[str, Any], words: Sequence[str]
) -> list[str]:
    """Return the page; ``words`` is what a person reads out of the tables."""
    by = effects["by_condition"]
    heads = ["faults", "outcome", "correction", "SD", "stated", "cover", "type 1", "power", "n"]
    answers = ["in", "out", "not enough data", "truly out", "wrong `in`", "wrong `out`"]
    return [
        "# Simulated trials: what is named, and what corrections do to a treatment effect",
        "",
        ", ".join(f"{key} {value}" for key, value in about.items()),
        "",
        (
            "60 sites, 3 vendors, 5 years, 480 participants if all sites were open all the time; "
            "the faults and their sizes are those of `TrialDesign`."
        ),
        "",
        "## What is read out of it",
        "",
        *words,
        "",
        "## Errors of labeling",
        "",
        (
            "Five of each in each trial, a phantom each month. False: flags of labeling at exams "
            "with nothing planted, of all exams."
        ),
        "",
        *table(
            ["trial", "swapped", "unit", "date", "wrong phantom", "false"],
            _label_rows(named["labels"]),
        ),
        "",
        "## Scanners that moved",
        "",
        (
            "One scanner of about 70 fails after 2.5 years, all other faults on. Days from the "
            "begin to the first exam that is called after it: median (range)."
        ),
        "",
        *table(["failure", "phantom each", "named", "days", "false"], _move_rows(named["moves"])),
        "",
        "## Answers against the claim",
        "",
        (
            "Claim 3.6 %; true bias the same over the whole range; unit errors of 1 %, "
            "thermometers 0.5 °C, both stated rightly. Percent of answers."
        ),
        "",
        *table(
            ["bath", "exams", "bias / claim", "in", "not enough data", "out", "scanners"],
            _answer_rows(named["answers"]),
        ),
        "",
        "Whole trials; `truly out`: what readings without noise would be out by.",
        "",
        *table(["trial", *answers], _wrong_rows(named["labels"])),
        "",
        "## Treatment effect",
        "",
        _ABOUT["effects"],
        "",
        _ABOUT["power"],
        "",
        *table([*heads, "estimates"], _power_rows(effects["power"])),
        "",
        "### Error left in values",
        "",
        _ABOUT["left"],
        "",
        *_by_condition(by, "change", _left),
        "",
        "### Bias of the change from baseline",
        "",
        _ABOUT["bias"],
        "",
        *_by_condition(by, "change", _bias),
        "",
        "### Bias of the cross-section",
        "",
        *_by_condition(by, "cross-section", _bias),
    ]
