"""Folders of images and of their maps of labels, and what `dataset.json` states of them.

Three layouts are known by name: `imagesTr`, `labelsTr`, `imagesTs` (nnU-Net, Medical Segmentation
Decathlon), plain `images` beside `labels` or `masks`, and a folder a case whose files begin with
its name (`case/case_flair.nii.gz`, `case/case_seg.nii.gz`: BraTS and many others).
"""

from __future__ import annotations

import dataclasses
import re

__all__ = ["DeclaredSet", "Place", "case_and_channel", "declared_at", "place_of", "stem_of"]

_PLACE = re.compile(
    r"(?P<top>(?:.*(?:/|: ))?)(?P<kind>images?|labels?|masks?)(?P<part>tr|ts)?/"
    r"(?P<below>(?:.*/)?)(?P<name>[^/]+)",
    re.IGNORECASE | re.DOTALL,
)
_CASE = re.compile(
    r"(?P<top>(?:.*(?:/|: ))?)(?P<case>[^/]+)/(?P=case)[_-](?P<what>[^/]+?)\.nii(\.gz)?",
    re.IGNORECASE | re.DOTALL,
)
_MAP = re.compile(r"d?seg|segmentations?|labels?|masks?", re.IGNORECASE)
_SUFFIX = re.compile(r"\.nii(\.gz)?\Z", re.IGNORECASE)
_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>[0-9]{4})", re.DOTALL)
_SPLITS = {"tr": "train", "ts": "test"}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies in folders of images and labels."""

    top: str
    """What stands before the folder: "", `Task01/`, `set.zip: `."""
    part: str
    """`tr`, `ts`; "" where the folder does not say."""
    below: str
    """Folders inside of it."""
    labels: bool
    """Whether it is a folder of labels."""
    stem: str
    """Name of the file without `.nii` or `.nii.gz`; of the case, where it has a folder."""
    own_folder: bool = False
    """Whether each case has a folder."""

    @property
    def group(self) -> tuple[str, str, str]:
        """The same for images and the maps that belong to them."""
        # of cases with folders all: none of the others is below a name with this sign
        return self.top, self.part, "/" if self.own_folder else self.below

    @property
    def split(self) -> str:
        """`train`, `test`, or "" where the folder does not say."""
        return _SPLITS.get(self.part, "")


def place_of(path: str) -> Place | None:
    """Return where a file lies, or None where no folder is one of images or labels.

    >>> place_of("Task01/labelsTr/liver_7.nii.gz")
    Place(top='Task01/', part='tr', below='', labels=True, stem='liver_7')
    """
    found = _PLACE.fullmatch(path)
    if found is None:
        return _of_case(path)
    return Place(
        top=found["top"],
        part=(found["part"] or "").lower(),
        below=found["below"],
        labels=not found["kind"].lower().startswith("image"),
        stem=stem_of(found["name"]),
    )


def _of_case(path: str) -> Place | None:
    """Return where a file lies in the folder of its case."""
    found = _CASE.fullmatch(path)
    if found is None:
        return None
    labels = _MAP.fullmatch(found["what"]) is not None
    case = found["case"]
    return Place(found["top"], part="", below="", labels=labels, stem=case, own_folder=True)


def stem_of(path: str) -> str:
    """Return the name of a file without its folders and without `.nii` or `.nii.gz`.

    >>> stem_of("./imagesTr/liver_7.nii.gz")
    'liver_7'
    """
    return _SUFFIX.sub("", path.rpartition("/")[2])


def case_and_channel(stem: str) -> tuple[str, int | None]:
    """Return case and number of the channel as nnU-Net names files; None: no number.

    >>> case_and_channel("liver_7_0001"), case_and_channel("liver_7")
    (('liver_7', 1), ('liver_7', None))
    """
    found = _CHANNEL.fullmatch(stem)
    return (stem, None) if found is None else (found["case"], int(found["channel"]))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSet:
    """What one `dataset.json` beside `imagesTr` states."""

    folder: str
    """As `Place.top` of its images."""
    layout: str
    """`nnU-Net` or `Decathlon`."""
    sha256: str
    channel_files: bool = False
    """Whether each channel is a file of its own, `case_0000.nii.gz`; else it is a volume."""
    channels: tuple[str, ...] = ()
    """Names, in the order of their numbers; empty where not stated."""
    modalities: tuple[str, ...] = ()
    """Of each channel, as DICOM names it; "" where its name tells none."""
    labels: tuple[float, ...] = ()
    """Values that maps may hold, ascending; empty where not stated."""
    training: int | None = None
    """numTraining; None where not stated."""
    listed: tuple[tuple[str, str], ...] = ()
    """Image and map of each case that it lists for training, as paths of series are."""
    wrong: tuple[str, ...] = ()
    """What of it could not be used, in words."""

    def modality_of(self, stem: str) -> str:
        """Return the modality of an image by the name of its file; "" where not stated."""
        if self.channel_files:
            return _at(self.modalities, case_and_channel(stem)[1])
        # volumes of one file are of one modality, or nothing can be said of it
        return self.modalities[0] if len(set(self.modalities)) == 1 else ""

    def channel_of(self, stem: str) -> str:
        """Return the name of the one channel that an image holds; "" where not stated."""
        if self.channel_files:
            return _at(self.channels, case_and_channel(stem)[1])
        return self.channels[0] if len(self.channels) == 1 else ""


def _at(names: tuple[str, ...], number: int | None) -> str:
    return names[number] if number is not None and number < len(names) else ""


def declared_at(place: Place | None, declared: tuple[DeclaredSet, ...]) -> DeclaredSet | None:
    """Return what is stated of the files at a place; None where nothing is."""
    if place is None or not place.part:
        return None
    return next((one for one in declared if one.folder == place.top), None)
