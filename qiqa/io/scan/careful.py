"""Headers of files that are not ordinary, by the reader that all other rooms use."""

from __future__ import annotations

from collections.abc import Sequence

from qiqa.core.errors import ReadError
from qiqa.io.dicomfile import DEFLATED, UNCOMPRESSED, DicomFile, open_header
from qiqa.io.elements import PIXEL_DATA, Element, Syntax
from qiqa.io.frames import MOST_FRAMES, frame_headers
from qiqa.io.header import Header
from qiqa.io.scan.attributes import ATTRIBUTES, SEQUENCES, Value
from qiqa.io.scan.quick import Quick
from qiqa.io.scan.record import Nested, Pixels, Record, wanted_tags
from qiqa.io.scan.values import Raw, mapped
from qiqa.io.sources import Archives, Blob, gunzip
from qiqa.io.tags import TAGS
from qiqa.kernels.dicom_elements import CUT

__all__ = ["careful_record"]

_FRAMES = TAGS["PerFrameFunctionalGroupsSequence"][0]
_VARYING = frozenset(TAGS[keyword][0] for keyword in ATTRIBUTES)


def careful_record(blob: Blob, archives: Archives, quick: Quick) -> Record:
    """Return what a file holds; the frames of a multi-frame object are taken together.

    Parameters
    ----------
    blob, archives
        The file.
    quick
        Working memory.

    Raises
    ------
    NotDicom
        If it is not a DICOM file.
    ReadError
        If it is one but cannot be read.
    """
    file = open_header(blob, archives, quick.split)
    header, wanted = file.header, wanted_tags()
    packed = blob.read(archives, 2) == b"\x1f\x8b"
    available, wrong = _unpacked(file, blob, archives) if packed else (file.available, None)
    private, data = _private(header)
    frames = _FRAMES in header.elements
    if frames:
        groups, size = quick.frames(header.elements[_FRAMES], blob.name)
        header = _first_frame(header, size)
    first = next(frame_headers(header), header)
    found = _raws(first, wanted)
    syntax = next(iter(header.elements.values())).syntax
    return Record(
        size=blob.size,
        transfer_syntax=file.transfer_syntax,
        syntax=syntax,
        charset=header.charset,
        found=found,
        more=_others(header, groups, found) if frames else (),
        pairs=tuple(_pairs(first)),
        pixels=_pixels(file),
        available=available,
        plain=file.transfer_syntax in UNCOMPRESSED,
        in_place=not (packed or frames or file.transfer_syntax == DEFLATED),
        nested=_nested(file, syntax, quick),
        private=private,
        data=data,
        wrong=wrong,
    )


def _first_frame(header: Header, size: int) -> Header:
    """Return it with the first bytes alone of the groups of frames."""
    groups = header.elements[_FRAMES]
    if isinstance(groups.value, tuple):
        return header
    first = Element("SQ", groups.value[:size], groups.syntax)
    return Header({**header.elements, _FRAMES: first}, header.charset)


def _nested(file: DicomFile, syntax: Syntax, quick: Quick) -> tuple[Nested, ...]:
    """Return what sequences hold of persons, up to where the loop finds the bytes odd."""
    data = bytes(file.data if file.pixels is None else file.data[: file.pixels.offset])
    n, status, at = quick.walk(data, file.start, syntax)
    return quick.persons(data, n, len(data) if status == CUT else at, syntax)


def _unpacked(
    file: DicomFile, blob: Blob, archives: Archives
) -> tuple[int | None, tuple[str, str] | None]:
    """Return how many bytes from the first pixel on gzip holds, and what is wrong with it."""
    try:
        size = len(gunzip(blob.read(archives), blob.name))
    except ReadError as error:
        return None, ("truncated" if "too early" in error.message else "unreadable", error.message)
    return None if file.pixels is None else size - file.pixels.offset, None


def _raws(header: Header, wanted: frozenset[int]) -> dict[int, Raw]:
    return {
        tag: (tag, int.from_bytes(element.vr.encode("ascii"), "big"), bytes(element.value))
        for tag, element in header.elements.items()
        if tag in wanted and element.vr != "SQ" and not isinstance(element.value, tuple)
    }


def _others(
    header: Header, frames: Sequence[dict[int, Raw]], found: dict[int, Raw]
) -> tuple[Raw, ...]:
    """Return the elements of further frames that differ from those of the first.

    Parameters
    ----------
    header
        Of the file.
    frames
        What the groups of each frame say.
    found
        Of the first frame, with what all frames have in common.
    """
    nothing = Element("SQ", ({},), Syntax())
    common = next(frame_headers(Header({**header.elements, _FRAMES: nothing}, header.charset)))
    # what the first frame says otherwise than all frames together
    under = {tag: raw for tag, raw in _raws(common, _VARYING).items() if found.get(tag) != raw}
    others: dict[Raw, None] = {}
    for own in frames[1:MOST_FRAMES]:
        others.update(dict.fromkeys({**under, **own}.values()))
    return tuple(raw for raw in others if raw[0] in _VARYING and found.get(raw[0]) != raw)


def _pairs(first: Header) -> list[tuple[str, Value]]:
    """Return what sequences say: that they are there, and the real-world values."""
    pairs: list[tuple[str, Value]] = [(k, 1.0) for k in sorted(SEQUENCES) if k in first]
    return [*pairs, *mapped(first)]


def _pixels(file: DicomFile) -> Pixels | None:
    if file.pixels is None:
        return None
    length = -1 if file.pixels.length is None else file.pixels.length
    return Pixels(file.pixels.offset, length, file.pixels.tag != PIXEL_DATA)


def _private(header: Header) -> tuple[tuple[tuple[int, int, int], ...], bytes]:
    """Return where private elements are in bytes of their values put together, and those."""
    runs: list[tuple[int, int, int]] = []
    data = bytearray()
    for tag, element in sorted(header.elements.items()):
        if tag & 0x10000:
            start = len(data)
            data += b"\x00".join(_bytes(element))
            runs.append((tag, start, len(data)))
    return tuple(runs), bytes(data)


def _bytes(element: Element) -> list[bytes]:
    """Return all values inside an element, of its items too."""
    if not isinstance(element.value, tuple):
        return [bytes(element.value)]
    return [part for item in element.value for inner in item.values() for part in _bytes(inner)]
