"""Where the elements of a DICOM data set lie in its bytes (PS3.5, 7): the loop of the scan.

No length that the bytes state is trusted: nothing outside of them is ever read, and each step
moves forward, so the loop ends for any bytes. It follows `qiqa.io.elements.split`, which decodes
the content of sequences as well; what this loop finds odd is left to that one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import inlined, kernel

__all__ = [
    "CUT",
    "ENDED",
    "MAY_HOLD",
    "ODD",
    "PIXELS",
    "UNDEFINED",
    "after_sequence",
    "elements",
    "half_at",
    "head_at",
    "is_in",
    "is_item",
    "long_head",
    "nested_ones",
    "wanted_ones",
    "whole_at",
]

ENDED = 0
"""All bytes are elements; no pixels."""
PIXELS = 1
"""The last element listed is the pixel data; its value was not looked at."""
CUT = 2
"""The bytes end inside an element."""
ODD = 3
"""Delimiters out of place, nested too deep, or more elements than there is room for."""

UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_FLOAT_PIXELS, _PIXELS = 0x7FE00008, 0x7FE00010
_FIRST_TABLE, _LAST_TABLE = 0x7FE00001, 0x7FE00003
_DEEPEST = 24
_UN = (ord("U") << 8) | ord("N")
_SQ = (ord("S") << 8) | ord("Q")


def _table(names: str) -> NDArray[np.bool_]:
    known = np.zeros(1 << 16, dtype=np.bool_)
    for name in names.split():
        known[(ord(name[0]) << 8) | ord(name[1])] = True
    return known


_LONG = _table("OB OD OF OL OV OW SQ SV UC UN UR UT UV")
_SHORT = _table("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US")
MAY_HOLD = _table("SQ UN")
MAY_HOLD[0] = True
"""Values that may be sequences."""


def long_head(representation: int) -> bool:
    """Say whether elements of a value representation have a length of four bytes."""
    return bool(_LONG[representation])


@inlined
def half_at(data, at, little):
    """Return two bytes as a number."""
    a, b = np.int64(data[at]), np.int64(data[at + 1])
    return (b << 8) | a if little else (a << 8) | b


@inlined
def whole_at(data, at, little):
    """Return four bytes as a number."""
    first, second = half_at(data, at, little), half_at(data, at + 2, little)
    return (second << 16) | first if little else (first << 16) | second


@inlined
def head_at(data, at, end, explicit, little):
    """Return tag, representation (0 if not written), length, start of the value (-1: cut)."""
    if at + 8 > end:
        return np.int64(0), np.int64(0), np.int64(0), np.int64(-1)
    group = half_at(data, at, little)
    tag = (group << 16) | half_at(data, at + 2, little)
    vr = np.int64(0)
    if explicit and group != 0xFFFE:
        vr = (np.int64(data[at + 4]) << 8) | np.int64(data[at + 5])
        if _SHORT[vr]:
            return tag, vr, half_at(data, at + 6, little), at + 8
        if _LONG[vr]:
            if at + 12 > end:
                return tag, vr, np.int64(0), np.int64(-1)
            return tag, vr, whole_at(data, at + 8, little), at + 12
        # some writers leave out the representation of single elements
        vr = np.int64(0)
    return tag, vr, whole_at(data, at + 4, little), at + 8


@kernel
def after_sequence(data, start, end, explicit, little):
    """Return the offset after a sequence of undefined length, and CUT or ODD (else ENDED)."""
    written = np.zeros(_DEEPEST + 1, np.bool_)
    in_item = np.zeros(_DEEPEST + 1, np.bool_)
    level, at = 1, start
    written[1] = explicit
    while level > 0:
        if in_item[level]:
            tag, vr, length, value_at = head_at(data, at, end, written[level], little)
            if value_at < 0:
                return at + 12, CUT
            if tag == _ITEM_END:
                in_item[level] = False
                at = value_at
            elif tag >> 16 == 0xFFFE:
                return at, ODD
            elif length == UNDEFINED:
                if level == _DEEPEST:
                    return at, ODD
                level += 1
                written[level] = written[level - 1] and vr != _UN
                in_item[level] = False
                at = value_at
            else:
                at = value_at + length
        else:
            if at + 8 > end:
                return at + 8, CUT
            tag = (half_at(data, at, little) << 16) | half_at(data, at + 2, little)
            length = whole_at(data, at + 4, little)
            at += 8
            if tag == _SEQUENCE_END:
                level -= 1
            elif tag != _ITEM:
                return at, ODD
            elif length == UNDEFINED:
                in_item[level] = True
            else:
                at += length
        if at > end:
            return at, CUT
    return at, ENDED


@kernel
def elements(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    explicit: bool,
    little: bool,
    tags: NDArray[np.int64],
    representations: NDArray[np.int64],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> tuple[int, int, int]:
    """List the elements of the top level.

    Parameters
    ----------
    data
        Bytes of a file, (n,).
    start, end
        Where the data set begins, and how many bytes there are.
    explicit, little
        Whether elements state their representation; order of bytes.
    tags, representations, starts, lengths
        (m,) written to: group and number; the two letters as one number, 0 where not written;
        where the value begins; its length, -1 for a sequence (or compressed pixels) without one.

    Returns
    -------
    tuple
        How many elements were written, how it ended, and the offset reached: where it is CUT, the
        bytes that at least are needed to go on.
    """
    count, at = 0, start
    while at < end:
        tag, vr, length, value_at = head_at(data, at, end, explicit, little)
        if value_at < 0:
            return count, CUT, at + 12
        if tag >> 16 == 0xFFFE or count == tags.size:
            return count, ODD, at
        if tag > _PIXELS:
            return count, ENDED, at
        undefined = length == UNDEFINED
        tags[count], representations[count], starts[count] = tag, vr, value_at
        lengths[count] = -1 if undefined else length
        if tag >= _FLOAT_PIXELS:
            return count + 1, PIXELS, value_at
        if undefined:
            representations[count] = _SQ
            at, status = after_sequence(data, value_at, end, explicit and vr != _UN, little)
            if status != ENDED:
                return count, status, at
        else:
            at = value_at + length
        if at > end:
            return count, CUT, at
        count += 1
    return count, ENDED, at


@inlined
def is_in(wanted, tag):
    """Say whether a tag is one of rising ones."""
    low, high = 0, wanted.size
    while low < high:
        middle = (low + high) >> 1
        if wanted[middle] < tag:
            low = middle + 1
        else:
            high = middle
    return low < wanted.size and wanted[low] == tag


@kernel
def wanted_ones(
    tags: NDArray[np.int64],
    starts: NDArray[np.int64],
    n: int,
    end: int,
    wanted: NDArray[np.int64],
    chosen: NDArray[np.int64],
    runs: NDArray[np.int64],
) -> tuple[int, int]:
    """Choose elements by their tags, and find where private ones stand one after the other.

    Parameters
    ----------
    tags, starts
        Of the first n elements, as `elements` writes them.
    n, end
        How many, and where the last one ends.
    wanted
        (w,) rising.
    chosen
        (m,) written to: index of each element whose tag is wanted.
    runs
        (3, m) written to: tag of the first private element of a run, where its value begins, and
        where the last one ends or shortly after.

    Returns
    -------
    tuple
        How many were chosen, how many runs there are.
    """
    count, n_runs, inside = 0, 0, False
    for i in range(n):
        tag = tags[i]
        private = (tag & 0x10000) != 0
        if private and not inside:
            runs[0, n_runs], runs[1, n_runs], runs[2, n_runs] = tag, starts[i], end
            n_runs += 1
        elif inside and not private:
            runs[2, n_runs - 1] = starts[i]
        inside = private
        if is_in(wanted, tag):
            chosen[count] = i
            count += 1
    return count, n_runs


@inlined
def is_item(data, at, end, little):
    """Say whether an item of a sequence begins here."""
    if at + 8 > end or half_at(data, at, little) != 0xFFFE:
        return False
    return half_at(data, at + 2, little) == 0xE000


@inlined
def _flat_step(data, at, stop, explicit, little):
    """Return tag, representation, start and length of a value; 0 for what holds other elements."""
    if half_at(data, at, little) == 0xFFFE:
        return np.int64(0), np.int64(0), at + 8, np.int64(0)
    tag, vr, length, value_at = head_at(data, at, stop, explicit, little)
    if value_at < 0:
        return np.int64(0), vr, stop + 1, np.int64(0)
    if tag == _PIXELS and length == UNDEFINED:  # of an icon: its pieces are no items
        after, status = after_sequence(data, value_at, stop, explicit, little)
        return np.int64(0), vr, after if status == ENDED else stop + 1, np.int64(0)
    inner = MAY_HOLD[vr] and is_item(data, value_at, stop, little)
    if length == UNDEFINED or inner:
        return np.int64(0), vr, value_at, np.int64(0)
    return tag, vr, value_at, length


@kernel
def nested_ones(
    data: NDArray[np.uint8],
    tags: NDArray[np.int64],
    representations: NDArray[np.int64],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    n: int,
    end: int,
    explicit: bool,
    little: bool,
    wanted: NDArray[np.int64],
    found: NDArray[np.int64],
) -> int:
    """Find elements by their tags in the items of all sequences, however deep.

    Heads of items and delimiters are stepped over like elements without a value, so that one flat
    walk sees all levels; how deep an element stands is not told.

    Parameters
    ----------
    data, explicit, little
        As for `elements`.
    tags, representations, starts, lengths, n
        What `elements` wrote of the top level, and how many.
    end
        Where the last one ends.
    wanted
        (w,) rising.
    found
        (5, m) written to: tag of the sequence of the top level; tag, representation, offset and
        length of the element.

    Returns
    -------
    int
        How many were found, m at the most.
    """
    count = 0
    for i in range(n):
        at = starts[i]
        stop = at + lengths[i]
        if lengths[i] < 0:
            stop = end
            if i + 1 < n:
                stop = starts[i + 1] - (12 if explicit and _LONG[representations[i + 1]] else 8)
        stop = min(stop, end)
        if not (MAY_HOLD[representations[i]] and is_item(data, at, stop, little)):
            continue
        while at + 8 <= stop and count < found.shape[1]:
            tag, vr, value_at, length = _flat_step(data, at, stop, explicit, little)
            at = value_at + length
            if at > stop:
                break
            if is_in(wanted, tag):
                found[0, count], found[1, count], found[2, count] = tags[i], tag, vr
                found[3, count], found[4, count] = value_at, length
                count += 1
    return count
