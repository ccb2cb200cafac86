"""Whom the set stands for: shares of categories beside a population's, and split beside split."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import Check, Needs, Reason, SetAnswer, SetStatement, Setting, Settings
from qiqa.core.words import Words
from qiqa.metrology.divergence import Divergence, against_population, two_samples
from qiqa.vetting.sets.bins import as_bins, fifths, in_bins
from qiqa.vetting.sets.counting import People, counts_of_persons
from qiqa.vetting.sets.wording import named, number, short, table, words

__all__ = ["CHECK", "look"]

IntArray = NDArray[np.intp]
_SEED = 20261128
"""Of bootstrap samples: the same set gives the same answer."""
_MOST_PAIRS = 45
_MOST_CATEGORIES = 1000

CHECK = Check(
    name="representativeness",
    needs=Needs.SET,
    title="Whom the set stands for",
    reasons=(
        Reason(
            code="differs_from_population",
            severity=Severity.WARNING,
            title="unlike the population",
            meaning="Shares of a category differ from those of the stated population: what is "
            "measured on the set need not hold for the population.",
            unit="bit",
        ),
        Reason(
            code="absent_from_set",
            severity=Severity.WARNING,
            title="not in the set at all",
            meaning="Categories of the population that nobody in the set belongs to: a model was "
            "never shown them.",
        ),
        Reason(
            code="splits_differ",
            severity=Severity.WARNING,
            title="splits are unlike",
            meaning="Two splits or batches differ in their shares of a category: a result of one "
            "need not hold for the other.",
            unit="bit",
        ),
        Reason(
            code="population_not_stated",
            severity=Severity.INFO,
            title="no population stated",
            meaning="Whom the set is to stand for is not stated; whether it does cannot be told.",
        ),
    ),
    settings=(
        Setting(
            name="columns",
            default=("label", "sex", "age", "race", "ethnicity", "site", "manufacturer", "field_t"),
            meaning="columns that splits are compared by",
        ),
        Setting(
            name="between", default=("split",), meaning="columns whose values part the set"
        ),
        Setting(
            name="least", default=5.0, meaning="persons on either side of a comparison"
        ),
        Setting(
            name="present", default=1.0,
            meaning="share [%] of the population from which on a category is missed",
        ),
    ),
)  # fmt: skip


def look(observed: VetTable, settings: Settings) -> SetAnswer:
    """Compare with the population, and splits with each other."""
    if len(observed) == 0:
        return SetAnswer()
    people = People(observed)
    found: list[SetStatement] = []
    if not observed.population:
        found.append(
            SetStatement(code="population_not_stated", value=1.0,
                         evidence="give a table of shares to compare with")
        )  # fmt: skip
    for column in sorted(observed.population):
        found += _beside_population(people, column, observed.population[column], settings)
    for between in words(settings, "between"):
        for column in words(settings, "columns"):
            if column != between:
                found += _between(people, between, column, settings)
    return SetAnswer(statements=tuple(found))


def _beside_population(
    people: People, column: str, shares: Mapping[str, float], settings: Settings
) -> Iterator[SetStatement]:
    values, of_persons, unknown = _column(people, column, tuple(shares))
    names = list(dict.fromkeys([*shares, *values.names]))
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros(len(names), dtype=np.intp)
    for name, count in zip(values.names, values.counts.tolist(), strict=True):
        counts[place[name]] += count
    wanted = np.array([shares.get(name, 0.0) for name in names])
    n = int(counts.sum())
    if n < number(settings, "least") or wanted.sum() <= 0:
        yield SetStatement(
            code="differs_from_population", value=math.nan, subject=column,
            evidence=f"{n} of {of_persons} persons have a value: too few to compare",
        )  # fmt: skip
        return
    wanted /= wanted.sum()
    made = against_population(counts, wanted, np.random.default_rng(_SEED))
    order = np.argsort(-np.abs(counts / n - wanted), kind="stable")
    yield _noun(
        "differs_from_population", column, made,
        f"{n} persons{_lost(unknown)}", (column, "set %", "population %", "gap, points"),
        [(names[k], 100 * counts[k] / n, 100 * wanted[k]) for k in order],
    )  # fmt: skip
    absent = np.flatnonzero((counts == 0) & (100 * wanted >= number(settings, "present")))
    if absent.size:
        yield SetStatement(
            code="absent_from_set", value=float(absent.size), subject=column,
            evidence=named([f"{names[k]} ({100 * wanted[k]:.1f} %)" for k in absent]),
        )  # fmt: skip


def _between(
    people: People, between: str, column: str, settings: Settings
) -> Iterator[SetStatement]:
    parts, values, unknown = _parted(people, between, column)
    counts = counts_of_persons(parts, values)
    if counts.size == 0 or counts.shape[1] > _MOST_CATEGORIES:
        return
    large = np.flatnonzero(counts.sum(axis=1) >= number(settings, "least"))
    pairs = itertools.combinations(large.tolist(), 2)
    for a, b in itertools.islice(pairs, _MOST_PAIRS):
        first, second = counts[a], counts[b]
        made = two_samples(first, second, np.random.default_rng(_SEED))
        x, y = 100 * first / first.sum(), 100 * second / second.sum()
        order = [k for k in np.argsort(-np.abs(x - y), kind="stable") if x[k] + y[k] > 0]
        yield _noun(
            "splits_differ", f"{column}: {parts.names[a]} and {parts.names[b]}", made,
            f"{first.sum()} and {second.sum()} persons{_lost(unknown)}",
            (column, f"{parts.names[a]} %", f"{parts.names[b]} %", "gap, points"),
            [(values.names[k], x[k], y[k]) for k in order],
        )  # fmt: skip


def _lost(unknown: int) -> str:
    return f"; {unknown} without a value are left out" if unknown else ""


def _column(people: People, column: str, names: tuple[str, ...]) -> tuple[Words, int, int]:
    """Return the categories of persons, how many persons there are, and how many lack one."""
    bins = as_bins(names)
    if column in people.observed.numbers and bins:
        everyone = people.categories(())
        values = in_bins(people.observed.number(column)[everyone.rows], bins)
    elif column in people.observed.numbers:
        everyone = people.categories(())
        own = people.observed.number(column)[everyone.rows]
        values = Words.of(short(v) if math.isfinite(v) else "" for v in own)
    else:
        everyone = people.categories(())
        values = people.categories((column,)).columns[0]
    known = int(np.count_nonzero(values.codes >= 0))
    return values, len(everyone.rows), max(len(everyone.rows) - known, 0)


def _parted(people: People, between: str, column: str) -> tuple[Words, Words, int]:
    everyone = people.categories((between,))
    if column in people.observed.numbers:
        values = fifths(people.observed.number(column)[everyone.rows])
        unknown = int(np.count_nonzero(values.codes < 0))
        return everyone.columns[0], values, unknown
    found = people.categories((between, column))
    return found.columns[0], found.columns[1], max(len(everyone.rows) - len(found.rows), 0)


def _noun(
    code: str, subject: str, made: Divergence, evidence: str, heads: tuple[str, ...],
    rows: list[tuple[str, float, float]],
) -> SetStatement:  # fmt: skip
    return SetStatement(
        code=code,
        value=made.value,
        interval=made.interval,
        p=made.p,
        subject=subject,
        evidence=f"Jensen-Shannon divergence, base 2; {evidence}; by chance {made.by_chance:.2g} "
        "bit on average",
        rows=table(heads, [(name, f"{x:.2f}", f"{y:.2f}", f"{x - y:+.2f}") for name, x, y in rows]),
    )
