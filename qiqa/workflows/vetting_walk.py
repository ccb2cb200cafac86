"""`vet`: a set of series in, a decision for each and the outputs beside it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from qiqa import __version__
from qiqa.core.declared import DeclaredSet
from qiqa.core.finding import Finding
from qiqa.core.pseudonyms import PseudonymKey
from qiqa.core.scanner_record import ScannerRecord
from qiqa.core.vet_result import (
    About,
    GivenFile,
    SeriesSeen,
    VetParts,
    VetProvenance,
    VetResult,
)
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import FileNote, Needs, Override, SetAnswer, VetPolicy
from qiqa.io.dataset_json import DATASET_JSON
from qiqa.store.vet_work import VetWork
from qiqa.vetting.checking import examine_set
from qiqa.vetting.counting import summarize
from qiqa.vetting.standing import row_digest
from qiqa.workflows.executing import Executor
from qiqa.workflows.lineage import true_days
from qiqa.workflows.reviewing import judge
from qiqa.workflows.training_set import SeriesRows, by_row, examine, look_at_all, scan
from qiqa.workflows.vet_checks import known_checks
from qiqa.workflows.vet_declared import declared_sets, with_splits

__all__ = ["Given", "vet_images", "vet_table"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is known besides the images."""

    policy: VetPolicy
    key: PseudonymKey
    now: dt.datetime
    about: About = dataclasses.field(default_factory=About)
    records: Mapping[str, ScannerRecord] | None = None
    history_key: PseudonymKey | None = None
    """That images were de-identified with: takes their dates back to the days of phantoms."""
    population: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    join: Callable[[VetTable], tuple[VetTable, tuple[Finding, ...]]] | None = None
    """Adds what a table says of the series."""
    output: Path | None = None
    """Folder of the outputs; what lies in it is not vetted."""
    inputs: tuple[str, ...] = ()
    files: tuple[GivenFile, ...] = ()
    overrides: tuple[Override, ...] = ()
    """What persons decided before."""


def vet_images(
    root: Path,
    work: VetWork,
    given: Given,
    executor: Executor,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[VetResult, VetTable, tuple[Finding, ...]]:
    """Vet all series below a folder; goes on where an earlier run was ended.

    Parameters
    ----------
    root
        Folder, archive or file.
    work
        What is known so far.
    given
        Policy, tables, history.
    executor
        What works.
    tell
        Progress.
    """
    scan(root, work, executor, given.key.secret, tell, given.output)
    declared, doubts = declared_sets(root, work)
    examine(root, work, given.policy, executor, tell, declared)
    seen = dataclasses.replace(look_at_all(work, tell), declared=declared)
    table, findings = _completed(seen, given)
    table = with_splits(table)
    answers = examine_set(table, given.policy)
    series = SeriesRows(work, table, by_row(answers))
    tell("deciding")
    parts = _parts(series, table, answers, given, images=True, notes=tuple(work.notes()))

    def pictures(wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        kept = {key: work.thumbnail(key[0]) for key in wanted}
        return {key: picture for key, picture in kept.items() if picture}

    return judge(parts, given.policy, given.overrides, pictures), table, (*doubts, *findings)


def vet_table(table: VetTable, given: Given) -> tuple[VetResult, VetTable, tuple[Finding, ...]]:
    """Vet a set of which there is a table only: checks of the set as a whole."""
    whole, findings = _completed(table, given)
    answers = examine_set(whole, given.policy)
    of_set = by_row(answers)
    order = sorted(range(len(whole)), key=lambda i: (whole.series_uid[i], whole.path[i]))
    texts = {name: whole.text(name) for name in ("patient", "site", "scanner", "modality")}
    series = [
        SeriesSeen(
            path=whole.path[i],
            series_uid=whole.series_uid[i],
            patient_hash=texts["patient"][i],
            site=texts["site"][i],
            scanner=texts["scanner"][i],
            modality=texts["modality"][i],
            seen=row_digest(whole.features, whole.values[i]),
            observations=tuple(of_set.get(i, ())),
        )
        for i in order
    ]
    parts = _parts(series, whole, answers, given, images=False)
    return judge(parts, given.policy, given.overrides), whole, findings


def _completed(table: VetTable, given: Given) -> tuple[VetTable, tuple[Finding, ...]]:
    table, findings = true_days(table, given.history_key)
    if given.join is not None:
        table, more = given.join(table)
        findings = (*findings, *more)
    table = dataclasses.replace(table, records=given.records, population=given.population)
    return table, findings


def _parts(
    series: Iterable[SeriesSeen],
    table: VetTable,
    answers: Mapping[str, SetAnswer],
    given: Given,
    *,
    images: bool,
    notes: tuple[FileNote, ...] = (),
) -> VetParts:
    return VetParts(
        series=series,
        checks=known_checks(),
        provenance=VetProvenance(
            qiqa_version=__version__,
            at=given.now,
            judged_at=given.now,
            inputs=given.inputs,
            files=(*given.files, *_descriptions(table)),
            key_fingerprint=given.key.digest("fingerprint").hex()[:12],
        ),
        about=given.about,
        statements={name: answer.statements for name, answer in answers.items()},
        not_run=_not_run(table, answers, given, images=images),
        features=summarize(table.features, table.values),
        notes=notes,
    )


def _descriptions(table: VetTable) -> Iterable[GivenFile]:
    for one in table.declared:
        yield GivenFile(role="description", name=DATASET_JSON, sha256=one.sha256)


_NO_PIXELS = "there is a table only, no images were looked at"
_NEEDS_WORDS: Mapping[str, tuple[str, ...]] = {
    "split": (
        "duplicate_across_splits",
        "patient_in_several_splits",
        "site_in_several_splits",
        "study_in_several_splits",
    ),
    "label": ("duplicate_label_conflict", "label_conflict"),
    "patient": ("duplicate_across_patients",),
    "site": ("duplicate_across_sites",),
}
"""Column -> codes that nothing can be said by where no series has it: a 0 would be no finding."""


def _not_run(
    table: VetTable, answers: Mapping[str, SetAnswer], given: Given, *, images: bool
) -> dict[str, str]:
    """Return checks and codes that nothing can be said by, and why."""
    made = {}
    if not images:
        made = {one.name: _NO_PIXELS for one in known_checks() if one.needs is not Needs.SET}
        made["duplicates"] = _NO_PIXELS
    for column, codes in _NEEDS_WORDS.items():
        if not table.text(column).known.any():
            made |= dict.fromkeys(codes, f"no {column} is stated (--table with a column {column})")
    if "pairing" in answers and not answers["pairing"].statements:
        made["pairing"] = "there are no folders of images and of labels (imagesTr and labelsTr)"
    made |= _unstated(table.declared)
    if given.records is None:
        made["phantom_lineage"] = "no history of phantoms was given (--history)"
    if not given.population:
        made["representativeness"] = "no population was given (--population)"
    return made | dict.fromkeys(given.policy.off, "turned off by the policy")


def _unstated(declared: tuple[DeclaredSet, ...]) -> dict[str, str]:
    """Return what could not be looked for, since no `dataset.json` states it."""
    if not declared:
        codes = ("dataset_json", "undeclared_labels", "channels_differ")
        return dict.fromkeys(codes, "there is no dataset.json beside imagesTr")
    stated = {
        "undeclared_labels": any(one.labels for one in declared),
        "channels_differ": any(one.channels for one in declared),
        "training_cases_differ": any(one.listed or one.training is not None for one in declared),
    }
    lacking = (code for code, known in stated.items() if not known)
    return dict.fromkeys(lacking, "no dataset.json states it")
