"""The search in buckets against comparing everything with numpy."""

import numpy as np
import pytest

from qiqa.kernels.hamming import (
    bucket_pairs,
    bucket_starts,
    by_bytes,
    count_views,
    moved_bits,
    view_distances,
)
from qiqa.vetting.signature.codes import MIRRORS, PAIRS, TURN

MOST_SIZES, MOST = 20, 40


def _sixteen(signs):
    """Return all ways to lay a window, from the orders of the coefficients, one by one."""
    bits = [bool(signs >> t & 1) for t in range(64)]
    ways = []
    for swap in (False, True):
        for down in (0, 1):
            for along in (0, 1):
                for negative in (False, True):
                    way = 0
                    for t, (u, v) in enumerate(PAIRS):
                        source = PAIRS.index((v, u)) if swap else t
                        odd = (down * u + along * v) % 2 == 1
                        way |= (bits[source] ^ odd ^ negative) << t
                    ways.append(way)
    return ways


def _words(rng, n):
    return rng.integers(0, 2**63, n, dtype=np.uint64) << np.uint64(1) | rng.integers(
        0, 2, n, dtype=np.uint64
    )


def _signatures(signs, sizes, views):
    """Return rows of one word that is no view, and then of some views."""
    words = np.zeros((len(signs) // views, 1 + 2 * views), dtype=np.uint64)
    words[:, 1::2], words[:, 2::2] = signs.reshape(-1, views), sizes.reshape(-1, views)
    return words


def _apart(a, b):
    return min((int(a) ^ way).bit_count() for way in _sixteen(int(b)))


@pytest.fixture
def views():
    """Return 60 windows of 30 owners; a third of them are changed mirror images of another."""
    rng = np.random.default_rng(3)
    signs, sizes = _words(rng, 60), _words(rng, 60) >> np.uint64(2)
    for t in range(20):
        changed = np.bitwise_or.reduce(np.uint64(1) << rng.integers(0, 62, 5, dtype=np.uint64))
        signs[40 + t] = _sixteen(int(signs[t]))[t % 16] ^ int(changed)
        sizes[40 + t] = sizes[t] ^ changed
    return signs, sizes, np.repeat(np.arange(30, dtype=np.int32), 2)


def _search(views, bits, *, window=100, listed=100, room=4096):
    signs, sizes, owner = views
    words = _signatures(signs, sizes, np.bincount(owner).max())
    rows = np.arange(len(words))
    table = by_bytes(np.array(bits, dtype=np.int64))
    order = np.empty(count_views(words, 1, rows), dtype=np.int32)
    assert len(order) == len(owner)
    starts = bucket_starts(words, 1, rows, table, len(bits), order)
    state, pairs = np.zeros(5, dtype=np.int64), []
    out = np.empty((room, 2), dtype=np.int32)
    while True:
        written = bucket_pairs(
            starts, order, words, TURN, MIRRORS, MOST_SIZES, MOST, window, listed, state, out,
        )  # fmt: skip
        pairs += [tuple(pair) for pair in out[:written].tolist()]
        if state[0] >= len(starts) - 1:
            return pairs, state


def _expected(views, key=0):
    signs, sizes, owner = views
    found = set()
    for a in range(60):
        for b in range(a + 1, 60):
            size = (int(sizes[a]) ^ int(sizes[b])).bit_count()
            same = (int(sizes[a]) ^ int(sizes[b])) & key == 0
            if owner[a] == owner[b] or not same or size > MOST_SIZES:
                continue
            if size + _apart(signs[a], signs[b]) <= MOST:
                found.add((int(owner[a]), int(owner[b])))
    return found


def test_bits_are_moved_as_one_by_one():
    rng = np.random.default_rng(4)
    words, source = _words(rng, 20), rng.permutation(64)[:41]
    expected = [sum((int(w) >> int(b) & 1) << t for t, b in enumerate(source)) for w in words]
    assert moved_bits(words, by_bytes(source)).tolist() == expected


def test_views_that_are_not_there_and_other_rows_are_left_out(views):
    words = _signatures(*views[:2], 2)
    words[3, 1:3] = 0
    rows = np.array([2, 3, 7])
    order = np.empty(count_views(words, 1, rows), dtype=np.int32)
    starts = bucket_starts(words, 1, rows, by_bytes(np.array([5, 60])), 2, order)
    assert sorted(order.tolist()) == [2 * 5 + 1, 2 * 5 + 3, 3 * 5 + 3, 7 * 5 + 1, 7 * 5 + 3]
    for key in range(4):
        sizes = words.reshape(-1)[order[starts[key] : starts[key + 1]] + 1].tolist()
        assert all((s >> 5 & 1) + 2 * (s >> 60 & 1) == key for s in sizes)


def test_all_pairs_are_found_where_all_are_compared(views):
    pairs, state = _search(views, [])
    assert set(pairs) == _expected(views)
    assert len(_expected(views)) >= 10
    assert state[2] == 60 * 59 // 2
    assert state[3] == 0


def test_a_table_finds_the_pairs_that_agree_in_its_bits(views):
    pairs, _ = _search(views, [3, 17, 40])
    assert set(pairs) == _expected(views, 1 << 3 | 1 << 17 | 1 << 40)


def test_a_full_buffer_loses_nothing(views):
    whole, counts = _search(views, [])
    parts, state = _search(views, [], listed=5, room=6)
    assert sorted(parts) == sorted(whole)
    assert state[2:].tolist() == counts[2:].tolist()


def test_what_a_window_leaves_out_is_counted(views):
    _, state = _search(views, [], window=10)
    assert state[2] + state[3] == 60 * 59 // 2
    assert state[2] == sum(min(10, 59 - i) for i in range(60))


def test_partners_not_written_down_are_counted_and_copies_hold_together():
    signs, sizes = np.full(50, 77, dtype=np.uint64), np.full(50, 5, dtype=np.uint64)
    pairs, state = _search((signs, sizes, np.arange(50, dtype=np.int32)), [], listed=4)
    reached = {0}
    for a, b in sorted(pairs):
        if a in reached:
            reached.add(b)
    assert reached == set(range(50))
    assert len(pairs) + state[4] == 50 * 49 // 2


def test_best_views_of_two_owners_and_none_twice():
    rng = np.random.default_rng(8)
    signs, sizes = _words(rng, 8).reshape(2, 4), _words(rng, 8).reshape(2, 4) >> np.uint64(2)
    signs[1, 2], sizes[1, 2] = signs[0, 0], sizes[0, 0]  # plane 0 is plane 2 of the other
    signs[1, 3], sizes[1, 3] = signs[0, 1], sizes[0, 1]  # a spot is no plane
    signs[0, 2] = sizes[0, 2] = 0
    words, pair = _signatures(signs.ravel(), sizes.ravel(), 4), np.array([1], dtype=np.int64)
    found = view_distances(words, 1, pair, TURN, MIRRORS, 3, 4)[0]
    planes = [
        _apart(signs[0, 1], signs[1, j]) + (int(sizes[0, 1]) ^ int(sizes[1, j])).bit_count()
        for j in (0, 1)
    ]
    spot = _apart(signs[0, 3], signs[1, 3]) + (int(sizes[0, 3]) ^ int(sizes[1, 3])).bit_count()
    assert found.tolist() == [*sorted([0, min(planes), spot]), 127]
