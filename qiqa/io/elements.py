"""Split the bytes of a DICOM data set into elements, without decoding any value (PS3.5, 7).

qiqa splits headers itself, so that reading a folder needs neither a second's import nor a
dictionary of all attributes, and so that no length in a hostile header is trusted. The tests
compare every value with pydicom's. Compressed pixels are left to pydicom.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = [
    "PIXEL_DATA",
    "Element",
    "Malformed",
    "Pixels",
    "Syntax",
    "Truncated",
    "is_vr",
    "split",
    "split_items",
]

PIXEL_DATA = 0x7FE00010
_FLOAT_PIXELS = 0x7FE00008
_OFFSET_TABLES = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003})

_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DEEPEST = 24
"""Sequences inside sequences that are followed; real headers stay under ten."""

_MOST_ELEMENTS = 65_536
"""In one data set or item; real ones have hundreds."""


class Malformed(ValueError):  # noqa: N818 - what the bytes are, caught inside this room
    """The bytes are not a DICOM data set."""


class Truncated(Malformed):
    """The bytes end inside an element."""


class Syntax(NamedTuple):
    """How elements are written."""

    explicit: bool = True
    little: bool = True


class Element(NamedTuple):
    """One undecoded element."""

    vr: str
    """Value representation as written; empty where the file does not say."""
    value: memoryview | tuple[dict[int, Element], ...]
    """Bytes, or the items of a sequence of undefined length."""
    syntax: Syntax


class Pixels(NamedTuple):
    """Where pixel data begin, and how long they are; None where they are in compressed pieces."""

    tag: int
    offset: int
    length: int | None


class _Scan(NamedTuple):
    tags: struct.Struct
    short: struct.Struct
    long: struct.Struct


_LITTLE = _Scan(struct.Struct("<HH"), struct.Struct("<H"), struct.Struct("<I"))
_BIG = _Scan(struct.Struct(">HH"), struct.Struct(">H"), struct.Struct(">I"))


def is_vr(two: bytes) -> bool:
    """Say whether two bytes name a value representation."""
    return two in _SHORT or two in _LONG


def split(
    data: memoryview, start: int, end: int, syntax: Syntax, *, depth: int = 0
) -> tuple[dict[int, Element], int, Pixels | None]:
    """Return elements by tag, the offset after the last one read, and where the pixels are.

    Reading ends before the value of the pixel data, or after an item delimiter.

    Raises
    ------
    Truncated
        If an element reaches past `end`.
    Malformed
        If sequences are nested too deep, delimiters are out of place, or elements are more than
        any header has: an empty file of 5 GB is 600 million of them.
    """
    elements: dict[int, Element] = {}
    position = start
    room = _MOST_ELEMENTS
    while position < end:
        room -= 1
        if room < 0:
            raise Malformed(f"more than {_MOST_ELEMENTS} elements beside each other")
        tag, vr, length, value_at = _element_head(data, position, end, syntax)
        if tag == _ITEM_END:
            return elements, value_at, None
        if tag >> 16 == 0xFFFE:
            raise Malformed(f"delimiter {tag:08X} out of place")
        if depth == 0 and tag >= _FLOAT_PIXELS and tag not in _OFFSET_TABLES:
            pixels = Pixels(tag, value_at, None if length == _UNDEFINED else length)
            return elements, value_at, pixels if tag <= PIXEL_DATA else None
        inner = Syntax(explicit=False, little=syntax.little) if vr == "UN" else syntax
        if length == _UNDEFINED:
            items, position = _items_to_delimiter(data, value_at, end, inner, depth + 1)
            elements[tag] = Element("SQ", items, inner)
            continue
        position = value_at + length
        if position > end:
            raise Truncated(f"element {tag:08X} ends {position - end} bytes past the end")
        elements[tag] = Element(vr, data[value_at:position], inner if vr == "UN" else syntax)
    return elements, position, None


def _element_head(data: memoryview, at: int, end: int, syntax: Syntax) -> tuple[int, str, int, int]:
    """Return tag, value representation, length and where the value begins."""
    if at + 8 > end:
        raise Truncated("the bytes end inside an element's head")
    scan = _LITTLE if syntax.little else _BIG
    group, number = scan.tags.unpack_from(data, at)
    tag = group << 16 | number
    if not syntax.explicit or group == 0xFFFE:
        return tag, "", scan.long.unpack_from(data, at + 4)[0], at + 8
    two = bytes(data[at + 4 : at + 6])
    if two in _SHORT:
        return tag, two.decode("ascii"), scan.short.unpack_from(data, at + 6)[0], at + 8
    if two in _LONG:
        if at + 12 > end:
            raise Truncated("the bytes end inside an element's head")
        return tag, two.decode("ascii"), scan.long.unpack_from(data, at + 8)[0], at + 12
    # some writers leave out the representation of single elements
    return tag, "", scan.long.unpack_from(data, at + 4)[0], at + 8


def _items_to_delimiter(
    data: memoryview, start: int, end: int, syntax: Syntax, depth: int
) -> tuple[tuple[dict[int, Element], ...], int]:
    if depth > _DEEPEST:
        raise Malformed(f"sequences nested deeper than {_DEEPEST}")
    items: list[dict[int, Element]] = []
    scan = _LITTLE if syntax.little else _BIG
    position = start
    while position < end:
        if position + 8 > end:
            raise Truncated("the bytes end inside a sequence")
        group, number = scan.tags.unpack_from(data, position)
        length = scan.long.unpack_from(data, position + 4)[0]
        tag, position = group << 16 | number, position + 8
        if tag == _SEQUENCE_END:
            return tuple(items), position
        if tag != _ITEM:
            raise Malformed(f"{tag:08X} where an item was expected")
        if length == _UNDEFINED:
            elements, position, _ = split(data, position, end, syntax, depth=depth)
        else:
            if position + length > end:
                raise Truncated("the bytes end inside a sequence item")
            elements, _, _ = split(data, position, position + length, syntax, depth=depth)
            position += length
        items.append(elements)
    raise Truncated("a sequence has no end")


def split_items(element: Element) -> tuple[dict[int, Element], ...]:
    """Return the items of a sequence element; empty where it holds none or cannot be split."""
    if isinstance(element.value, tuple):
        return element.value
    data, position = element.value, 0
    items: list[dict[int, Element]] = []
    scan = _LITTLE if element.syntax.little else _BIG
    while position + 8 <= len(data):
        group, number = scan.tags.unpack_from(data, position)
        length = scan.long.unpack_from(data, position + 4)[0]
        position += 8
        if group << 16 | number != _ITEM:
            return tuple(items)
        end = len(data) if length == _UNDEFINED else position + length
        if end > len(data):
            return tuple(items)
        try:
            elements, after, _ = split(data, position, end, element.syntax, depth=1)
        except Malformed:
            return tuple(items)
        position = after if length == _UNDEFINED else end
        items.append(elements)
    return tuple(items)
