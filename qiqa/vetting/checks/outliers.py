"""Series whose image quality lies far from that of others: of their scanner, or of the set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import (
    Check,
    Needs,
    Observation,
    Reason,
    SetAnswer,
    SetStatement,
    Setting,
    Settings,
)
from qiqa.core.words import Words
from qiqa.vetting.sets.coding import Groups, grouped, scanners
from qiqa.vetting.sets.outlying import Judged, judge, judge_centers
from qiqa.vetting.sets.wording import number, short, table, words

__all__ = ["CHECK", "look"]

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
_UNIT = "times its fence"
_NAMED = 3
"""Features that the evidence names, farthest out first."""

CHECK = Check(
    name="outliers",
    needs=Needs.SET,
    title="Outliers of image quality",
    reasons=(
        Reason(
            code="outlier_in_scanner",
            severity=Severity.WARNING,
            title="unlike others of its scanner",
            meaning="Image quality lies farther from that of the same scanner and protocol than "
            "chance puts it: motion, a coil element, another phantom, a wrong reconstruction.",
            unit=_UNIT,
        ),
        Reason(
            code="outlier_in_cohort",
            severity=Severity.WARNING,
            title="unlike the whole set",
            meaning="The scanner has too few series to compare with; among those of all scanners "
            "the image quality lies farther out than chance puts it.",
            unit=_UNIT,
        ),
        Reason(
            code="outlying_scanner",
            severity=Severity.WARNING,
            title="scanner unlike all others",
            meaning="The middle of all series of this scanner lies far from those of other "
            "scanners with the same protocol: a model may learn the scanner.",
            unit=_UNIT,
        ),
        Reason(
            code="outlier_share",
            severity=Severity.INFO,
            title="outliers in all",
            meaning="Share of the series that could be judged and are outliers.",
            unit="%",
        ),
        Reason(
            code="outliers_not_judged",
            severity=Severity.INFO,
            title="not judged for outliers",
            meaning="Share of the series with too few others to compare with, or no features.",
            unit="%",
        ),
    ),
    settings=(
        Setting(
            name="rate",
            default=0.001,
            meaning="chance that a series is called an outlier and nothing is wrong",
        ),
        Setting(
            name="least",
            default=20.0,
            meaning="series of one scanner and protocol, below which they are judged among those "
            "of all scanners; with fewer than this in all nothing is judged",
        ),
        Setting(
            name="least_scanners",
            default=8.0,
            meaning="scanners with one protocol, below which none is held against the others",
        ),
        Setting(
            name="alike",
            default=("modality", "protocol"),
            meaning="columns of words that comparable series share",
        ),
        Setting(
            name="without",
            default=("foreground_median", "noise_sd", "map_factor"),
            meaning="features that are not looked at: these are in the unit of the image, which "
            "is arbitrary in MR, and that of a map has a check of its own",
        ),
    ),
)


def look(observed: VetTable, settings: Settings) -> SetAnswer:
    """Compare the features of each series with those of its scanner, or of all scanners."""
    observed = _looked_at(observed, words(settings, "without"))
    n, p = observed.values.shape
    if n == 0 or p == 0:
        return SetAnswer(statements=(_not_judged(np.zeros(n, dtype=bool), "there are no features"),)
                         if n else ())  # fmt: skip
    least, rate = max(number(settings, "least"), 5.0), number(settings, "rate")
    alike = [observed.text(name).codes for name in words(settings, "alike")]
    scanner = scanners(observed)
    cohorts = grouped(alike, n)
    groups = grouped([cohorts.codes, scanner.codes], n)
    own = (groups.sizes[groups.codes] >= least) & (scanner.codes >= 0)
    parts = [
        _within(observed, own, groups, cohorts, rate),
        _overall(observed, own, groups, cohorts, rate, least),
    ]
    code = np.where(own, 0, 1)
    found = [
        observation
        for kind, part in enumerate(parts)
        for observation in _observations(observed, part, code == kind, kind, groups, scanner)
    ]
    judged = _judged(parts[0], n) | _judged(parts[1], n)
    off, statements = _off_scanners(observed, parts[0], groups, cohorts, scanner, settings)
    outliers = [row for row, _ in found]
    return SetAnswer(
        observations=tuple(sorted([*found, *off], key=lambda one: (one[0], one[1].code))),
        statements=(
            *statements,
            _share(observed, parts, judged, outliers, rate),
            _not_judged(judged, "fewer than "
                        f"{least:.0f} comparable series, or features that are all equal"),
        ),
    )  # fmt: skip


def _looked_at(observed: VetTable, without: tuple[str, ...]) -> VetTable:
    """Return the table without some features, and without what is infinite; feature by feature."""
    kept = [j for j, name in enumerate(observed.features) if name not in without]
    values = observed.space((len(kept), len(observed)), np.float32)
    for made, j in zip(values, kept, strict=True):
        given = observed.values[:, j]
        made[:] = np.where(np.isfinite(given), given, np.nan)
    features = tuple(observed.features[j] for j in kept)
    return dataclasses.replace(observed, features=features, values=values.T)


def _within(
    observed: VetTable, own: BoolArray, groups: Groups, cohorts: Groups, rate: float
) -> Judged | None:
    """Judge the series that have enough others of their scanner."""
    rows = np.flatnonzero(own)
    if rows.size == 0:
        return None
    inner = grouped([groups.codes[rows]], rows.size)
    outer = grouped([cohorts.codes[rows]], rows.size)
    made = judge(_of(observed, rows), inner, outer, rate, np.zeros(0), observed.space)
    return _spread_out(made, rows, observed)


def _overall(
    observed: VetTable, own: BoolArray, groups: Groups, cohorts: Groups, rate: float,
    least: float,
) -> Judged | None:  # fmt: skip
    """Judge the others among all scanners, each of which counts alike however large it is."""
    open_cohorts = np.unique(cohorts.codes[~own])
    large = open_cohorts[cohorts.sizes[open_cohorts] >= least]
    rows = np.flatnonzero(np.isin(cohorts.codes, large))
    if rows.size == 0:
        return None
    outer = grouped([cohorts.codes[rows]], rows.size)
    weights = 1.0 / groups.sizes[groups.codes[rows]]
    made = judge(_of(observed, rows), outer, outer, rate, weights, observed.space)
    few = made.sizes[made.groups] < least / 2  # most of the weight on a few small scanners
    made.ratios[:, few] = np.nan
    made.together[few] = np.nan
    return _spread_out(made, rows, observed)


def _of(observed: VetTable, rows: IntArray) -> NDArray[np.float32]:
    """Return the features of some rows, (p, m)."""
    if rows.size == len(observed):
        return observed.values.T
    made = observed.space((len(observed.features), rows.size), np.float32)
    for one, column in zip(made, observed.values.T, strict=True):
        one[:] = column[rows]
    return made


def _spread_out(made: Judged, rows: IntArray, observed: VetTable) -> Judged:
    """Return what was judged of some rows as rows of the whole table."""
    n = len(observed)
    if rows.size == n:
        return made
    ratios = observed.space((made.ratios.shape[0], n), np.float32)
    for one, column in zip(ratios, made.ratios, strict=True):
        one.fill(np.nan)
        one[rows] = column
    together = np.full(n, np.nan, dtype=np.float32)
    groups = np.full(n, -1, dtype=np.intp)
    together[rows], groups[rows] = made.together, made.groups
    return Judged(ratios, together, made.centers, groups, made.sizes)


def _judged(part: Judged | None, n: int) -> BoolArray:
    known = np.zeros(n, dtype=bool)
    for column in () if part is None else part.ratios:
        known |= np.isfinite(column)
    return known


def _observations(
    observed: VetTable, part: Judged | None, wanted: BoolArray, kind: int, groups: Groups,
    scanner: Words,
) -> Iterator[tuple[int, Observation]]:  # fmt: skip
    if part is None:
        return
    far = np.zeros(len(observed), dtype=np.float32)
    for column in part.ratios:
        np.maximum(far, np.nan_to_num(np.abs(column)), out=far)
    rows = np.flatnonzero(wanted & ((far > 1) | (np.nan_to_num(part.together) > 1)))
    for row in rows.tolist():
        ratios = np.nan_to_num(part.ratios[:, row])
        worst = [j for j in np.argsort(-np.abs(ratios), kind="stable")[:_NAMED].tolist()
                 if abs(ratios[j]) > 1]  # fmt: skip
        said = [
            f"{observed.features[j]} {short(float(observed.values[row, j]))}, usual "
            f"{short(float(part.centers[part.groups[row], j]))}: {abs(ratios[j]):.2f} times its "
            "fence" for j in worst
        ]  # fmt: skip
        together = float(np.nan_to_num(part.together[row]))
        if together > 1:
            said.append(f"all features together: {together:.2f} times their fence")
        count = groups.sizes[groups.codes[row]]
        among = (f"among {count} series of {scanner.names[scanner.codes[row]]}" if kind == 0
                 else "among series of all scanners; its own has too few")  # fmt: skip
        value = max(float(far[row]), together)
        yield (
            row,
            Observation(
                code=("outlier_in_scanner", "outlier_in_cohort")[kind],
                value=float(f"{value:.6g}"),
                evidence=f"{'; '.join(said)}; {among}",
            ),
        )


def _off_scanners(
    observed: VetTable, within: Judged | None, groups: Groups, cohorts: Groups, scanner: Words,
    settings: Settings,
) -> tuple[list[tuple[int, Observation]], list[SetStatement]]:  # fmt: skip
    """Compare the medians of scanners that have the same protocol."""
    observations: list[tuple[int, Observation]] = []
    statements: list[SetStatement] = []
    if within is None:
        return observations, statements
    firsts = np.unique(within.groups[within.groups >= 0], return_index=True)[1]
    rows = np.flatnonzero(within.groups >= 0)[firsts]
    for cohort in np.unique(cohorts.codes[rows]).tolist():
        members = np.flatnonzero(cohorts.codes[rows] == cohort)
        if members.size < number(settings, "least_scanners"):
            continue
        ratios = np.nan_to_num(judge_centers(within.centers[members], number(settings, "rate")))
        for k in np.flatnonzero(np.abs(ratios).max(axis=1) > 1).tolist():
            row = int(rows[members[k]])
            value, said, tabled = _off(observed, within, members, k, ratios[k])
            name = scanner.names[scanner.codes[row]]
            evidence = f"{said}; among the middles of {members.size} scanners"
            statements.append(
                SetStatement(code="outlying_scanner", value=value, subject=name,
                             evidence=evidence, rows=tabled)
            )  # fmt: skip
            observation = Observation(code="outlying_scanner", value=value, evidence=evidence)
            group = groups.codes[row]
            mine = groups.order[groups.starts[group] : groups.starts[group + 1]]
            observations += [(int(i), observation) for i in mine]
    return observations, statements


def _off(
    observed: VetTable, within: Judged, members: IntArray, k: int, ratios: NDArray[np.float64]
) -> tuple[float, str, tuple[tuple[str, ...], ...]]:
    """Return value, evidence and table of one scanner."""
    worst = [j for j in np.argsort(-np.abs(ratios), kind="stable").tolist() if abs(ratios[j]) > 1]
    usual = np.median(within.centers[members], axis=0)
    own = within.centers[members[k]]
    cells = [
        (observed.features[j], short(float(own[j])), short(float(usual[j])),
         f"{abs(ratios[j]):.2f}") for j in worst
    ]  # fmt: skip
    said = "; ".join(f"{f} {a}, others {b}: {r} times its fence" for f, a, b, r in cells[:_NAMED])
    value = float(f"{abs(ratios[worst[0]]):.6g}")
    return value, said, table(("feature", "this scanner", "others", "times its fence"), cells)


def _share(
    observed: VetTable, parts: Sequence[Judged | None], judged: BoolArray, rows: list[int],
    rate: float,
) -> SetStatement:  # fmt: skip
    """Say how many series are outliers, and of which features."""
    count = int(np.count_nonzero(judged))
    beyond = np.zeros(len(observed.features), dtype=np.intp)
    chosen = np.array(sorted(rows), dtype=np.intp)
    for part in parts:
        if part is not None and chosen.size:
            beyond += (np.nan_to_num(np.abs(part.ratios[:, chosen])) > 1).sum(axis=1)
    order = np.argsort(-beyond, kind="stable")
    return SetStatement(
        code="outlier_share",
        value=100.0 * chosen.size / count if count else float("nan"),
        evidence=f"{chosen.size} of {count} series judged; by chance about {100 * rate:g} %",
        rows=table(("feature", "series beyond its fence"),
                   [(observed.features[j], str(beyond[j])) for j in order.tolist() if beyond[j]]),
    )  # fmt: skip


def _not_judged(judged: BoolArray, why: str) -> SetStatement:
    count = int(np.count_nonzero(~judged))
    return SetStatement(
        code="outliers_not_judged",
        value=100.0 * count / max(judged.size, 1),
        evidence=f"{count} of {judged.size} series: {why}" if count else "all were judged",
    )
