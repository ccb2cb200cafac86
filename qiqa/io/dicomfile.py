"""One DICOM file: its header, and where its pixels begin."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable

from qiqa.core.errors import ReadError
from qiqa.io.elements import Element, Malformed, Pixels, Syntax, Truncated, is_vr, split
from qiqa.io.header import Header
from qiqa.io.kinds import DICOMDIR
from qiqa.io.sources import Archives, Blob, gunzip

__all__ = ["UNCOMPRESSED", "DicomFile", "NotDicom", "open_header", "parse"]

_FIRST_READ = 256 << 10
"""Bytes; the header of nearly every classic file is shorter."""
_LARGEST_HEADER = 1 << 30
_LARGEST_INFLATED = 4 << 30

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
_CLASS = 0x00080016
UNCOMPRESSED = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})


class NotDicom(ValueError):  # noqa: N818 - an answer, caught inside this room
    """The file is something else; that is no error."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DicomFile:
    """A parsed file. `data` holds at least the bytes up to the pixels."""

    header: Header
    transfer_syntax: str
    little: bool
    pixels: Pixels | None
    data: memoryview
    start: int
    """Where the data set begins in it."""
    available: int | None
    """Bytes from the first pixel to the end of the file; None where not known yet."""


Splitter = Callable[[memoryview, int, int, Syntax], tuple[dict[int, Element], int, Pixels | None]]
"""As `qiqa.io.elements.split`."""


def open_header(blob: Blob, archives: Archives, splitter: Splitter = split) -> DicomFile:
    """Return the header of a file, reading no more of it than needed.

    Parameters
    ----------
    blob, archives
        The file.
    splitter
        Finds the elements.

    Raises
    ------
    NotDicom
        If it is not a DICOM file.
    ReadError
        If it is one but cannot be read.
    """
    limit = _FIRST_READ
    while True:
        stored = blob.read(archives, limit)
        packed = stored[:2] == b"\x1f\x8b"
        data = gunzip(stored, blob.name, limit) if packed else stored
        whole = len(stored) >= blob.size
        total = None if packed else blob.size
        try:
            return parse(data, blob.name, total, splitter)
        except Truncated as error:
            if whole and (not packed or len(data) < limit):
                raise ReadError(f"the header is cut short: {error}", where=blob.name) from error
            limit *= 4
            if limit > _LARGEST_HEADER:
                raise ReadError("the header has no end", where=blob.name) from error


def parse(data: bytes, name: str, total: int | None, splitter: Splitter = split) -> DicomFile:
    """Split a file's bytes (all, or the first of `total`) into header and pixels.

    Raises
    ------
    NotDicom
        If it is not a DICOM file.
    Truncated
        If the bytes end inside the header.
    ReadError
        If it is malformed.
    """
    view = memoryview(data)
    start, declared, held = _skip_meta(view)
    try:
        if declared == DEFLATED:
            view = memoryview(_inflate(view[start:], name))
            start, total = 0, len(view)
        syntax = _syntax(view, start, declared)
        elements, _, pixels = splitter(view, start, len(view), syntax)
    except Truncated:
        raise
    except Malformed as error:
        raise ReadError(f"malformed DICOM: {error}", where=name) from error
    if _CLASS not in elements and (held == DICOMDIR or any(t >> 16 == 0x0004 for t in elements)):
        # an index states its class in the meta group, if at all; group 4 is in no other object
        elements[_CLASS] = Element("UI", memoryview(DICOMDIR.encode("ascii")), Syntax())
    header = Header(elements).with_charset()
    if "SOPClassUID" not in header and "SeriesInstanceUID" not in header:
        raise NotDicom
    return DicomFile(
        header=header,
        transfer_syntax=declared or (EXPLICIT if syntax.explicit else IMPLICIT),
        little=syntax.little,
        pixels=pixels,
        data=view,
        start=start,
        available=None if pixels is None or total is None else total - pixels.offset,
    )


def _inflate(packed: memoryview, name: str) -> bytes:
    machine = zlib.decompressobj(wbits=-15)
    try:
        data = machine.decompress(packed, _LARGEST_INFLATED)
    except zlib.error as error:
        raise ReadError(f"damaged deflated data set: {error}", where=name) from error
    if not machine.eof:
        if machine.unconsumed_tail:
            raise ReadError(f"unpacks to more than {_LARGEST_INFLATED} bytes", where=name)
        raise Truncated("the deflated data set has no end")
    return data


def _skip_meta(view: memoryview) -> tuple[int, str | None, str | None]:
    """Return where the data set begins; transfer syntax and class stated in the meta group."""
    if bytes(view[128:132]) == b"DICM":
        start = 132
    elif _plausible_start(view):
        start = 0
    else:
        raise NotDicom
    if bytes(view[start : start + 2]) != b"\x02\x00":
        return start, None, None
    position, syntax = start, Syntax(explicit=is_vr(bytes(view[start + 4 : start + 6])))
    declared: str | None = None
    held: str | None = None
    while bytes(view[position : position + 2]) == b"\x02\x00":
        size = _meta_size(view, position, syntax)
        number = bytes(view[position + 2 : position + 4])
        if number in (b"\x10\x00", b"\x02\x00"):
            text = bytes(view[position + 8 : position + size]).decode("ascii", "replace")
            if number == b"\x10\x00":
                declared = text.strip("\x00 ")
            else:
                held = text.strip("\x00 ")
        position += size
    return position, declared, held


def _meta_size(view: memoryview, at: int, syntax: Syntax) -> int:
    """Return head and value length of one element of the meta group."""
    head = bytes(view[at : at + 12])
    if len(head) < 8:
        raise Truncated("the bytes end inside the meta group")
    if not syntax.explicit:
        return 8 + int.from_bytes(head[4:8], "little")
    if head[4:6] in (b"OB", b"UN", b"OW"):
        return 12 + int.from_bytes(head[8:12], "little")
    return 8 + int.from_bytes(head[6:8], "little")


def _plausible_start(view: memoryview) -> bool:
    """Say whether a file without preamble begins with an element of group 2 or 8."""
    head = bytes(view[:8])
    if len(head) < 8 or head[:2] not in (b"\x02\x00", b"\x08\x00"):
        return False
    if int.from_bytes(head[2:4], "little") > 0x0020:
        return False
    return is_vr(head[4:6]) or int.from_bytes(head[4:8], "little") <= 1024


def _syntax(view: memoryview, start: int, declared: str | None) -> Syntax:
    """Return how elements are written; the first element decides where the meta group errs."""
    explicit = is_vr(bytes(view[start + 4 : start + 6]))
    return Syntax(explicit=explicit, little=declared != BIG_ENDIAN)
