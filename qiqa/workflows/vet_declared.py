"""What a set states of itself: each `dataset.json` beside `imagesTr`, and splits by folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qiqa.core.declared import DeclaredSet, place_of
from qiqa.core.errors import ReadError
from qiqa.core.finding import Finding, Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.words import Words
from qiqa.io.dataset_json import DATASET_JSON, declared_set
from qiqa.io.scan.listing import split_member
from qiqa.io.sources import Archives, blob_at
from qiqa.store.vet_work import VetWork
from qiqa.workflows.training_set import top_of

__all__ = ["declared_sets", "with_splits"]


def declared_sets(root: Path, work: VetWork) -> tuple[tuple[DeclaredSet, ...], list[Finding]]:
    """Return what each `dataset.json` states whose folder has images for training.

    Parameters
    ----------
    root
        Folder or archive that was scanned.
    work
        What the scan found.

    Returns
    -------
    sets, findings
        In the order of their paths; findings of what could not be used.
    """
    top = top_of(root)
    made: list[DeclaredSet] = []
    findings: list[Finding] = []
    with Archives() as archives:
        for note in work.notes_named(DATASET_JSON):
            folder = note.path[: -len(DATASET_JSON)]
            if not work.has_series(f"nifti:{folder}imagesTr/"):
                continue
            name, member = split_member(note.path, lambda path: (top / path).is_file())
            try:
                blob = blob_at(str(top / name), member, archives)
            except ReadError:
                continue  # gone since it was scanned
            one = declared_set(
                folder, blob, archives, lambda path: work.has_series(f"nifti:{path}")
            )
            made.append(one)
            findings += [_wrong(note.path, why) for why in one.wrong]
    return tuple(made), findings


def _wrong(path: str, why: str) -> Finding:
    return Finding(
        code="dataset_json",
        severity=Severity.WARNING,
        message=why,
        where=path,
        hint="correct it, or state modality and the like by --table",
    )


def with_splits(table: VetTable) -> VetTable:
    """Return the table with the splits that folders say, where no table stated any."""
    if table.text("split").known.any():
        return table
    places = map(place_of, table.path)
    split = Words.of("" if place is None else place.split for place in places)
    return dataclasses.replace(table, texts={**table.texts, "split": split})
