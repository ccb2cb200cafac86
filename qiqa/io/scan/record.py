"""What was read of one file, by whichever reader."""

from __future__ import annotations

import dataclasses

from qiqa.io.elements import Syntax
from qiqa.io.scan.attributes import ATTRIBUTES, Value
from qiqa.io.scan.persons import looked_at
from qiqa.io.scan.values import Raw
from qiqa.io.tags import TAGS

__all__ = ["B_VALUES", "Nested", "Pixels", "Record", "nested_tags", "wanted_tags"]

_OWN = (
    *("SpecificCharacterSet", "SOPInstanceUID", "SeriesInstanceUID", "AcquisitionTime"),
    *("AcquisitionDateTime", "FrameAcquisitionDateTime", "InstitutionName", "DeviceSerialNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber"),
    *("TemporalPositionIdentifier", "TemporalPositionIndex", "PatientName", "PatientID"),
    *("PatientBirthDate", "IssuerOfPatientID"),
)
"""Read besides the attributes that are kept; they become something else, or nothing."""


B_VALUES = frozenset(
    (0x00190010, 0x0019100C, 0x00430010, 0x00431039, 0x20010010, 0x20011003, 0x00650010, 0x00651009)
)
"""Where Siemens, GE, Philips and United Imaging keep the b-value, and who reserved the block."""


def wanted_tags() -> frozenset[int]:
    """Return the tags that the scan takes out of a header."""
    own = frozenset(TAGS[keyword][0] for keyword in (*ATTRIBUTES, *_OWN))
    meta = TAGS["TransferSyntaxUID"][0]  # stands apart, and before the order of bytes is known
    return (own | looked_at() | B_VALUES) - {meta}


def nested_tags() -> frozenset[int]:
    """Return the tags that are looked for inside of sequences: those of persons."""
    return looked_at() | {TAGS["PatientID"][0]}


Nested = tuple[int, Raw]
"""Tag of the sequence of the top level, and an element somewhere inside of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pixels:
    """Where the pixel data element has its value."""

    offset: int
    length: int
    """As stated; -1 where they are in compressed pieces."""
    floating: bool = False


@dataclasses.dataclass(slots=True, kw_only=True)
class Record:
    """Undecoded elements of one file and where its pixels are."""

    size: int
    """Bytes of the file."""
    transfer_syntax: str
    syntax: Syntax
    charset: str
    found: dict[int, Raw]
    """Of the top level; of a multi-frame object the first frame's laid over it."""
    more: tuple[Raw, ...] = ()
    """Of further frames, where they differ."""
    pairs: tuple[tuple[str, Value], ...] = ()
    """Attributes that were found decoded."""
    pixels: Pixels | None = None
    available: int | None = None
    """Bytes from the first pixel to the end; None where not known."""
    plain: bool = True
    """Whether pixels are as they are, not compressed."""
    in_place: bool = True
    """Whether they can be taken from the file by their offset: no gzip, no groups of frames."""
    nested: tuple[Nested, ...] = ()
    """Of persons, inside of sequences; each once."""
    private: tuple[tuple[int, int, int], ...] = ()
    """Runs of private elements: tag of the first, and where in `data` they begin and end."""
    data: bytes = b""
    """The bytes of the header."""
    wrong: tuple[str, str] | None = None
    """Code and words where the header could not be read to its end."""
