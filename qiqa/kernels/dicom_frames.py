"""What the functional groups of frames say (PS3.3 C.7.6.16), found in their bytes in one walk.

It follows `qiqa.io.frames.frame_headers`, without an object for each of the thousands of elements.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import inlined, kernel
from qiqa.kernels.dicom_elements import (
    ENDED,
    MAY_HOLD,
    UNDEFINED,
    after_sequence,
    half_at,
    head_at,
    is_in,
    is_item,
    whole_at,
)

__all__ = ["frame_ones"]

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UN = (ord("U") << 8) | ord("N")
_DIRECTION = 0x00189076
"""Diffusion Gradient Direction Sequence: the one that is looked into inside of a macro."""
_GROUP, _MACRO, _DEEPEST = 1, 2, 3


@inlined
def _between_items(data, at, stop, little):
    """Return tag and length where an item is expected; the end of a sequence where bytes end."""
    if at + 8 > stop:
        return np.int64(_SEQUENCE_END), np.int64(0)
    tag = (half_at(data, at, little) << 16) | half_at(data, at + 2, little)
    return tag, whole_at(data, at + 4, little)


@kernel
def frame_ones(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    explicit: bool,
    little: bool,
    wanted: NDArray[np.int64],
    found: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Find elements by their tags in the groups of all frames.

    Looked at are the elements of a group, those of the first item of its public macros, and of
    directions inside of these.

    Parameters
    ----------
    data
        Bytes of a file, (n,).
    start, end
        Where the sequence of groups has its value, and the end of it.
    explicit, little
        Whether elements state their representation; order of bytes.
    wanted
        (w,) rising.
    found
        (6, m) written to: frame, level, tag, representation, offset and length.

    Returns
    -------
    tuple
        How many there are (only m were written; -1: odd bytes), how many frames there are, and
        where the first one ends.
    """
    stop = np.full(_DEEPEST + 2, end, np.int64)
    item_end = np.full(_DEEPEST + 2, end, np.int64)
    in_item = np.zeros(_DEEPEST + 2, np.bool_)
    items = np.zeros(_DEEPEST + 2, np.int64)
    written = np.full(_DEEPEST + 2, explicit, np.bool_)
    level, at, count, first_end, odd = _GROUP, start, 0, end, False
    while level >= _GROUP and not odd:
        if not in_item[level]:
            tag, length = _between_items(data, at, stop[level], little)
            if tag == _ITEM:
                if level == _GROUP and items[_GROUP] == 1:
                    first_end = at
                items[level] += 1
                in_item[level] = True
                item_end[level] = stop[level] if length == UNDEFINED else at + 8 + length
                odd = item_end[level] > stop[level]
            else:
                level -= 1
                odd = tag != _SEQUENCE_END
            at = min(at + 8, stop[level + 1]) if tag != _ITEM else at + 8
            continue
        if at >= item_end[level]:
            in_item[level] = False
            continue
        tag, vr, length, value_at = head_at(data, at, item_end[level], written[level], little)
        if tag == _ITEM_END:
            in_item[level], at = False, value_at
            continue
        heard = level != _MACRO or items[_MACRO] == 1
        macro = (level == _GROUP and not tag & 0x10000) or (level == _MACRO and tag == _DIRECTION)
        held = length == UNDEFINED or (
            MAY_HOLD[vr] and is_item(data, value_at, value_at + length, little)
        )
        inner = written[level] and vr != _UN
        odd = value_at < 0 or tag >> 16 == 0xFFFE
        if odd:
            pass
        elif heard and macro and held:
            level += 1
            stop[level] = item_end[level - 1] if length == UNDEFINED else value_at + length
            odd = stop[level] > item_end[level - 1]
            written[level], in_item[level], items[level], at = inner, False, 0, value_at
        elif length == UNDEFINED:
            at, status = after_sequence(data, value_at, item_end[level], inner, little)
            odd = status != ENDED
        else:
            at = value_at + length
            odd = at > item_end[level]
            if heard and not odd and is_in(wanted, tag):
                if count < found.shape[1]:
                    found[0, count], found[1, count] = items[_GROUP] - 1, level
                    found[2, count], found[3, count] = tag, vr
                    found[4, count], found[5, count] = value_at, length
                count += 1
    return -1 if odd else count, items[_GROUP], first_end
