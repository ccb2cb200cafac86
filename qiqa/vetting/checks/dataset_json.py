"""What `dataset.json` states of a set, what was taken from it, and where the files contradict."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qiqa.core.declared import DeclaredSet, Place, case_and_channel, declared_at, place_of, stem_of
from qiqa.core.finding import Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import (
    LABELS,
    Check,
    Needs,
    Observation,
    Reason,
    SetAnswer,
    SetStatement,
    Settings,
)
from qiqa.vetting.sets.wording import named, table

__all__ = ["CHECK", "look"]

CHECK = Check(
    name="dataset_json",
    needs=Needs.SET,
    title="The set is as its dataset.json says",
    reasons=(
        Reason(
            code="stated_in_dataset_json",
            severity=Severity.INFO,
            title="stated in dataset.json",
            meaning="What was taken from dataset.json of nnU-Net or Decathlon: modality and "
            "channel of images that state none themselves, and which labels maps may hold. The "
            "value is the number of images beside it.",
            unit="images",
        ),
        Reason(
            code="dataset_json_wrong",
            severity=Severity.WARNING,
            title="dataset.json cannot be used in part",
            meaning="Damaged, not as nnU-Net or Decathlon have it, or contradicting itself: what "
            "it was to say is not known. The value is how many things are wrong.",
        ),
        Reason(
            code="training_cases_differ",
            severity=Severity.WARNING,
            title="other training cases than stated",
            meaning="Cases in imagesTr are not as many as numTraining says, or not those that are "
            "listed: cases were lost or added since it was written. The value is how many.",
            unit="cases",
        ),
        Reason(
            code="modality_differs",
            severity=Severity.WARNING,
            title="modality is not that of dataset.json",
            meaning="The file, its sidecar or a table states another modality than dataset.json, "
            "and counts; one of them is wrong.",
        ),
    ),
)


def look(observed: VetTable, settings: Settings) -> SetAnswer:  # noqa: ARG001
    """Hold each `dataset.json` against the series beside it."""
    if not observed.declared:
        return SetAnswer()
    images: dict[str, list[tuple[int, Place]]] = {one.folder: [] for one in observed.declared}
    for row, path in enumerate(observed.path):
        place = place_of(path)
        if place is not None and not place.labels and declared_at(place, observed.declared):
            images[place.top].append((row, place))
    seen: list[tuple[int, Observation]] = []
    said: list[SetStatement] = []
    for number, one in enumerate(observed.declared, start=1):
        # its folder may name a person, and the card shows no path
        many = f"dataset.json {number} of {len(observed.declared)}"
        subject = many if len(observed.declared) > 1 else "dataset.json"
        own = images[one.folder]
        said += [_stated(one, own, observed, subject), _wrong(one, subject)]
        said += _cases(one, own, subject)
        seen += _modalities(one, own, observed)
    return SetAnswer(observations=tuple(sorted(seen, key=lambda s: s[0])), statements=tuple(said))


def _stated(
    one: DeclaredSet, images: list[tuple[int, Place]], observed: VetTable, subject: str
) -> SetStatement:
    modality = observed.text("modality")
    told = np.array([one.modality_of(place.stem) for _, place in images], dtype=str)
    own = np.array([modality[row] for row, _ in images], dtype=str)
    same = int(np.count_nonzero((told != "") & (told == own)))
    rows = [
        (f"channel {n}", f"{name}: {kind or 'no modality known by this name'}")
        for n, (name, kind) in enumerate(zip(one.channels, one.modalities, strict=True))
    ]
    if one.labels:
        rows.append(("labels", named([f"{value:.0f}" for value in one.labels], most=50)))
    if one.training is not None:
        rows.append(("numTraining", str(one.training)))
    return SetStatement(
        code="stated_in_dataset_json",
        value=float(len(images)),
        subject=subject,
        evidence=f"{one.layout}; of {len(images)} images {same} have the modality that it states",
        rows=table(("key", "stated"), rows) if rows else (),
    )


def _wrong(one: DeclaredSet, subject: str) -> SetStatement:
    return SetStatement(
        code="dataset_json_wrong",
        value=float(len(one.wrong)),
        subject=subject,
        evidence="; ".join(one.wrong) or "nothing is wrong with it",
    )


def _cases(
    one: DeclaredSet, images: list[tuple[int, Place]], subject: str
) -> Iterator[SetStatement]:
    """Say how many cases of training there are, against those counted and listed."""
    if one.training is None and not one.listed:
        return
    stems = {place.stem for _, place in images if place.part == "tr"}
    cases = {case_and_channel(stem)[0] if one.channel_files else stem for stem in stems}
    words = [f"{len(cases)} cases are in imagesTr"]
    differing = 0
    if one.training is not None:
        differing = abs(one.training - len(cases))
        words.append(f"numTraining is {one.training}")
    if one.listed:
        listed = {_case(pair, one) for pair in one.listed}
        lost, more = len(listed - cases), len(cases - listed)
        differing = max(differing, lost + more)
        words += [f"{lost} of {len(listed)} listed are not there", f"{more} are not listed"]
    yield SetStatement(
        code="training_cases_differ",
        value=float(differing),
        subject=subject,
        evidence="; ".join(words),
    )


def _case(pair: tuple[str, str], one: DeclaredSet) -> str:
    """Return the case of a listed image and map; images may lack the number of their channel."""
    return stem_of(pair[1] if one.channel_files else pair[0])


def _modalities(
    one: DeclaredSet, images: list[tuple[int, Place]], observed: VetTable
) -> Iterator[tuple[int, Observation]]:
    modality = observed.text("modality")
    for row, place in images:
        told, own = one.modality_of(place.stem), modality[row]
        # a map of labels among the images is said by another check
        if told and own and own != LABELS and own.upper() != told:
            text = f"{own} here, {told} in dataset.json"
            yield row, Observation(code="modality_differs", evidence=text)
