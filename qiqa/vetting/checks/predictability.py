"""Whether site, scanner or maker can be told from image quality alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.core.diagnosis import Predictability
from qiqa.core.errors import UsageError
from qiqa.core.finding import Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import Check, Needs, Reason, SetAnswer, SetStatement, Setting, Settings
from qiqa.core.words import Words
from qiqa.metrology.predictability import FEWEST_GROUPS, predictability
from qiqa.vetting.sets.coding import persons
from qiqa.vetting.sets.wording import named, number, table, words

__all__ = ["CHECK", "look"]

IntArray = NDArray[np.intp]
_SEED = 20261128
"""Of folds, permutations and the choice of persons: the same set gives the same answer."""
_NAMED = 15

CHECK = Check(
    name="predictability",
    needs=Needs.SET,
    title="Scanner told from image quality",
    reasons=(
        Reason(
            code="place_predictable",
            severity=Severity.WARNING,
            title="the scanner can be told",
            meaning="A classifier tells site, scanner or maker of held-out persons from image "
            "quality (area under the ROC curve, one against the rest; 0.5 is chance): a model "
            "can do so too, and use it wherever the label goes with the place.",
            unit="AUC",
        ),
    ),
    settings=(
        Setting(
            name="places",
            default=("site", "scanner", "manufacturer"),
            meaning="columns of words that are to be told",
        ),
        Setting(
            name="models",
            default=("linear", "quadratic", "trees"),
            meaning="`linear` alone passes where variances or combinations still tell the place",
        ),
        Setting(
            name="most_rows",
            default=1000.0,
            meaning="series that classifiers see; of a larger set persons are drawn, the same "
            "number of each place where there are enough",
        ),
        Setting(name="most_places", default=20.0, meaning="places, those with most persons first"),
        Setting(
            name="permutations",
            default=39.0,
            meaning="sets with permuted places that p rests on: 1 / (1 + this) is the least p",
        ),
    ),
)


def look(observed: VetTable, settings: Settings) -> SetAnswer:
    """Tell each place from the features, on persons held out."""
    if len(observed) == 0:
        return SetAnswer()
    known = [np.isfinite(column).any() for column in observed.values.T]
    used = np.flatnonzero(np.array(known, dtype=bool))
    whose = persons(observed)
    found: list[SetStatement] = []
    done: list[tuple[IntArray, str]] = []
    for place in words(settings, "places"):
        column = observed.text(place)
        same = next((name for codes, name in done if np.array_equal(codes, column.codes)), "")
        if not column.names or used.size == 0:
            why = "no features" if column.names else "not stated"
            found.append(_nothing(place, why))
        elif same:
            found.append(_nothing(place, f"parts the set as {same} does"))
        else:
            done.append((column.codes, place))
            found += _told(observed, used, place, column, whose, settings)
    return SetAnswer(statements=tuple(found))


def _told(
    observed: VetTable, used: IntArray, place: str, column: Words, whose: IntArray,
    settings: Settings,
) -> Iterator[SetStatement]:  # fmt: skip
    rng = np.random.default_rng(_SEED)
    most, places = int(number(settings, "most_rows")), int(number(settings, "most_places"))
    rows, shown, total = _drawn(column, whose, most, places, rng)
    names = np.array([column.names[k] for k in column.codes[rows]], dtype=np.str_)
    values = observed.values[np.ix_(rows, used)].astype(np.float64, order="C")
    values[~np.isfinite(values)] = np.nan
    try:
        made = predictability(
            values,
            names,
            whose[rows].astype(np.str_),
            models=words(settings, "models"),
            rng=rng,
            features=tuple(observed.features[j] for j in used),
            permutations=int(number(settings, "permutations")),
            leaks=True,
        )
    except UsageError as error:
        hint = f": {error.hint}" if error.hint else ""
        yield _nothing(place, f"{error.message}{hint}")
        return
    drawn = f"{rows.size} of {np.count_nonzero(column.codes >= 0)} series"
    whole = f"{shown} of {total} places" if shown < total else f"{total} places"
    for one in made:
        yield _noun(place, one, f"{drawn}, {whole}")


def _drawn(
    column: Words, whose: IntArray, most: int, places: int, rng: np.random.Generator
) -> tuple[IntArray, int, int]:
    """Draw whole persons, one of each place in turn, until there are enough series.

    Returns
    -------
    rows, shown, total
        Rows in their order; places that they are of; places that there are.
    """
    known = np.flatnonzero(column.codes >= 0)
    width = int(whose.max()) + 1
    joint = np.unique(column.codes[known] * width + whose[known])
    pairs = np.stack([joint // width, joint % width], axis=1)
    held = np.bincount(pairs[:, 0], minlength=len(column.names))
    enough = np.flatnonzero(held >= FEWEST_GROUPS)
    chosen = enough[np.argsort(-held[enough], kind="stable")][:places]
    pairs = pairs[np.isin(pairs[:, 0], chosen)]
    # by place and by lot: the k-th person of each place stands before the next of any
    lot = rng.permutation(pairs.shape[0])
    order = lot[np.argsort(pairs[lot, 0], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(pairs[:, 0], minlength=len(held)))])
    turn = np.arange(order.size) - starts[pairs[order, 0]]
    order = order[np.argsort(turn, kind="stable")]
    persons_in_turn = pairs[order, 1]
    size = np.bincount(whose[known], minlength=width)
    enough_rows = np.cumsum(size[persons_in_turn]) <= max(most, 1)
    taken = np.zeros(width, dtype=bool)
    taken[persons_in_turn[enough_rows]] = True
    rows = known[taken[whose[known]] & np.isin(column.codes[known], chosen)]
    return rows, int(chosen.size), len(column.names)


def _noun(place: str, one: Predictability, drawn: str) -> SetStatement:
    if not math.isfinite(one.auc):
        return _nothing(f"{place}, {one.model}", one.reason or "no AUC could be found")
    left = f"; left out: {named(one.left_out)}" if one.left_out else ""
    rows = [
        *(("feature", leak.feature, f"{leak.auc_lost:+.4f}") for leak in one.leaks[:_NAMED]),
        *((place, b.batch, f"{b.auc:.4f}") for b in one.batches),
    ]
    return SetStatement(
        code="place_predictable",
        value=one.auc,
        interval=one.interval,
        p=one.p,
        subject=f"{place}, {one.model}",
        evidence=f"{drawn}, {one.subjects} persons, {one.folds} folds of whole persons; p from "
        f"{one.permutations} permutations{left}",
        rows=table(("of", "name", "AUC lost without it, or AUC"), rows),
    )


def _nothing(subject: str, why: str) -> SetStatement:
    return SetStatement(code="place_predictable", value=math.nan, subject=subject, evidence=why)
