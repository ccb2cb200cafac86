"""Pixels hold the image and nothing else: no bytes behind it, no overlay bits, no comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qiqa.io.deid.acceptance import Refusal
from qiqa.io.deid.dataset import readable

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["clean_pixels"]

_BYTES = {"FloatPixelData": 4, "DoubleFloatPixelData": 8}


def clean_pixels(ds: Dataset, where: str, *, compressed: bool, big_endian: bool) -> int:
    """Clean the pixels of a data set in place; return how many things were taken out.

    Bytes beyond the last pixel are cut off; where an overlay stands in unused bits of the pixels,
    these bits become what they would be without (zero, or the sign); comments in compressed
    frames become zeros. Big-endian pixels are swapped, since little endian is written.

    Raises
    ------
    Refusal
        If there are fewer pixels than stated, or an overlay cannot be told from them.
    """
    name = next(n for n in ("PixelData", *_BYTES) if n in ds)
    overlay = any(
        0x6000 <= e.tag.group <= 0x601E and e.tag.element == 0x0102 and e.value
        for e in readable(ds)
    )
    data = bytes(ds[name].value)
    if compressed:
        if overlay:
            raise Refusal("overlay_in_pixels", where, hint="decompress the images first")
        cleaned, taken = _without_comments(data)
        ds[name].value = cleaned
        return taken
    width = _BYTES.get(name) or int(ds.BitsAllocated) // 8
    count = int(ds.Rows) * int(ds.Columns) * int(ds.get("NumberOfFrames") or 1)
    if len(data) < count * width:
        raise Refusal("pixels_damaged", where)
    values = np.frombuffer(data, dtype=f"u{width}", count=count)
    if big_endian:
        values = values.byteswap()
    if overlay:
        values = _image_bits(values, ds)
    cleaned = values.tobytes()
    ds[name].value = cleaned + b"\x00" * (len(cleaned) % 2)
    beyond = len(data) - len(cleaned) > len(cleaned) % 2 or any(data[len(cleaned) :])
    return int(beyond) + int(overlay)


def _image_bits(values: NDArray[Any], ds: Dataset) -> NDArray[Any]:
    """Return pixels with the stored bits alone, sign-extended where they are signed."""
    stored, high = int(ds.BitsStored), int(ds.HighBit)
    mask = ((1 << stored) - 1) << (high + 1 - stored)
    image = values & values.dtype.type(mask)
    if int(ds.get("PixelRepresentation", 0)):
        negative = (values >> values.dtype.type(high)) & values.dtype.type(1)
        above = (1 << 8 * values.dtype.itemsize) - (1 << (high + 1))
        image = image | (negative * values.dtype.type(above))
    return np.asarray(image)


def _without_comments(data: bytes) -> tuple[bytes, int]:
    """Return encapsulated frames with the payload of comment segments set to zero."""
    from pydicom.encaps import generate_fragments

    cleaned, taken, position = bytearray(data), 0, 0
    for fragment in generate_fragments(data):
        start = data.index(fragment, position) if fragment else position
        position = start + len(fragment)
        for at, size in [*_comments(fragment), *_behind(fragment)]:
            taken += any(cleaned[start + at : start + at + size])
            cleaned[start + at : start + at + size] = bytes(size)
    return bytes(cleaned), taken


def _comments(frame: bytes) -> list[tuple[int, int]]:
    """Return place and length of comments in a JPEG, JPEG-LS or JPEG 2000 header.

    Markers: ITU-T T.81 table B.1 (COM FFFE, APPn FFE0 to FFEF, SOS FFDA ends the header), T.800
    table A.2 (COM FF64, SOT FF90 ends the main header). APP14, by which decoders tell color
    transforms, and JPEG-LS' APP8 stay.
    """
    wavelet = frame[:4] == b"\xff\x4f\xff\x51"
    if not wavelet and frame[:2] != b"\xff\xd8":
        return []
    found, at = [], 2
    while at + 4 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == (0x90 if wavelet else 0xDA):
            break
        size = int.from_bytes(frame[at + 2 : at + 4], "big")
        application = 0xE0 <= marker <= 0xEF and marker not in (0xE8, 0xEE)
        if marker == 0x64 if wavelet else (marker == 0xFE or application):
            # the registration value (two bytes) of a JPEG 2000 comment says how to read it
            skip = 6 if wavelet else 4
            found.append((at + skip, max(min(size + 2 - skip, len(frame) - at - skip), 0)))
        at += 2 + max(size, 2)
    return found


def _behind(frame: bytes) -> list[tuple[int, int]]:
    """Return place and length of what follows the end marker (FFD9 in both families)."""
    end = frame.rfind(b"\xff\xd9")
    if frame[:2] not in (b"\xff\xd8", b"\xff\x4f") or end < 0:
        return []
    return [(end + 2, len(frame) - end - 2)]
