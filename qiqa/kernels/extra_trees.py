"""Votes of extremely randomized trees: grown and asked in one go, no tree is kept.

Held-out rows are sorted into each node together with the training rows, so that a part of a tree
that none of them reaches is never grown, and memory does not depend on the number of trees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import inlined, kernel

__all__ = ["forest_votes"]

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
PlaceArray = NDArray[np.uint32]
"""Rows and labels; without a sign, so that no index is checked for counting from the end."""
SeedArray = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LEFT = np.uint64(0xD1B54A32D192ED03)
_RIGHT = np.uint64(0x8CB92BA72F3D8DD7)


@inlined
def _mixed(state: np.uint64) -> np.uint64:
    """Return 64 random bits of a counter (splitmix64: Steele, Lea and Flood, OOPSLA 2014)."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@inlined
def _uniform(state: np.uint64) -> float:
    """Return a number from 0 to below 1 out of 53 of the random bits."""
    return float(_mixed(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def _range(
    column: Float32Array, order: PlaceArray, begin: int, end: int, kept: Float32Array
) -> tuple[np.float32, np.float32]:
    """Return the ends of a feature in a node, and keep its values side by side."""
    low = high = other_low = other_high = column[order[begin]]
    middle = begin + (end - begin) // 2
    for i in range(begin, middle):  # two halves at once: neither waits for the other
        j = i + middle - begin
        value, other = column[order[i]], column[order[j]]
        kept[i], kept[j] = value, other
        low, high = min(low, value), max(high, value)
        other_low, other_high = min(other_low, other), max(other_high, other)
    value = column[order[end - 1]]  # of an odd number the last one is left
    kept[end - 1] = value
    return min(low, other_low, value), max(high, other_high, value)


@kernel
def _runs(labels: PlaceArray, order: PlaceArray, begin: int, end: int, starts: IntArray) -> int:
    """Return how many labels are in a node; `starts` gets where each begins, then the end."""
    runs = 0
    for i in range(begin, end):
        if i == begin or labels[order[i]] != labels[order[i - 1]]:
            starts[runs] = i
            runs += 1
    starts[runs] = end
    return runs


@inlined
def _purity(
    kept: Float32Array, starts: IntArray, runs: int, threshold: np.float32, leaf: int
) -> float:
    """Return the sum of squared counts over size of both sides; -1 where one is too small.

    Highest where Gini's impurity is lowest. Rows of one label lie side by side, so that counting
    them needs neither a branch nor a table.
    """
    size, squares, squares_rest = 0, 0, 0
    for r in range(runs):
        inside = 0
        for i in range(starts[r], starts[r + 1]):
            inside += int(kept[i] <= threshold)
        outside = starts[r + 1] - starts[r] - inside
        size += inside
        squares += inside * inside
        squares_rest += outside * outside
    rest = starts[runs] - starts[0] - size
    if size < leaf or rest < leaf:
        return -1.0
    return float(squares / size + squares_rest / rest)


@kernel
def _parted(
    column: Float32Array,
    order: PlaceArray,
    begin: int,
    end: int,
    threshold: np.float32,
    aside: PlaceArray,
) -> int:
    """Move rows up to the threshold to the front and return where the others begin.

    Either side keeps its order: labels stay together, and memory is gone through upwards.
    """
    middle, others = begin, 0
    for i in range(begin, end):
        row = order[i]
        inside = int(column[row] <= threshold)
        order[middle] = row  # both written, one kept: no branch to guess
        aside[others] = row
        middle += inside
        others += 1 - inside
    for i in range(others):
        order[middle + i] = aside[i]
    return middle


@kernel
def _split(
    columns: Float32Array,
    order: PlaceArray,
    starts: IntArray,
    runs: int,
    state: np.uint64,
    deck: IntArray,
    picks: IntArray,
    kept: Float32Array,
    tries: int,
    leaf: int,
) -> tuple[int, np.float32]:
    """Return feature and threshold of the best of `tries` random cuts; feature -1: no cut.

    `deck` holds all features and is as before afterwards.
    """
    feature, best = -1, 0.0
    cut = np.float32(0.0)
    drawn, tried = 0, 0
    while drawn < deck.size and (drawn < tries or tried == 0):
        last = deck.size - 1 - drawn
        state += _GOLDEN
        pick = int(_uniform(state) * (last + 1))
        picks[drawn] = pick
        j = deck[pick]
        deck[pick], deck[last] = deck[last], j
        drawn += 1
        low, high = _range(columns[j], order, starts[0], starts[runs], kept)
        if not low < high:  # does not vary here: counts, but one that varies must be tried
            continue
        tried += 1
        state += _GOLDEN
        threshold = np.float32(low + _uniform(state) * (high - low))
        if threshold >= high:  # by rounding
            threshold = low
        value = _purity(kept, starts, runs, threshold, leaf)
        if value > best:
            feature, best, cut = j, value, threshold
    for d in range(drawn - 1, -1, -1):
        last = deck.size - 1 - d
        deck[picks[d]], deck[last] = deck[last], deck[picks[d]]
    return feature, cut


@kernel
def _vote(
    labels: PlaceArray,
    order: PlaceArray,
    starts: IntArray,
    runs: int,
    asked: PlaceArray,
    first: int,
    last: int,
    votes: FloatArray,
) -> None:
    """Add the shares of the labels in a leaf to the votes of the held-out rows in it."""
    for r in range(runs):
        label = labels[order[starts[r]]]
        share = (starts[r + 1] - starts[r]) / (starts[runs] - starts[0])
        for a in range(first, last):
            votes[asked[a], label] += share


@inlined
def _wait(spans: IntArray, place: int, begin: int, end: int, first: int, last: int) -> None:
    """Put a node on the pile: its training rows, then its held-out rows."""
    spans[place, 0], spans[place, 1] = begin, end
    spans[place, 2], spans[place, 3] = first, last


@kernel
def forest_votes(
    columns: Float32Array,
    labels: PlaceArray,
    held: Float32Array,
    count: int,
    seeds: SeedArray,
    tries: int,
    leaf: int,
) -> FloatArray:
    """Return the mean share of each label in the leaves that held-out rows fall into.

    Extremely randomized trees (Geurts, Ernst and Wehenkel, Mach Learn 2006;63:3): all training
    rows in every tree, in each node the best of one random cut in each of `tries` random features,
    by Gini's impurity; more features are drawn where none of them varies in the node.

    Parameters
    ----------
    columns, held
        (p, n) training and (p, m) held-out rows, a feature a row, finite.
    labels
        (n,) 0 to `count` - 1, ascending.
    seeds
        (t,) one a tree. Every node draws by its place in the tree alone: trees are the same
        whichever rows are held out.
    leaf
        Training rows on each side of a cut, at least.

    Returns
    -------
    ndarray
        (m, count), rows sum to 1.
    """
    p, n = columns.shape
    m = held.shape[1]
    votes = np.zeros((m, count))
    order, asked = np.empty(n, dtype=np.uint32), np.empty(m, dtype=np.uint32)
    for i in range(m):
        asked[i] = i
    kept, aside = np.empty(n, dtype=np.float32), np.empty(max(n, m), dtype=np.uint32)
    deck, picks = np.empty(p, dtype=np.int64), np.empty(p, dtype=np.int64)
    for j in range(p):
        deck[j] = j
    starts = np.empty(count + 1, dtype=np.int64)
    deepest = n + 1  # nodes that wait: at most one a level
    spans = np.empty((deepest, 4), dtype=np.int64)
    states = np.empty(deepest, dtype=np.uint64)
    for t in range(seeds.size):
        for i in range(n):
            order[i] = i
        _wait(spans, 0, 0, n, 0, m)
        states[0] = _mixed(seeds[t])
        waiting = 1
        while waiting > 0:
            waiting -= 1
            begin, end = spans[waiting, 0], spans[waiting, 1]
            first, last = spans[waiting, 2], spans[waiting, 3]
            state = states[waiting]
            runs = _runs(labels, order, begin, end, starts)
            feature = -1
            cut = np.float32(0.0)
            if end - begin >= 2 * leaf and runs > 1:
                feature, cut = _split(
                    columns, order, starts, runs, state, deck, picks, kept, tries, leaf
                )
            if feature < 0:
                _vote(labels, order, starts, runs, asked, first, last, votes)
                continue
            middle = _parted(columns[feature], order, begin, end, cut, aside)
            between = _parted(held[feature], asked, first, last, cut, aside)
            if between < last:
                _wait(spans, waiting, middle, end, between, last)
                states[waiting] = _mixed(state ^ _RIGHT)
                waiting += 1
            if first < between:
                _wait(spans, waiting, begin, middle, first, between)
                states[waiting] = _mixed(state ^ _LEFT)
                waiting += 1
    for a in range(m):
        for label in range(count):
            votes[a, label] /= seeds.size
    return votes
