"""Pairs of words that differ in few bits, among millions, without looking at all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = [
    "bucket_pairs",
    "bucket_starts",
    "by_bytes",
    "count_views",
    "moved_bits",
    "view_distances",
]

Words = NDArray[np.uint64]
Indices = NDArray[np.int64]

BLOCK = 32
"""Words that are counted at once."""


def _ones_in(_: Any, word: Any) -> Any:
    """Count the ones of a word by the instruction that processors have for it."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.uint64(types.uint64), write


_ones: Any = intrinsic(_ones_in)


def by_bytes(source: NDArray[np.int64]) -> Words:
    """Return the table by which `moved_bits` makes bit t of bit `source[t]`.

    Parameters
    ----------
    source
        (b,) which bits, at most 64.

    Returns
    -------
    (8, 256)
        What each value of each byte of a word adds.
    """
    table = np.zeros((8, 256), dtype=np.uint64)
    values = np.arange(256, dtype=np.uint64)
    for t, bit in enumerate(source.tolist()):
        byte, place = divmod(bit, 8)
        table[byte] |= ((values >> np.uint64(place)) & np.uint64(1)) << np.uint64(t)
    return table


@kernel
def _moved(word: np.uint64, table: Words) -> np.uint64:
    found = np.uint64(0)
    for k in range(8):
        found |= table[k, (word >> np.uint64(8 * k)) & np.uint64(255)]
    return found


@kernel
def moved_bits(words: Words, table: Words) -> Words:
    """Return words whose bits are others of the given ones.

    Parameters
    ----------
    words
        (n,)
    table
        Of `by_bytes`.
    """
    found = np.empty_like(words)
    for i in range(words.size):
        found[i] = _moved(words[i], table)
    return found


@kernel
def count_views(words: Words, first: int, rows: Indices) -> int:
    """Return how many views some rows have; as in `bucket_starts`."""
    flat, width = words.reshape(-1), words.shape[1]
    count = 0
    for row in rows:
        for at in range(row * width + first, (row + 1) * width, 2):
            count += (flat[at] | flat[at + 1]) != np.uint64(0)
    return count


@kernel
def bucket_starts(
    words: Words, first: int, rows: Indices, table: Words, bits: int, order: NDArray[np.int32]
) -> Indices:
    """Sort views by some bits of their sizes, equal ones in their order.

    Parameters
    ----------
    words
        (n, width) signatures: from `first` on, signs and sizes of each view; both 0: none.
    first
        See above; `width - first` is even.
    rows
        Those whose views count.
    table, bits
        Of `by_bytes`: which bits, and how many.
    order
        (v,) of `count_views`; written: where the signs of each view stand in `words`, row after
        row.

    Returns
    -------
    Indices
        (2^bits + 1,) where each key begins in `order`.
    """
    flat, width = words.reshape(-1), words.shape[1]
    starts = np.zeros((1 << bits) + 1, dtype=np.int64)
    for row in rows:
        for at in range(row * width + first, (row + 1) * width, 2):
            if (flat[at] | flat[at + 1]) != np.uint64(0):
                starts[np.int64(_moved(flat[at + 1], table)) + 1] += 1
    for t in range(1, starts.size):
        starts[t] += starts[t - 1]
    place = starts[:-1].copy()
    for row in rows:
        for at in range(row * width + first, (row + 1) * width, 2):
            if (flat[at] | flat[at + 1]) != np.uint64(0):
                key = np.int64(_moved(flat[at + 1], table))
                order[place[key]] = at
                place[key] += 1
    return starts


@kernel
def _signs_apart(a: np.uint64, turned: np.uint64, b: np.uint64, mirrors: Words) -> int:
    """Return in how many of 64 signs two windows differ, in the best of 16 ways to lay them."""
    least = 64
    for t in range(mirrors.size):
        one = int(_ones(a ^ b ^ mirrors[t]))
        two = int(_ones(turned ^ b ^ mirrors[t]))
        least = min(least, one, 64 - one, two, 64 - two)  # a negative: all signs change
    return least


@kernel
def bucket_pairs(
    starts: Indices,
    order: NDArray[np.int32],
    words: Words,
    turn: Words,
    mirrors: Words,
    most_sizes: int,
    most: int,
    window: int,
    listed: int,
    state: Indices,
    out: NDArray[np.int32],
) -> int:
    """Compare all views in each bucket; stop when `out` is full, to go on with the same `state`.

    A bucket of more than `window` views is sorted by their sizes, and each compared with the next
    `window` of it. Of a view, at most `listed` partners are written down, the first ones: they are
    enough to hold a group of copies together.

    Parameters
    ----------
    starts, order, words
        As of `bucket_starts`; views of one row are not compared.
    turn
        Of `by_bytes`: makes of the signs of a window those of the transposed one.
    mirrors
        (4,) signs that change in a mirror image.
    most_sizes, most
        Bits that the sizes may differ in, and both words together.
    window, listed
        See above.
    state
        (5,) bucket to begin with, first view in it; counts of comparisons made, of comparisons not
        made, and of partners not written down, which are added to.
    out
        (m, 2) rows, the lesser first.

    Returns
    -------
    int
        Pairs written.
    """
    flat, width = words.reshape(-1), words.shape[1]
    written = 0
    limit = np.uint64(most_sizes)
    while state[0] < starts.size - 1:
        first, last = starts[state[0]], starts[state[0] + 1]
        count = last - first
        if count < 2:
            state[0] += 1
            continue
        members = order[first:last]
        own = flat[members + 1]
        if count > window:
            sorted_by_size = np.argsort(own, kind="mergesort")
            members, own = members[sorted_by_size], own[sorted_by_size]
        for i in range(state[1], count - 1):
            stop = min(count, i + 1 + window)
            if written + listed > out.shape[0]:
                state[1] = i
                return written
            word = own[i]
            state[2] += stop - i - 1
            state[3] += count - stop
            one = members[i] // width
            signs, turned, kept = flat[members[i]], np.uint64(0), -1
            for begin in range(i + 1, stop, BLOCK):
                end = min(begin + BLOCK, stop)
                near = np.uint64(0)
                for j in range(begin, end):  # most blocks hold none: counted in vectors
                    near += np.uint64(_ones(word ^ own[j]) <= limit)
                if near == np.uint64(0):
                    continue
                if kept < 0:
                    turned, kept = _moved(signs, turn), 0
                for j in range(begin, end):
                    apart = np.int64(_ones(word ^ own[j]))
                    if apart > most_sizes:
                        continue
                    two = members[j] // width
                    if one == two:
                        continue
                    if apart + _signs_apart(signs, turned, flat[members[j]], mirrors) > most:
                        continue
                    if kept == listed:
                        state[4] += 1
                        continue
                    out[written, 0] = min(one, two)
                    out[written, 1] = max(one, two)
                    written += 1
                    kept += 1
        state[0] += 1
        state[1] = 0
    return written


@kernel
def view_distances(
    words: Words,
    first: int,
    pairs: Indices,
    turn: Words,
    mirrors: Words,
    planes: int,
    best: int,
) -> NDArray[np.int32]:
    """Return the bits by which the most alike views of each pair of rows differ.

    Planes are compared with planes, spots with spots, and no view is used twice: the two most alike
    are taken first.

    Parameters
    ----------
    words, first
        As in `bucket_starts`.
    pairs
        (m,) first row times 2^32 plus the second.
    turn, mirrors
        As in `bucket_pairs`.
    planes
        Views that are planes; the rest are spots.
    best
        How many.

    Returns
    -------
    NDArray[np.int32]
        (m, best), ascending; 127 where there are no more views.
    """
    views = (words.shape[1] - first) // 2
    found = np.full((pairs.size, best), 127, dtype=np.int32)
    bits = np.empty((views, views), dtype=np.int32)
    nothing = np.uint64(0)
    for p in range(pairs.size):
        a, b = words[pairs[p] >> 32, first:], words[pairs[p] & 0xFFFFFFFF, first:]
        for i in range(views):
            signs, sizes = a[2 * i], a[2 * i + 1]
            bits[i, :] = 127
            if (signs | sizes) == nothing:
                continue
            turned = _moved(signs, turn)
            for j in range(views):
                if (i < planes) != (j < planes) or (b[2 * j] | b[2 * j + 1]) == nothing:
                    continue
                apart = _signs_apart(signs, turned, b[2 * j], mirrors)
                bits[i, j] = apart + np.int64(_ones(sizes ^ b[2 * j + 1]))
        for t in range(best):
            least, x, y = 127, 0, 0
            for i in range(views):
                for j in range(views):
                    if bits[i, j] < least:
                        least, x, y = bits[i, j], i, j
            if least == 127:
                break
            found[p, t] = least
            bits[x, :] = 127
            bits[:, y] = 127
    return found
