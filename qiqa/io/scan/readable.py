"""Whether files can be read, are whole, and are images to be measured."""

from __future__ import annotations

import io
from typing import IO

from qiqa.core.finding import Severity
from qiqa.core.vetting import Check, Needs, Observation, Reason
from qiqa.io.kinds import other_kind
from qiqa.io.scan.record import Record
from qiqa.io.scan.values import Decoder
from qiqa.io.tags import TAGS

__all__ = ["CHECK", "CODES", "NO_SECTION", "ends_in_time", "kind_of", "needed_bytes"]

NO_SECTION = "no_section"
"""Code of what has no place in space by nature."""
CHECK = Check(
    name="readable",
    needs=Needs.FILE,
    title="Are the files whole, and images?",
    reasons=(
        Reason(
            code="unreadable",
            severity=Severity.ERROR,
            title="cannot be read",
            meaning="Files are empty, damaged, locked, or no longer the format they claim to be. "
            "The value is how many files.",
        ),
        Reason(
            code="truncated",
            severity=Severity.ERROR,
            title="ends too early",
            meaning="Files end inside the header or before the last pixel, as after a broken "
            "copy: part of the image is missing. The value is how many files.",
        ),
        Reason(
            code="no_pixels",
            severity=Severity.ERROR,
            title="no pixels",
            meaning="Image objects hold no pixel data, or describe none that can be. The value "
            "is how many files.",
        ),
        Reason(
            code="not_an_image",
            severity=Severity.WARNING,
            title="no image to be measured",
            meaning="Secondary captures, color images and sections without a place: screenshots "
            "and reports as pictures. The value is how many files.",
        ),
        Reason(
            code=NO_SECTION,
            severity=Severity.WARNING,
            title="radiograph, ultrasound or photograph",
            meaning="Images that are no sections and have no place in space: files, headers and "
            "identity were looked at, pixels were not. The value is how many files.",
        ),
        Reason(
            code="localizer",
            severity=Severity.INFO,
            title="localizer",
            meaning="Images that were made to plan others by: few, coarse slices. The value is "
            "how many files.",
        ),
        Reason(
            code="mixed_patients",
            severity=Severity.ERROR,
            title="more than one patient",
            meaning="Files of one series state different patients: they were mixed up. The value "
            "is how many patients beyond the first.",
        ),
    ),
)
CODES = tuple(reason.code for reason in CHECK.reasons)

_CLASS, _SAMPLES = TAGS["SOPClassUID"][0], TAGS["SamplesPerPixel"][0]
_PLACE = TAGS["ImagePositionPatient"][0]
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"
_ITEM = b"\xfe\xff\x00\xe0"
_MOST_PIECES = 400_000
_SIZES = tuple(TAGS[k][0] for k in ("Rows", "Columns", "NumberOfFrames", "BitsAllocated"))


def kind_of(record: Record, decoder: Decoder) -> str | None:
    """Return what an object is if it is no image to be measured; None for an image."""
    return other_kind(
        decoder.text(record.found.get(_CLASS)),
        pixels=record.pixels is not None,
        geometry=_PLACE in record.found,
        samples=decoder.whole(record.found.get(_SAMPLES)) or 1,
    )


def needed_bytes(record: Record, decoder: Decoder) -> int:
    """Return how many bytes the pixels described take; 0 where the description is impossible."""
    rows, columns, frames, bits = (decoder.whole(record.found.get(tag)) for tag in _SIZES)
    samples = decoder.whole(record.found.get(_SAMPLES)) or 1
    values = (rows or 0) * (columns or 0) * (1 if frames is None else frames) * samples
    return max(values * (bits or 0) // 8, 0)


def ends_in_time(record: Record, needed: int, file: IO[bytes] | None) -> Observation | None:
    """Return what is wrong with the length of the pixels, or None.

    Parameters
    ----------
    record
        With pixels.
    needed
        Bytes that plain pixels take.
    file
        Open for seeking, to follow compressed pieces; None to leave that.
    """
    pixels = record.pixels
    if pixels is None or record.available is None:
        return None
    there = record.available
    if pixels.length >= 0:
        whole = max(pixels.length, needed) if record.plain else pixels.length
        stated = min(pixels.length, there)
        if stated >= (needed if record.plain else whole):
            return None
        text = f"pixel data end after {max(stated, 0)} of {whole} bytes"
        return Observation(code="truncated", evidence=text)
    if record.plain or file is None or _has_end(file, pixels.offset, record.size):
        return None
    return Observation(code="truncated", evidence="the compressed pixels have no end")


def _has_end(file: IO[bytes], offset: int, size: int) -> bool:
    """Say whether the pieces of compressed pixels lead to the delimiter that ends them."""
    file.seek(max(size - 8, 0))
    if file.read(4) == _SEQUENCE_END:
        return True
    at = offset
    for _ in range(_MOST_PIECES):
        if at + 8 > size:
            return False
        file.seek(at, io.SEEK_SET)
        head = file.read(8)
        if head[:4] == _SEQUENCE_END:
            return True
        if head[:4] != _ITEM:
            return False
        at += 8 + int.from_bytes(head[4:8], "little")
    return True  # more pieces than any image has frames: nothing is known to be missing
