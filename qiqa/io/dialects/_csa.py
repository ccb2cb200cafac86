"""Siemens CSA image headers: named values in a private block of (0029,xx10).

Layout as described by nibabel's documentation of the format: `SV10`, four unknown bytes, number
of tags, 77; each tag: name (64 bytes), multiplicity, representation, syngo type, number of
items, 77 or 205; each item: four integers (the second is its length in version 2; all hold it
in version 1), then the text padded to four bytes.
"""

from __future__ import annotations

import struct

__all__ = ["csa_numbers"]

_MOST_TAGS = 512
_MOST_ITEMS = 512


def csa_numbers(csa: bytes, name: str) -> tuple[float, ...]:
    """Return the numbers stored under `name`; empty where there are none.

    Only the items of the tag asked for are decoded; a damaged block gives nothing.
    """
    if csa[:4] != b"SV10":
        return ()
    wanted = name.encode("ascii")
    try:
        (n_tags,) = struct.unpack_from("<I", csa, 8)
        position = 16
        for _ in range(min(n_tags, _MOST_TAGS)):
            (n_items,) = struct.unpack_from("<I", csa, position + 76)
            here = csa[position : position + 64].split(b"\x00", 1)[0] == wanted
            position += 84
            values: list[float] = []
            for _ in range(min(n_items, _MOST_ITEMS)):
                (length,) = struct.unpack_from("<I", csa, position + 4)
                text = csa[position + 16 : position + 16 + length]
                position += 16 + (length + 3) // 4 * 4
                if here and text.strip(b"\x00 "):
                    values.append(float(text.split(b"\x00", 1)[0]))
            if here:
                return tuple(values)
    except (struct.error, ValueError):
        return ()
    return ()
