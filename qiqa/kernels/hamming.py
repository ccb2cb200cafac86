"""Pairs of words that differ in few bits, among millions, without looking at all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["bucket_pairs", "bucket_starts", "gather_bits", "permuted_bits", "view_distances"]

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


@kernel
def gather_bits(words: Words, bits: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return some bits of each word side by side.

    Parameters
    ----------
    words
        (n,)
    bits
        (b,) which, at most 32; the first becomes bit 0.
    """
    found = np.empty(words.size, dtype=np.uint32)
    one = np.uint64(1)
    for i in range(words.size):
        key = np.uint64(0)
        for t in range(bits.size):
            key |= ((words[i] >> np.uint64(bits[t])) & one) << np.uint64(t)
        found[i] = np.uint32(key)
    return found


@kernel
def permuted_bits(words: Words, source: NDArray[np.int64]) -> Words:
    """Return words whose bit t is bit `source[t]` of the given ones.

    Parameters
    ----------
    words
        (n,)
    source
        (64,)
    """
    found = np.empty_like(words)
    one = np.uint64(1)
    for i in range(words.size):
        word = np.uint64(0)
        for t in range(64):
            word |= ((words[i] >> np.uint64(source[t])) & one) << np.uint64(t)
        found[i] = word
    return found


@kernel
def bucket_starts(keys: NDArray[np.uint32], bits: int) -> tuple[Indices, NDArray[np.int32]]:
    """Sort by key, equal keys in their order.

    Returns
    -------
    starts, order
        (2^bits + 1,) where each key begins; (n,) which stands there.
    """
    starts = np.zeros((1 << bits) + 1, dtype=np.int64)
    for i in range(keys.size):
        starts[np.int64(keys[i]) + 1] += 1
    for t in range(1, starts.size):
        starts[t] += starts[t - 1]
    at = starts[:-1].copy()
    order = np.empty(keys.size, dtype=np.int32)
    for i in range(keys.size):
        key = np.int64(keys[i])
        order[at[key]] = i
        at[key] += 1
    return starts, order


@kernel
def _signs_apart(a: np.uint64, b: np.uint64, turned: np.uint64, mirrors: Words) -> int:
    """Return in how many of 64 signs two windows differ, in the best of 16 ways to lay them."""
    least = 64
    for t in range(mirrors.size):
        one = int(_ones(a ^ b ^ mirrors[t]))
        two = int(_ones(a ^ turned ^ mirrors[t]))
        least = min(least, one, 64 - one, two, 64 - two)  # a negative: all signs change
    return least


@kernel
def bucket_pairs(
    starts: Indices,
    order: NDArray[np.int32],
    sizes: Words,
    signs: Words,
    turned: Words,
    owner: NDArray[np.int32],
    mirrors: Words,
    most_sizes: int,
    most: int,
    window: int,
    listed: int,
    state: Indices,
    out: NDArray[np.int32],
) -> int:
    """Compare all words in each bucket; stop when `out` is full, to go on with the same `state`.

    A bucket of more than `window` words is sorted by the word, and each compared with the next
    `window` words of it. Of a word, at most `listed` partners are written down, the first ones:
    they are enough to hold a group of copies together.

    Parameters
    ----------
    starts, order
        As of `bucket_starts`.
    sizes, signs, turned
        (n,) the two words of each window, and the signs of the transposed window.
    owner
        (n,) whose window it is; windows of one owner are not compared.
    mirrors
        (4,) signs that change in a mirror image.
    most_sizes, most
        Bits that the sizes may differ in, and both words together.
    window, listed
        See above.
    state
        (5,) bucket to begin with, first word in it; counts of comparisons made, of comparisons not
        made, and of partners not written down, which are added to.
    out
        (m, 2) owners, the lesser first.

    Returns
    -------
    int
        Pairs written.
    """
    written = 0
    limit = np.uint64(most_sizes)
    while state[0] < starts.size - 1:
        first, last = starts[state[0]], starts[state[0] + 1]
        count = last - first
        if count < 2:
            state[0] += 1
            continue
        members = order[first:last]
        if count > window:
            members = members[np.argsort(sizes[members], kind="mergesort")]
        own = sizes[members]
        for i in range(state[1], count - 1):
            stop = min(count, i + 1 + window)
            if written + listed > out.shape[0]:
                state[1] = i
                return written
            word = own[i]
            state[2] += stop - i - 1
            state[3] += count - stop
            one = members[i]
            kept = 0
            for begin in range(i + 1, stop, BLOCK):
                end = min(begin + BLOCK, stop)
                near = np.uint64(0)
                for j in range(begin, end):  # most blocks hold none: counted in vectors
                    near += np.uint64(_ones(word ^ own[j]) <= limit)
                if near == np.uint64(0):
                    continue
                for j in range(begin, end):
                    apart = np.int64(_ones(word ^ own[j]))
                    two = members[j]
                    if apart > most_sizes or owner[one] == owner[two]:
                        continue
                    if apart + _signs_apart(signs[one], signs[two], turned[two], mirrors) > most:
                        continue
                    if kept == listed:
                        state[4] += 1
                        continue
                    out[written, 0] = min(owner[one], owner[two])
                    out[written, 1] = max(owner[one], owner[two])
                    written += 1
                    kept += 1
        state[0] += 1
        state[1] = 0
    return written


@kernel
def view_distances(
    a_signs: Words,
    a_sizes: Words,
    b_signs: Words,
    b_turned: Words,
    b_sizes: Words,
    mirrors: Words,
    planes: int,
    best: int,
) -> NDArray[np.int32]:
    """Return the bits by which the most alike views of each pair of owners differ.

    Planes are compared with planes, spots with spots, and no view is used twice: the two most alike
    are taken first.

    Parameters
    ----------
    a_signs, a_sizes
        (m, views) of the first of each pair; a view whose signs and sizes are 0 is not there.
    b_signs, b_turned, b_sizes
        (m, views) of the second, and the signs of its transposed views.
    mirrors
        (4,) signs that change in a mirror image.
    planes
        Views that are planes; the rest are spots.
    best
        How many.

    Returns
    -------
    NDArray[np.int32]
        (m, best), ascending; 127 where there are no more views.
    """
    views = a_signs.shape[1]
    found = np.full((len(a_signs), best), 127, dtype=np.int32)
    bits = np.empty((views, views), dtype=np.int32)
    nothing = np.uint64(0)
    for p in range(len(a_signs)):
        for i in range(views):
            missing = (a_signs[p, i] | a_sizes[p, i]) == nothing
            for j in range(views):
                bits[i, j] = 127
                if missing or (i < planes) != (j < planes):
                    continue
                if (b_signs[p, j] | b_sizes[p, j]) == nothing:
                    continue
                apart = _signs_apart(a_signs[p, i], b_signs[p, j], b_turned[p, j], mirrors)
                bits[i, j] = apart + np.int64(_ones(a_sizes[p, i] ^ b_sizes[p, j]))
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
