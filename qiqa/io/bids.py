"""Names of files as the Brain Imaging Data Structure (BIDS) builds them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import PurePath

__all__ = ["BidsName", "bids_modality", "bids_name", "stem_of"]

_SUFFIXES = (".nii.gz", ".nii")
_PAIR = re.compile(r"(?P<key>[a-z]+)-(?P<value>[0-9A-Za-z+]+)\Z")

_MODALITIES = {"anat": "MR", "dwi": "MR", "fmap": "MR", "func": "MR", "perf": "MR", "pet": "PT"}
"""Folder of a type of data -> modality as DICOM names it."""


@dataclasses.dataclass(frozen=True, slots=True)
class BidsName:
    """`sub-01_acq-long_inv-1_IRT1.nii.gz` in its parts."""

    entities: Mapping[str, str]
    """By key, in the order of the name: `{"sub": "01", "acq": "long", "inv": "1"}`."""
    suffix: str
    """`IRT1`"""


def stem_of(path: str) -> str | None:
    """Return a path without `.nii` or `.nii.gz`, or None where it ends otherwise."""
    return next((path[: -len(s)] for s in _SUFFIXES if path.lower().endswith(s)), None)


def bids_name(path: str) -> BidsName | None:
    """Return the parts of a BIDS name, or None where the name is none.

    >>> bids_name("a/sub-1_flip-2_VFA.nii.gz")
    BidsName(entities={'sub': '1', 'flip': '2'}, suffix='VFA')
    """
    stem = stem_of(path)
    if stem is None:
        return None
    *pairs, suffix = PurePath(stem.replace("\\", "/")).name.split("_")
    found = [_PAIR.match(pair) for pair in pairs]
    if not found or not suffix.isalnum() or any(match is None for match in found):
        return None
    entities = {match["key"]: match["value"] for match in found if match is not None}
    if next(iter(entities)) != "sub" or len(entities) != len(found):
        return None
    return BidsName(entities, suffix)


def bids_modality(path: str) -> str | None:
    """Return the modality that the folder of a BIDS name tells, or None.

    >>> bids_modality("sub-1/anat/sub-1_T1w.nii.gz"), bids_modality("anat/T1.nii.gz")
    ('MR', None)
    """
    named = bids_name(path)
    if named is None:
        return None
    if named.suffix.lower() == "ct":
        return "CT"
    return _MODALITIES.get(PurePath(path.replace("\\", "/")).parent.name)
