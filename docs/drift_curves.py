"""What the pages of drift rules draw: how long each rule runs, at which settings, beside whom.

Run lengths are those of the rules themselves. Published points are copied from the publications;
tests/drift/run_length holds the same ones against the theory.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from qiqa.drift.policy import LONGEST_BUDGET, Policy
from qiqa.drift.rules import RULES
from qiqa.drift.run_length import ewma, groups, mewma, variance

SERIES = 60
"""Weekly series of the scanner for which the default share is taken."""
SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
RATIOS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0)
SLOPES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""In SDs a year."""
SEED = 20_261_128
CHARTS = 1000
LONGEST = 520
"""Exams of a simulated chart: ten years, by which every ramp drawn here was found."""
EXAMS_A_YEAR = 52
LOOKED_AT = 104
"""Exams of a series that is looked back on; its step is in the middle."""
BESIDE = 3
"""Exams that a step may be dated wrongly and still count as found."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve: values at places, with standard errors where they come from a simulation."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    error: tuple[float, ...] = ()
    thin: bool = False
    """Drawn thin: other settings, for comparison."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Published points."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One figure and the table below it."""

    rule: str
    title: str
    across: str
    """What goes along the horizontal axis."""
    up: str = "exams to the signal, on average"
    lines: tuple[Line, ...]
    marks: Marks | None = None
    notes: tuple[str, ...] = ()
    """Sentences with further measured numbers."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Special:
    """What a rule's picture has besides, or in place of, the usual two lines."""

    across: str = "shift, SDs of one exam"
    x: tuple[float, ...] = SHIFTS
    length: Callable[[float, Any], float] | None = None
    """In place of the rule's own run length."""
    other: str = ""
    """Label of a third line."""
    other_length: Callable[[float], float] | None = None
    marks: Marks | None = None
    note: Callable[[Any], str] | None = None
    """Sentence for settings, one below the table for each of the two rates."""


def picture(name: str) -> Picture:
    """Return what is drawn for a rule."""
    if name in SIMULATED:
        return SIMULATED[name](name)
    rule, about = RULES.load(name), SPECIAL.get(name, Special())
    length = about.length or rule.run_length
    lines, notes = [], []
    for label, every in rates(name):
        p = rule.parameters(every)
        if about.note is not None:
            notes.append(about.note(p))
        lines.append(Line(label=label, x=about.x, y=tuple(length(x, p) for x in about.x)))
    if about.other_length is not None:
        other = tuple(about.other_length(x) for x in about.x)
        lines.append(Line(label=about.other, x=about.x, y=other, thin=True))
    return Picture(
        rule=name,
        title=rule.TITLE,
        across=about.across,
        lines=tuple(lines),
        marks=about.marks,
        notes=tuple(notes),
    )


def rates(name: str) -> tuple[tuple[str, float], ...]:
    """Return label and exams to a false alarm: what `SERIES` series leave to the rule, and 370."""
    used = float(RULES.load(name).DEFAULT) > 0.0
    shares = (Policy() if used else Policy(rules=(name,))).shares(SERIES)
    (every,) = (share.every for share in shares if share.rule == name)
    return (
        (f"one of {SERIES} weekly series: 1 in {every:,.0f}", every),
        (f"1 false alarm in {LONGEST_BUDGET:.0f}", LONGEST_BUDGET),
    )


def textbook(name: str) -> Callable[[float], float]:
    """Return the run length of a rule with the zones of the textbook."""

    def length(shift: float) -> float:
        rule = RULES.load(name)
        return float(rule.run_length(shift, rule.Parameters()))

    return length


def _cusum(shift: float) -> float:
    rule = RULES.load("cusum")
    return float(rule.run_length(shift, rule.Parameters(k=0.5, h=4.0)))


def _hotelling(shift: float) -> float:
    rule = RULES.load("hotelling")
    return float(rule.run_length(shift, rule.parameters(LONGEST_BUDGET, scores=10)))


def _scattered(above: Callable[[float, int], float]) -> Callable[[Any], str]:
    """Return what says how soon groups show an SD within them that doubled."""

    def note(p: Any) -> str:
        inside = special.ndtr(p.width / 2) - special.ndtr(-p.width / 2)
        outside = above(p.high / 2, p.size) + 1 - above(p.low / 2, p.size)
        exams = 1 / (1 - inside * (1 - outside))
        return (
            f"Twice the SD within groups, limits {p.low:.2f} and {p.high:.2f}: {exams:.2f} exams."
        )

    return note


def _trend(name: str) -> Picture:
    """Return the delays of ramps that begin with the first exam, simulated."""
    rule, lines, notes = RULES.load(name), [], []
    for label, every in rates(name):
        p = rule.parameters(every)
        exams = rule.run_length(0.0, p)
        rarer = exams > 1.1 * every
        found = [_delays(rule, p, slope / EXAMS_A_YEAR) for slope in SLOPES]
        mean, error = zip(*found, strict=True)
        said = f"narrowest limit: 1 in {exams:.0f}" if rarer else label
        lines.append(Line(label=said, x=SLOPES, y=mean, error=error))
        notes.append(f"Limit {p.limit:.2f}: one false alarm in {exams:.0f} exams.")
    return Picture(
        rule=name,
        title=rule.TITLE,
        across="slope, SDs of one exam a year",
        lines=tuple(lines),
        notes=tuple(notes),
    )


def _delays(rule: Any, p: Any, slope: float) -> tuple[float, float]:
    """Return mean and standard error of the exams to the first signal of a ramp."""
    rng = np.random.default_rng(SEED)
    ramp = slope * np.arange(1, LONGEST + 1)
    first = np.empty(CHARTS)
    for chart in range(CHARTS):
        signals = rule.chart(rng.standard_normal(LONGEST) + ramp, p).signals
        first[chart] = signals[0] + 1 if signals.size else math.nan
    # a chart that never signals makes the mean NaN, which the page would show
    return float(first.mean()), float(first.std(ddof=1) / math.sqrt(CHARTS))


def _step(name: str) -> Picture:
    """Return how often a step in the middle of a series is found, simulated."""
    rule, lines, notes = RULES.load(name), [], []
    for label, every in rates(name):
        p = rule.parameters(every)
        found = [_found(rule, p, shift) for shift in SHIFTS]
        there, error = zip(*((100 * a, 100 * b) for a, b, _ in found), strict=True)
        lines.append(Line(label=label, x=SHIFTS, y=there, error=error))
        false = found[0][2]
        notes.append(
            f"Penalty {p.penalty:.2f}: a step was named in {100 * false:.1f} % of the "
            f"{CHARTS} series without one."
        )
    return Picture(
        rule=name,
        title=rule.TITLE,
        across=f"step in the middle of {LOOKED_AT} exams, SDs of one exam",
        up=f"found within {BESIDE} exams of its place, %",
        lines=tuple(lines),
        notes=tuple(notes),
    )


def _found(rule: Any, p: Any, shift: float) -> tuple[float, float, float]:
    """Return share of series with the step found, its standard error, and with any step."""
    rng = np.random.default_rng(SEED)
    middle = LOOKED_AT // 2
    there = np.empty(CHARTS, dtype=np.bool_)
    anything = np.empty(CHARTS, dtype=np.bool_)
    for chart in range(CHARTS):
        x = rng.standard_normal(LOOKED_AT)
        x[middle:] += shift
        signals = rule.chart(x, p).signals
        there[chart] = bool((np.abs(signals - middle) <= BESIDE).any())
        anything[chart] = signals.size > 0
    # SD of the share by Laplace's rule, which is not 0 where all series agree
    yes, no = int(there.sum()) + 1, int((~there).sum()) + 1
    error = math.sqrt(yes * no / (yes + no) ** 2 / (yes + no + 1))
    return float(there.mean()), error, float(anything.mean())


SIMULATED: dict[str, Callable[[str], Picture]] = {"trend": _trend, "step": _step}
"""Rules that have no theory of their delay."""

SPECIAL: dict[str, Special] = {
    "individuals": Special(
        marks=Marks(
            label="Champ & Woodall 1987, 3 SDs",
            x=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8, 3.0),
            y=(
                370.40,
                308.43,
                200.08,
                119.67,
                71.55,
                43.89,
                27.82,
                18.25,
                12.38,
                8.69,
                6.30,
                4.72,
                3.65,
                2.90,
                2.38,
                2.00,
            ),
        ),
    ),
    "cusum": Special(
        other="k 0.5, h 4",
        other_length=_cusum,
        marks=Marks(
            label="Lucas & Crosier 1982, k 0.5, h 4",
            x=(0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0),
            y=(168.0, 74.2, 26.6, 13.3, 8.38, 4.75, 3.34, 2.62, 2.19, 1.71, 1.31),
        ),
    ),
    "ewma": Special(
        other="weight 0.5, fixed limits 3.071",
        other_length=lambda shift: ewma.two_sided(shift, 0.5, 3.071, exact=False),
        marks=Marks(
            label="Lucas & Saccucci 1990, weight 0.5",
            x=(0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0),
            y=(500.0, 255.0, 88.8, 35.9, 17.5, 6.53, 3.63, 2.50, 1.93, 1.34),
        ),
    ),
    "variance": Special(
        across="SD, times what it was",
        x=RATIOS,
        length=lambda ratio, p: variance.run_length(ratio, p.k, p.h),
        other="k 1.46, h 10",
        other_length=lambda ratio: variance.run_length(ratio, 1.46, 10.0),
        marks=Marks(
            label="Knoth 2006, k 1.46, h 10",
            x=(1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 2.0),
            y=(260.7369, 90.1319, 43.6867, 26.2916, 18.1231, 13.6268, 5.9904),
        ),
    ),
    "western_electric": Special(
        other="zones of the textbook",
        other_length=textbook("western_electric"),
        marks=Marks(label="Champ & Woodall 1987, all four", x=(0.0,), y=(91.75,)),
    ),
    "nelson": Special(
        other="zones of the textbook, tests 1, 2, 5, 6", other_length=textbook("nelson")
    ),
    "westgard": Special(other="zones of the textbook", other_length=textbook("westgard")),
    "xbar_r": Special(
        across="shift, SDs of one of five values", note=_scattered(groups.range_above)
    ),
    "xbar_s": Special(across="shift, SDs of one of five values", note=_scattered(groups.sd_above)),
    "hotelling": Special(
        across="length of the shift, SDs",
        other="ten scores, 1 in 370",
        other_length=_hotelling,
    ),
    "mewma": Special(
        across="length of the shift, SDs",
        other="four scores, weight 0.1, fixed limit 12.73",
        other_length=lambda shift: mewma.run_length(shift, 4, 0.1, 12.73),
        marks=Marks(
            label="published, four scores (Markov chain)",
            x=(0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
            y=(199.78, 35.05, 12.17, 7.22, 5.19, 3.42),
        ),
    ),
}
"""Rules whose picture is more than the usual two lines."""
