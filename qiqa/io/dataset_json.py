"""`dataset.json` of nnU-Net and of the Medical Segmentation Decathlon, beside `imagesTr`.

nnU-Net: `channel_names`, `labels` (name -> value), `numTraining`, `file_ending`; a file a channel.
Decathlon: `modality`, `labels` (value -> name), `numTraining`, `training` (image and label of each
case); channels are volumes. The first nnU-Net had the keys of Decathlon and a file a channel.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from qiqa.core.declared import DeclaredSet, declared_at, place_of
from qiqa.core.errors import ReadError
from qiqa.core.vetting import SeriesFacts
from qiqa.io.sources import Archives, Blob

__all__ = ["DATASET_JSON", "declared_set", "modality_of_words", "with_declared"]

DATASET_JSON = "dataset.json"
_LARGEST = 64 << 20
"""Bytes; a list of 100,000 cases takes 10 MB."""
_MOST = 10**9
"""Cases and values of labels beyond are none."""
_LONGEST = 64
"""Characters of a channel's name."""
_WORDS = {
    "MR": re.compile(
        r"mri?|mra|t[12][a-z]*|pdw?|flair|adc|dwi|dti|swi|dce|asl|bold|fmri|mprage|b[0-9]{2,4}"
    ),
    "CT": re.compile(r"ct|cta|ctp|cect|ncct|ldct"),
    "PT": re.compile(r"pet|pt|suv|fdg"),
    "US": re.compile(r"us|ultrasound"),
}


def modality_of_words(name: str) -> str:
    """Return the modality that the name of a channel tells, as DICOM names it; else "".

    >>> modality_of_words("T1w"), modality_of_words("CT"), modality_of_words("zscore")
    ('MR', 'CT', '')
    """
    words = re.findall(r"[a-z0-9]+", name.lower())
    found = {m for m, known in _WORDS.items() if any(map(known.fullmatch, words))}
    return found.pop() if len(found) == 1 else ""


def declared_set(
    folder: str, blob: Blob, archives: Archives, is_there: Callable[[str], bool]
) -> DeclaredSet:
    """Return what a `dataset.json` states; what is wrong with it is said in `wrong`, never raised.

    Parameters
    ----------
    folder
        What stands before its name in its path, as `Place.top`.
    blob, archives
        The file.
    is_there
        Says whether a path is that of a series.
    """
    data, stated, why = b"", None, ""
    try:
        data = blob.read(archives, _LARGEST)
        stated = json.loads(data)
    except ReadError as error:
        why = error.message
    except (ValueError, RecursionError) as error:
        why = f"it is no JSON ({type(error).__name__})"
    sha256 = hashlib.sha256(data).hexdigest()
    if isinstance(stated, dict) and _KEYS & stated.keys():
        return _Reader(folder, stated, is_there).read(sha256)
    why = why or f"it has none of the keys {', '.join(sorted(_KEYS))}"
    wrong = (f"{why}: nothing of it is used",)
    return DeclaredSet(folder=folder, layout="unknown", sha256=sha256, wrong=wrong)


_KEYS = frozenset(("channel_names", "modality", "labels", "numTraining", "training"))


class _Reader:
    """One file being read, and what turned out wrong so far."""

    def __init__(
        self, folder: str, stated: Mapping[str, Any], is_there: Callable[[str], bool]
    ) -> None:
        self.folder, self.stated, self.is_there = folder, stated, is_there
        self.wrong: list[str] = []

    def read(self, sha256: str) -> DeclaredSet:
        """Return all that can be used."""
        channels, listed = self._channels(), self._listed()
        second = "channel_names" in self.stated or "file_ending" in self.stated
        files = second or self._a_file_a_channel(listed)
        training = self._training()
        if training is not None and listed and training != len(listed):
            self.wrong.append(f"numTraining is {training}, but {len(listed)} cases are listed")
        return DeclaredSet(
            folder=self.folder,
            layout="nnU-Net" if files else "Decathlon",
            sha256=sha256,
            channel_files=files,
            channels=channels,
            modalities=tuple(modality_of_words(name) for name in channels),
            labels=self._labels(),
            training=training,
            listed=listed,
            wrong=tuple(self.wrong),
        )

    def _channels(self) -> tuple[str, ...]:
        key = "channel_names" if "channel_names" in self.stated else "modality"
        given = self.stated.get(key, {})
        numbers = [str(n) for n in range(len(given))] if isinstance(given, dict) else []
        if not isinstance(given, dict) or set(given) != set(numbers):
            self._unused(key, given, 'names by number, {"0": "T1", "1": ...}')
            return ()
        if not all(isinstance(name, str) for name in given.values()):
            self._unused(key, given, "a name of each channel")
            return ()
        return tuple(_plain(given[number]) for number in numbers)

    def _labels(self) -> tuple[float, ...]:
        given = self.stated.get("labels", {})
        values: set[float] = set()
        for name, value in given.items() if isinstance(given, dict) else ():
            # regions are lists of values; Decathlon has the value first
            told = value if isinstance(value, list) else [name if isinstance(value, str) else value]
            found = [_whole(one) for one in told]
            if None in found or not found:
                self._unused("labels", {name: value}, "whole numbers with names")
                return ()
            values.update(float(one) for one in found if one is not None)
        if not isinstance(given, dict):
            self._unused("labels", given, "whole numbers with names")
        return tuple(sorted(values))

    def _training(self) -> int | None:
        given = self.stated.get("numTraining")
        number = None if isinstance(given, str) else _whole(given)
        if given is not None and (number is None or number < 0):
            self._unused("numTraining", given, "a whole number")
            return None
        return number

    def _listed(self) -> tuple[tuple[str, str], ...]:
        given = self.stated.get("training", [])
        made = []
        for one in given if isinstance(given, list) else [given]:
            image, label = (one.get(key) if isinstance(one, dict) else None
                            for key in ("image", "label"))  # fmt: skip
            if not isinstance(image, str) or not isinstance(label, str):
                self._unused("training", one, 'a list of {"image": path, "label": path}')
                return ()
            made.append((self._path(image), self._path(label)))
        return tuple(made)

    def _path(self, stated: str) -> str:
        return self.folder + stated.replace("\\", "/").removeprefix("./")

    def _a_file_a_channel(self, listed: tuple[tuple[str, str], ...]) -> bool:
        """Say whether listed images are not there by their name, but by that of a channel."""
        if any(self.is_there(image) for image, _ in listed):
            return False
        stems = (re.match(r"(.*?)(\.nii(?:\.gz)?)?\Z", image, re.DOTALL) for image, _ in listed)
        return any(self.is_there(f"{m[1]}_0000{m[2] or ''}") for m in stems if m is not None)

    def _unused(self, key: str, given: object, wanted: str) -> None:
        shown = _plain(json.dumps(given, ensure_ascii=True))
        self.wrong.append(f"{key} is {shown}, expected is {wanted}: it is not used")


def _whole(value: object) -> int | None:
    """Return a whole number that is meant by a number or its digits, or None."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) <= _MOST and value == int(value) else None


def _plain(text: str) -> str:
    """Return text that is short and can be printed."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


def with_declared(facts: SeriesFacts, declared: tuple[DeclaredSet, ...]) -> SeriesFacts:
    """Return facts of a series with what `dataset.json` states of it, where it says nothing itself.

    Of an image modality and channel (as name of the protocol), of a map of labels the values that
    it may hold (as `declared_labels`).
    """
    place = place_of(facts.path)
    stated = declared_at(place, declared)
    if place is None or stated is None:
        return facts
    if place.labels:
        more: dict[str, tuple[str | float, ...]] = {"declared_labels": stated.labels}
    else:
        said = {
            "Modality": stated.modality_of(place.stem),
            "ProtocolName": stated.channel_of(place.stem),
        }
        more = {name: (word,) for name, word in said.items() if not facts.text(name)}
    known = {name: values for name, values in more.items() if values and values != ("",)}
    return dataclasses.replace(facts, attributes={**facts.attributes, **known})
