"""Labels and covariates that go with the site: a model can then learn the site instead."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vet_table import VetTable as Table
from qiqa.core.vetting import Check, Needs, Reason, SetAnswer, SetStatement, Setting, Settings
from qiqa.metrology.association import cramer_v, rank_association
from qiqa.metrology.multiplicity import holm
from qiqa.vetting.sets.counting import People, counts_of_persons
from qiqa.vetting.sets.wording import named, number, short, table, words

__all__ = ["CHECK", "look"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
_STRENGTH = "share, 0 to 1"
_SEED = 20261128
"""Of random tables: the same set gives the same answer."""
_MOST_COLUMNS = 12
_MOST_PLACES = 2000

CHECK = Check(
    name="confounding",
    needs=Needs.SET,
    title="Label and covariates by site",
    reasons=(
        Reason(
            code="label_by_site",
            severity=Severity.WARNING,
            title="label goes with the site",
            meaning="The label can be guessed in part from the site or scanner (Cramer's V, or "
            "epsilon squared of a number): a model that tells the scanner looks as if it told "
            "the label.",
            unit=_STRENGTH,
        ),
        Reason(
            code="covariate_by_site",
            severity=Severity.INFO,
            title="covariate goes with the site",
            meaning="Age, sex or the like differ between sites: what looks like an effect of the "
            "site may be theirs, and taking out the site may take them out.",
            unit=_STRENGTH,
        ),
        Reason(
            code="ranges_do_not_overlap",
            severity=Severity.WARNING,
            title="ranges do not overlap",
            meaning="Share of the pairs of sites that have no value of a number in common: between "
            "them site and number cannot be told apart.",
            unit="%",
        ),
        Reason(
            code="label_at_one_site",
            severity=Severity.WARNING,
            title="label of one site only",
            meaning="Labels that come from a single site: this label and this site are one and "
            "the same for a model.",
        ),
        Reason(
            code="site_with_one_label",
            severity=Severity.WARNING,
            title="site with one label only",
            meaning="Sites whose persons all have the same label: they teach the label of the "
            "site, and nothing of the difference.",
        ),
    ),
    settings=(
        Setting(name="labels", default=("label",), meaning="columns that a model is to learn"),
        Setting(
            name="covariates",
            default=("sex", "age", "race", "ethnicity"),
            meaning="columns of words or numbers that differ between persons",
        ),
        Setting(
            name="places",
            default=("site", "scanner", "manufacturer"),
            meaning="columns of words that nothing should go with",
        ),
        Setting(name="least", default=5.0, meaning="persons of a site that is held against others"),
    ),
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Pair:
    statement: SetStatement
    p: float


def look(observed: Table, settings: Settings) -> SetAnswer:
    """Say how strongly labels and covariates go with places; p are adjusted after Holm."""
    if len(observed) == 0:
        return SetAnswer()
    labels = words(settings, "labels")
    others = [name for name in words(settings, "covariates") if name not in labels]
    people = People(observed)
    tested: list[_Pair] = []
    more: list[SetStatement] = []
    for place in words(settings, "places"):
        if not observed.text(place).known.any():
            continue
        for name, code in (*((n, "label_by_site") for n in labels),
                           *((n, "covariate_by_site") for n in others)):  # fmt: skip
            if name in observed.texts:
                tested.append(_words(people, name, place, code))
                if code == "label_by_site":
                    more += _alone(people, name, place, number(settings, "least"))
            elif name in observed.numbers:
                tested.append(_numbers(people, name, place, code))
                more += _apart(people, name, place, number(settings, "least"))
    adjusted = holm([one.p for one in tested])
    said = tuple(
        dataclasses.replace(one.statement, p=float(p))
        for one, p in zip(tested, adjusted, strict=True)
    )
    return SetAnswer(statements=(*said, *more))


def _words(people: People, name: str, place: str, code: str) -> _Pair:
    found = people.categories((place, name))
    rng = np.random.default_rng(_SEED)
    sites, values = found.columns
    counts = counts_of_persons(sites, values)
    if counts.shape[0] > _MOST_PLACES or counts.shape[1] > _MOST_PLACES:
        nothing = f"more than {_MOST_PLACES} different words: not a category"
        return _Pair(SetStatement(code=code, value=math.nan, subject=f"{name} by {place}",
                                  evidence=nothing), math.nan)  # fmt: skip
    made = cramer_v(counts, rng)
    shown = np.argsort(-counts.sum(axis=0), kind="stable")[:_MOST_COLUMNS]
    heads = (place, "persons", *(values.names[k] for k in shown))
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    rows = [(sites.names[i], str(counts[i].sum()), *(str(counts[i, k]) for k in shown))
            for i in order if counts[i].sum()]  # fmt: skip
    what = "Cramer's V, corrected for bias" if math.isfinite(made.strength) else made.by
    return _Pair(
        SetStatement(code=code, value=made.strength, subject=f"{name} by {place}",
                     evidence=f"{what}; {made.n} persons; p by {made.by}, after Holm",
                     rows=table(heads, rows)),
        made.p,
    )  # fmt: skip


def _numbers(people: People, name: str, place: str, code: str) -> _Pair:
    values, sites = people.numbers(name, place)
    made = rank_association(values, sites.codes)
    what = "epsilon squared of ranks" if math.isfinite(made.strength) else made.by
    return _Pair(
        SetStatement(code=code, value=made.strength, subject=f"{name} by {place}",
                     evidence=f"{what}; {made.n} persons; p by Kruskal and Wallis, after Holm",
                     rows=_ranges(values, sites.codes, sites.names, place)),
        made.p,
    )  # fmt: skip


def _sorted_by(values: FloatArray, codes: IntArray, count: int) -> tuple[FloatArray, IntArray]:
    """Return values, place by place, each in order, and where each place begins."""
    order = np.lexsort((values, codes))
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=count))])
    return values[order], starts.astype(np.intp)


def _ranges(
    values: FloatArray, codes: IntArray, names: Sequence[str], place: str
) -> tuple[tuple[str, ...], ...]:
    ordered, starts = _sorted_by(values, codes, len(names))
    rows = [
        (name, str(part.size), short(float(part[0])), short(float(np.median(part))),
         short(float(part[-1])))
        for k, name in enumerate(names) if (part := ordered[starts[k] : starts[k + 1]]).size
    ]  # fmt: skip
    return table((place, "persons", "lowest", "middle", "highest"), rows)


def _apart(people: People, name: str, place: str, least: float) -> Iterator[SetStatement]:
    """Yield a statement where the ranges of some places have nothing in common."""
    values, sites = people.numbers(name, place)
    ordered, starts = _sorted_by(values, sites.codes, len(sites.names))
    large = np.flatnonzero(np.diff(starts) >= least)
    if large.size < 2:
        return
    low, high = ordered[starts[large]], ordered[starts[large + 1] - 1]
    # places whose range begins above the end of another's: each such pair is met once
    ended = np.sort(high)
    pairs = int(np.searchsorted(ended, low, side="left").sum())
    if pairs == 0:
        return
    ends = np.searchsorted(ended, low, side="left") > 0
    begins = np.searchsorted(np.sort(low), high, side="right") < large.size
    shown = [
        (sites.names[large[k]], str(starts[large[k] + 1] - starts[large[k]]), short(float(low[k])),
         short(float(high[k]))) for k in np.flatnonzero(ends | begins)
    ]  # fmt: skip
    all_pairs = large.size * (large.size - 1) // 2
    yield SetStatement(
        code="ranges_do_not_overlap",
        value=100.0 * pairs / all_pairs,
        subject=f"{name} by {place}",
        evidence=f"{pairs} of {all_pairs} pairs with {least:g} persons or more at each",
        rows=table((place, "persons", "lowest", "highest"), shown),
    )


def _alone(people: People, name: str, place: str, least: float) -> Iterator[SetStatement]:
    """Yield labels of one place only, and places of one label only."""
    found = people.categories((place, name))
    sites, labels = found.columns
    counts = counts_of_persons(sites, labels)
    if min(counts.shape) < 2 or max(counts.shape) > _MOST_PLACES:
        return
    single = np.flatnonzero(((counts > 0).sum(axis=0) == 1) & (counts.sum(axis=0) >= least))
    if single.size:
        where = counts[:, single].argmax(axis=0)
        yield SetStatement(
            code="label_at_one_site",
            value=float(single.size),
            subject=f"{name} by {place}",
            evidence=named([labels.names[k] for k in single.tolist()]),
            rows=table(
                (name, place, "persons"),
                [(labels.names[k], sites.names[i], str(counts[i, k]))
                 for k, i in zip(single.tolist(), where.tolist(), strict=True)],
            ),
        )  # fmt: skip
    only = np.flatnonzero(((counts > 0).sum(axis=1) == 1) & (counts.sum(axis=1) >= least))
    if only.size:
        which = counts[only].argmax(axis=1)
        yield SetStatement(
            code="site_with_one_label",
            value=float(only.size),
            subject=f"{name} by {place}",
            evidence=named([sites.names[i] for i in only.tolist()]),
            rows=table(
                (place, name, "persons"),
                [(sites.names[i], labels.names[k], str(counts[i, k]))
                 for i, k in zip(only.tolist(), which.tolist(), strict=True)],
            ),
        )  # fmt: skip
