"""Siemens image headers built anew from a few numbers: all else in them is left behind.

The block holds dates, UIDs and protocol texts beside what images need. Layout: the sibling module
`qiqa.io.dialects._csa` that reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from qiqa.io.dialects._csa import csa_numbers

__all__ = ["cleaned_csa"]

_MARK = 77


def cleaned_csa(block: bytes, names: Sequence[str]) -> bytes:
    """Return a block with the numbers under `names` and nothing else; empty if there are none."""
    found = [(name, csa_numbers(block, name)) for name in names]
    tags = [_tag(name, numbers) for name, numbers in found if numbers]
    if not tags:
        return b""
    head = b"SV10" + b"\x04\x03\x02\x01" + struct.pack("<II", len(tags), _MARK)
    return head + b"".join(tags)


def _tag(name: str, numbers: tuple[float, ...]) -> bytes:
    head = name.encode("ascii").ljust(64, b"\x00") + struct.pack("<i", len(numbers))
    head += b"FD\x00\x00" + struct.pack("<iii", 4, len(numbers), _MARK)
    items = b""
    for number in numbers:
        text = repr(float(number)).encode("ascii") + b"\x00"
        items += struct.pack("<4i", len(text), len(text), _MARK, len(text))
        items += text.ljust((len(text) + 3) // 4 * 4, b"\x00")
    return head + items
