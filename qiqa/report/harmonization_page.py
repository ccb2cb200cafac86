"""Whether a harmonization worked, as one HTML file for a reviewer. No network, no script."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from qiqa.core.diagnosis import FeatureTests, HarmonizationDiagnosis, Predictability, SiteAnswer
from qiqa.report.files import write_whole
from qiqa.report.harmonization_figures import Group, Mark, intervals, ranges
from qiqa.report.html import environment, load_text
from qiqa.report.numbers import DASH, plain_number
from qiqa.report.svg import icon

__all__ = ["render_harmonization", "write_harmonization"]

_MOST_ROWS = 25
"""Features in the open table; the others are folded."""
_MODELS = {
    "linear": "linear: logistic regression",
    "quadratic": "quadratic: covariances",
    "trees": "trees: any shape",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRow:
    """One feature as texts."""

    name: str
    lost: str
    epsilon: tuple[str, str]
    additive: tuple[str, str]
    multiplicative: tuple[str, str]
    ratio: tuple[str, str]
    rank: str
    injected: str


def write_harmonization(diagnosis: HarmonizationDiagnosis, path: Path) -> Path:
    """Write the page and return its path.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    return write_whole(path, render_harmonization(diagnosis).encode("utf-8"))


def render_harmonization(diagnosis: HarmonizationDiagnosis) -> str:
    """Return the page as text; nothing is computed or judged again."""
    rows = _feature_rows(diagnosis)
    kind = _kind(diagnosis)
    return (
        environment()
        .get_template("harmonization.html")
        .render(
            style=load_text("qc.css") + load_text("drift.css") + load_text("harmonization.css"),
            kind=kind,
            icon=icon(kind),
            d=diagnosis,
            facts=_facts(diagnosis),
            auc=_auc_figure(diagnosis),
            cost=_cost_figure(diagnosis),
            cost_words=_cost_words(diagnosis),
            each=_batch_figure(diagnosis),
            shares=_shares(diagnosis),
            rows=rows[:_MOST_ROWS],
            rest=rows[_MOST_ROWS:],
            kept=_kept_rows(diagnosis),
            refitted=all(one.refitted for one in diagnosis.after),
        )
    )


def _kind(d: HarmonizationDiagnosis) -> str:
    if d.answer is SiteAnswer.STILL_SEEN:
        return "action"
    if d.answer is SiteAnswer.CANNOT_TELL:
        return "not_evaluated"
    return "tolerance" if d.over_corrected else "pass"


def _facts(d: HarmonizationDiagnosis) -> list[tuple[str, str]]:
    sizes = [size for _, size in d.batches]
    spread = f"{min(sizes)} to {max(sizes)}" if min(sizes) < max(sizes) else f"{max(sizes)}"
    made = [
        (f"Batches ({d.batch_name})", f"{len(sizes)}, {spread} subjects each"),
        ("Subjects, rows", f"{d.subjects}, {d.rows}"),
        ("Features", str(d.features)),
        ("Effect that must stay", d.interest or "none named"),
    ]
    return [("Harmonization", d.method), *made] if d.method else made


def _auc_figure(d: HarmonizationDiagnosis) -> str:
    refitted = all(one.refitted for one in d.after)
    kinds = [("before", d.before, "h-before")]
    if refitted:
        kinds.append(("after", d.after, "h-after"))
    kinds.append(("after, all rows", d.after_all_rows, "h-naive"))
    groups = []
    for k, one in enumerate(d.after):
        marks = tuple(
            _auc_mark(name, found[k], css) for name, found, css in kinds if k < len(found)
        )
        groups.append(Group(title=_MODELS.get(one.model, one.model), marks=marks))
    return intervals(
        groups,
        (0.0, 1.0),
        f"AUC for telling the {d.batch_name} of a held-out subject",
        ((0.5, "chance"), (0.6, "0.6")),
        (0.5, 0.6),
        "AUC of each model before and after, with 95 % intervals",
    )


def _auc_mark(name: str, one: Predictability, css: str) -> Mark:
    words = DASH
    if math.isfinite(one.auc):
        words = f"{one.auc:.3f} [{one.interval[0]:.3f}, {one.interval[1]:.3f}]"
    low, high = one.interval
    return Mark(name=name, value=one.auc, low=low, high=high, css=css, words=words)


def _cost_figure(d: HarmonizationDiagnosis) -> str:
    marks = []
    if d.injected is not None and d.injected.draws:
        i = d.injected
        marks.append(_share_mark("added: over scatter", i.share_of_scatter,
                                 i.share_of_scatter_interval))  # fmt: skip
        marks.append(_share_mark("added: in its unit", i.share, i.share_interval))
    if d.interest and math.isfinite(d.kept_share):
        marks.append(_share_mark(d.interest[:20], d.kept_share, d.kept_interval))
    if not marks:
        return ""
    return intervals(
        [Group(title="What came through of an effect", marks=tuple(marks))],
        (0.0, 200.0),
        "share of what was there before, %",
        ((100.0, "all of it"),),
        (90.0, 110.0),
        "Share of effects that came through, with 95 % intervals",
    )


def _share_mark(name: str, share: float, ends: tuple[float, float]) -> Mark:
    low, high = (100.0 * end for end in ends)
    words = f"{100.0 * share:.0f} % [{low:.0f}, {high:.0f}]"
    return Mark(name=name, value=100.0 * share, low=low, high=high, css="h-cost", words=words)


def _cost_words(d: HarmonizationDiagnosis) -> list[str]:
    made = []
    if d.injected is None:
        made.append("No effect was added and no placebo tried: that needs the function that fits.")
    elif d.injected.reason:
        made.append(f"No effect was added: {d.injected.reason}.")
    else:
        low, high = d.injected.batch_range
        made.append(
            f"Added: {d.injected.size_sd:g} SD to a random half of the subjects of each "
            f"{d.batch_name}, {d.injected.draws} times. In the unit of the feature "
            f"{100 * low:.0f} % came through where least did, {100 * high:.0f} % where most. "
            "Over 100 % over scatter: wide batches no longer drown the others."
        )
    if d.injected is not None and not d.over_corrected:
        made.append("No sign of over-correction.")
    if d.interest and not math.isfinite(d.kept_share):
        made.append(f"No feature had an effect of {d.interest} before (q < 0.05).")
    if d.placebo is not None:
        p = d.placebo
        made.append(
            f"Placebo: {p.reason}."
            if p.reason
            else f"Placebo: random halves of {p.batch} ({p.subjects} subjects), where there is "
            f"nothing to correct, were moved by {p.correction_sd:.2f} SD (chance alone: "
            f"{p.by_chance_sd:.2f}); the true batches by {p.real_correction_sd:.2f} SD."
        )
    ranks = [middle for _, middle, _ in d.rank_kept if math.isfinite(middle)]
    if ranks:
        made.append(
            f"Order within a {d.batch_name} (Spearman before and after, median over batches): "
            f"{min(ranks):.3f} in the worst feature, 1 is unchanged."
        )
    return made


def _batch_figure(d: HarmonizationDiagnosis) -> str:
    if not d.after or not d.after[0].batches:
        return ""
    by_model = [{b.batch: b.auc for b in one.batches} for one in d.after]
    names = sorted(by_model[0], key=lambda name: -max(m.get(name, 0.0) for m in by_model))
    sizes = dict(d.batches)
    rows = [
        (name, f"{sizes.get(name, 0)} subjects", [m.get(name, math.nan) for m in by_model])
        for name in names
    ]
    return ranges(rows, [f"h-{one.model}" for one in d.after], "AUC of each batch after")


def _shares(d: HarmonizationDiagnosis) -> list[tuple[str, str, str]]:
    """Return what was tested, and the share of features with q < 0.05 before and after."""
    kinds = (
        ("Level (Kruskal-Wallis)", "kruskal_q"),
        ("Level (F, after covariates)", "additive_q"),
        ("Scatter (Levene, medians)", "multiplicative_q"),
    )
    return [
        (title, _below(d.tests_before, name), _below(d.tests_after, name)) for title, name in kinds
    ]


def _below(tests: Sequence[FeatureTests], name: str) -> str:
    known = [q for q in (getattr(t, name) for t in tests) if math.isfinite(q)]
    return f"{sum(q < 0.05 for q in known)} of {len(known)}" if known else DASH


def _feature_rows(d: HarmonizationDiagnosis) -> list[FeatureRow]:
    """Return all features, what tells most first."""
    lost: dict[str, float] = {}
    for one in d.after:
        for leak in one.leaks:
            lost[leak.feature] = max(lost.get(leak.feature, -math.inf), leak.auc_lost)
    ranks = {name: middle for name, middle, _ in d.rank_kept}
    injected = dict(d.injected.features) if d.injected is not None else {}
    pairs = zip(d.tests_before, d.tests_after, strict=True)
    made = [
        FeatureRow(
            name=old.feature,
            lost=_fixed(lost.get(old.feature, math.nan), 3),
            epsilon=(_fixed(old.epsilon_squared, 2), _fixed(new.epsilon_squared, 2)),
            additive=(_q(old.additive_q), _q(new.additive_q)),
            multiplicative=(_q(old.multiplicative_q), _q(new.multiplicative_q)),
            ratio=(_ratio(old.variance_ratio), _ratio(new.variance_ratio)),
            rank=_fixed(ranks.get(old.feature, math.nan), 3),
            injected=_percent(injected.get(old.feature, math.nan)),
        )
        for old, new in pairs
    ]
    return sorted(made, key=lambda row: -lost.get(row.name, 0.0))


def _kept_rows(d: HarmonizationDiagnosis) -> list[tuple[str, str, str, str]]:
    """Return feature, what the slope is per, slope before and after; strongest first."""
    order = sorted(d.kept, key=lambda one: one.before_q if math.isfinite(one.before_q) else 1.0)
    return [
        (
            one.feature,
            one.unit,
            _slope(one.before, one.before_interval),
            _slope(one.after, one.after_interval),
        )
        for one in order[:_MOST_ROWS]
    ]


def _slope(value: float, ends: tuple[float, float]) -> str:
    if not math.isfinite(value):
        return DASH
    return f"{_fixed(value, 2)} [{_fixed(ends[0], 2)}, {_fixed(ends[1], 2)}]"


def _fixed(value: float, places: int) -> str:
    if not math.isfinite(value):
        return DASH
    shown = f"{value:.{places}f}"
    return shown.removeprefix("-") if not shown.strip("-0.") else shown


def _q(value: float) -> str:
    if not math.isfinite(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _ratio(value: float) -> str:
    return plain_number(value, 2) if math.isfinite(value) else DASH


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if math.isfinite(share) else DASH
