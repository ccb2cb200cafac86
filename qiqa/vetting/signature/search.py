"""Pairs of like signatures among many, without comparing all pairs."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.space import Space
from qiqa.kernels.hamming import bucket_pairs, bucket_starts, by_bytes, count_views, view_distances
from qiqa.vetting.signature.codes import BITS, MIRRORS, TURN
from qiqa.vetting.signature.layout import FIRST, PLANES, Codes

__all__ = ["LEAST_SIMILARITY", "Near", "exact_groups", "near_pairs"]

Rows = NDArray[np.int64]

BEST = 3
"""Views that are held together."""
ALONE = 8
"""Bits by which one view alone has to be more alike: it may be by chance."""
MOST = 25
"""Bits of 126 that differ at most, for a pair to be listed."""
LEAST_SIMILARITY = 100 * (1 - MOST / BITS)
"""80.2 %."""
MOST_SIZES = 11
"""And of these in the word by which views are looked up, in one pair of views at least: it is less
than half of them, as a rule."""
TABLES = 16
"""Ways to look up: in each, other bits have to be the same."""
SMALL = 60_000
"""So many views are all compared with each other."""
SIZES = 62
"""Bits of the word by which views are looked up."""
WINDOW = 4096
LISTED = 16
"""See `qiqa.kernels.hamming.bucket_pairs`."""
BUFFER = 1 << 18
PAIRS_AT_ONCE = 100_000
MOST_PARTS = 32
"""Of the pairs of a table, before they are put together: each may be a file."""
_PLACES = 1 << 31


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Pairs of like signatures; m of them, in the order of their rows."""

    first: Rows
    second: Rows
    """(m,) rows of the signatures, first < second."""
    similarity: NDArray[np.float64]
    """(m,) share of bits that agree in the most alike views [%]."""
    compared: int = 0
    """Views that were compared."""
    left_out: int = 0
    """Comparisons that were due and not made, because too many views look the same."""
    unlisted: int = 0
    """Partners of a view beyond the first 16 in one bucket; the group holds together without."""


def exact_groups(codes: Codes) -> NDArray[np.int64]:
    """Return for each signature the first row with the same digest; -1 where there is none.

    Returns
    -------
    (n,)
    """
    first = np.full(len(codes), -1, dtype=np.int64)
    rows = np.flatnonzero(codes.known)
    if not rows.size:
        return first
    pair = codes.digest[rows]
    order = np.lexsort((pair[:, 1], pair[:, 0]))  # equal ones stay in the order of rows
    ordered = pair[order]
    begins = np.ones(rows.size, dtype=np.bool_)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    first[rows[order]] = rows[order][starts][group]
    return first


def near_pairs(codes: Codes, rows: Rows, *, threads: int = 2, space: Space = np.zeros) -> Near:
    """Return the pairs of rows whose views differ in at most `MOST` of 126 bits.

    That is the mean of the three most alike views, or the most alike one and `ALONE` bits,
    whichever is less. Up to 60,000 views all pairs are compared. Beyond, views are compared that
    agree in all of some bits (locality-sensitive hashing by bit sampling: Indyk and Motwani, STOC
    1998), in 16 ways, the number of bits growing with that of views. The result does not depend on
    `threads`.

    Parameters
    ----------
    codes
        All signatures.
    rows
        Those to be compared, ascending; leave out all but one of those that are the same.
    threads
        Tables that are looked at side by side.
    space
        Where a table is, 4 bytes a view, and pairs with one view alike until the rest is compared.

    Raises
    ------
    UsageError
        If there are so many that places in them do not fit 32 bits.
    """
    if codes.words.size > _PLACES:
        raise UsageError(
            f"copies are looked for among at most {_PLACES // codes.words.shape[1]:,} series, "
            f"not among {len(codes):,}",
            hint="vet the set in parts, or turn the check duplicates off in the policy",
        )
    tables, state = _looked_up(codes, rows, threads, space)
    found, bits = list[Rows](), list[NDArray[np.float64]]()
    # of many pairs with one view alike few are near: no more of them is kept
    for some in _merged(tables):
        apart = _bits_apart(codes, some)
        found.append(some[apart <= MOST])
        bits.append(apart[apart <= MOST])
    near = np.concatenate([np.zeros(0, dtype=np.int64), *found])
    return Near(
        first=near >> 32,
        second=near & 0xFFFFFFFF,
        similarity=100 * (1 - np.concatenate([np.zeros(0), *bits]) / BITS),
        compared=int(state[2]),
        left_out=int(state[3]),
        unlisted=int(state[4]),
    )


def _looked_up(codes: Codes, rows: Rows, threads: int, space: Space) -> tuple[list[Rows], Rows]:
    """Return what each table finds, and the counts of all, both as of `_one_table`."""
    count = count_views(codes.words, FIRST, rows)
    bits = 0 if count <= SMALL else int(math.log2(count)) - 6
    chosen = [_bits_of(table, bits) for table in range(TABLES if bits else 1)]
    with concurrent.futures.ThreadPoolExecutor(max(1, threads)) as pool:
        found = list(pool.map(lambda which: _one_table(codes, rows, count, which, space), chosen))
    state = np.asarray(np.sum([state for _, state in found], axis=0), dtype=np.int64)
    return [keys for keys, _ in found], state


def _merged(parts: Sequence[Rows]) -> Iterator[Rows]:
    """Yield the keys of all parts, each of which is sorted, in order and once, some at a time."""
    step = PAIRS_AT_ONCE // len(parts)
    at = [0] * len(parts)
    while True:
        ahead = [part[i + step] for part, i in zip(parts, at, strict=True) if i + step < len(part)]
        last = min(ahead, default=np.iinfo(np.int64).max)
        ends = [int(np.searchsorted(part, last, side="right")) for part in parts]
        some = [part[i:end] for part, i, end in zip(parts, at, ends, strict=True)]
        yield _each_once(np.concatenate(some))
        if not ahead:
            return
        at = ends


def _each_once(keys: Rows) -> Rows:
    """Return keys sorted, each once; sorts in place, which `np.unique` does in a copy."""
    keys.sort()
    fresh = np.ones(len(keys), dtype=np.bool_)
    fresh[1:] = keys[1:] != keys[:-1]
    return keys[fresh]


def _bits_apart(codes: Codes, pairs: Rows) -> NDArray[np.float64]:
    """Return the distance of each pair (m,), looking at all of their views."""
    best = view_distances(codes.words, FIRST, pairs, TURN, MIRRORS, PLANES, BEST)
    whole = np.where(best[:, -1] <= BITS, best.mean(axis=1), np.inf)
    return np.asarray(np.minimum(whole, best[:, 0] + ALONE))


def _bits_of(table: int, count: int) -> NDArray[np.int64]:
    """Return which bits have to be the same in a table: drawn once for all."""
    return np.random.default_rng([20261128, table]).permutation(SIZES)[:count].astype(np.int64)


def _one_table(
    codes: Codes, rows: Rows, count: int, bits: NDArray[np.int64], space: Space
) -> tuple[Rows, Rows]:
    """Return pairs of rows, first times 2^32 plus second, and the counts of the search."""
    order = space((count,), np.int32)
    starts = bucket_starts(codes.words, FIRST, rows, by_bytes(bits), len(bits), order)
    state = np.zeros(5, dtype=np.int64)
    # where all are compared, a window would leave some out
    window = WINDOW if len(bits) else SMALL
    out = np.empty((BUFFER, 2), dtype=np.int32)
    found: list[Rows] = []
    while state[0] < len(starts) - 1:
        written = bucket_pairs(
            starts, order, codes.words, TURN, MIRRORS,
            MOST_SIZES, MOST, window, LISTED, state, out,
        )  # fmt: skip
        pairs = out[:written].astype(np.int64)
        keys = _each_once((pairs[:, 0] << 32) | pairs[:, 1])
        found.append(_kept([keys], len(keys), space))
        if len(found) == MOST_PARTS:
            found = [_kept(_merged(found), sum(map(len, found)), space)]
    return _kept(_merged(found), sum(map(len, found)), space), state


def _kept(some: Iterable[Rows], most: int, space: Space) -> Rows:
    """Return at most so many keys, one after the other, where there is space for them."""
    made, end = space((most,), np.int64), 0
    for keys in some:
        made[end : end + len(keys)] = keys
        end += len(keys)
    return made[:end]
