"""The search among many signatures: what it finds, what it counts, and always the same."""

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.store.scratch import Scratch
from qiqa.vetting.signature import search
from qiqa.vetting.signature.codes import MIRRORS, transposed
from qiqa.vetting.signature.layout import PLANES, SPOTS, VERSION, VIEWS, pack, unpack
from qiqa.vetting.signature.search import exact_groups, near_pairs


def _words(rng, n):
    return rng.integers(0, 2**62, (n, VIEWS, 2), dtype=np.uint64)


def _packed(words, digests=None):
    rows = []
    for row, views in enumerate(words.tolist()):
        digest = (row if digests is None else digests[row]).to_bytes(16, "little")
        rows.append(
            pack(digest, [tuple(v) for v in views[:PLANES]], [tuple(v) for v in views[PLANES:]])
        )
    return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), -1)


def _changed(words, count, rng):
    """Return words with `count` bits changed in every view: half signs, half sizes."""
    found = words.copy()
    for view in found.reshape(-1, 2):
        for half, most in ((0, 64), (1, 62)):
            for bit in rng.permutation(most)[: count // 2]:
                view[half] ^= np.uint64(1) << np.uint64(bit)
    return found


@pytest.fixture(scope="module")
def planted():
    """Return signatures of 300 series: 260 is a planted copy of 0, 261 of 1, ... 299 of 39."""
    rng = np.random.default_rng(12)
    words = _words(rng, 260)
    copied = _changed(words[:40], 12, rng)
    copied[:, :, 0] ^= MIRRORS[rng.integers(0, 4, 40)][:, None]
    copied[20:, :, 0] = transposed(copied[20:, :, 0])
    return unpack(_packed(np.concatenate([words, copied])))


def test_planted_copies_are_found_with_their_similarity_and_nothing_else(planted):
    found = near_pairs(planted, np.arange(300))
    assert found.first.tolist() == list(range(40))
    assert found.second.tolist() == list(range(260, 300))
    # of 14 views the three most alike, each 12 bits apart or less (16 ways to lay the signs)
    assert found.similarity == pytest.approx(np.full(40, 100 * (1 - 12 / 126)), abs=1.0)
    assert found.compared == 300 * VIEWS * (300 * VIEWS - 1) // 2
    assert found.left_out == found.unlisted == 0


def test_tables_find_what_comparing_all_finds(planted, monkeypatch):
    everything = near_pairs(planted, np.arange(300))
    monkeypatch.setattr(search, "SMALL", 1000)
    found = near_pairs(planted, np.arange(300))
    assert found.compared < everything.compared / 3
    assert set(found.second.tolist()) == set(everything.second.tolist())


@pytest.mark.parametrize("small", [1000, 60_000])
def test_in_how_many_parts_pairs_are_kept_does_not_matter(planted, monkeypatch, small, tmp_path):
    monkeypatch.setattr(search, "SMALL", small)
    # so that nearly every two rows have a view that is alike enough
    monkeypatch.setattr(search, "MOST_SIZES", 24)
    whole = near_pairs(planted, np.arange(300))
    for name, value in (("BUFFER", 50), ("MOST_PARTS", 3), ("PAIRS_AT_ONCE", 20)):
        monkeypatch.setattr(search, name, value)
    parts = near_pairs(planted, np.arange(300), space=Scratch(tmp_path))
    assert len(parts.first) >= 40
    for name in ("first", "second", "similarity", "compared", "left_out", "unlisted"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name))


@pytest.mark.parametrize("small", [1000, 60_000])
def test_neither_threads_nor_order_matter(planted, monkeypatch, small):
    monkeypatch.setattr(search, "SMALL", small)
    rows = np.arange(300)
    one, four = near_pairs(planted, rows, threads=1), near_pairs(planted, rows, threads=4)
    assert np.array_equal(one.similarity, four.similarity)
    assert np.array_equal(one.second, four.second)
    turned = type(planted)(planted.words[::-1].copy(), planted.known[::-1])
    back = near_pairs(turned, rows)
    order = np.argsort(299 - back.second)
    assert np.array_equal((299 - back.first)[order], one.second)
    assert np.array_equal((299 - back.second)[order], one.first)
    assert np.array_equal(back.similarity[order], one.similarity)


def test_rows_left_out_are_not_compared(planted):
    assert len(near_pairs(planted, np.arange(260)).first) == 0


def test_one_view_alone_has_to_be_more_alike():
    rng = np.random.default_rng(5)
    words = _words(rng, 2)
    for bits, expected in ((12, [12 + search.ALONE]), (20, [])):
        other = _words(rng, 2)
        other[:, PLANES + 1] = _changed(words, bits, rng)[:, PLANES + 2]
        both = unpack(_packed(np.stack([words[0], other[0]])))
        found = near_pairs(both, np.arange(2))
        assert 126 * (1 - found.similarity / 100) == pytest.approx(expected, abs=1.5)


def test_many_copies_of_one_image_hold_together_and_what_is_left_out_is_counted(monkeypatch):
    rng = np.random.default_rng(7)
    words = np.repeat(_words(rng, 1), 400, axis=0)
    monkeypatch.setattr(search, "SMALL", 100)
    monkeypatch.setattr(search, "WINDOW", 50)
    found = near_pairs(unpack(_packed(words)), np.arange(400))
    assert set(found.second.tolist()) == set(range(1, 400))
    assert found.left_out > 0
    assert found.unlisted > 0


def test_more_than_places_can_count_is_refused(planted):
    many = np.broadcast_to(planted.words[0], (2**31 // planted.words.shape[1] + 1, 31))
    codes = type(planted)(many, np.broadcast_to(planted.known[0], len(many)))
    with pytest.raises(UsageError, match="at most 69,273,666 series, not among 69,273,667"):
        near_pairs(codes, np.arange(2))


def test_exact_groups():
    words = _words(np.random.default_rng(2), 6)
    known = unpack(_packed(words, [5, 2**100, 5, 7, 2**100, 2**100 + 1]))
    assert exact_groups(known).tolist() == [0, 1, 0, 3, 1, 5]


def test_other_versions_lengths_and_zeros_are_no_signatures():
    good = _packed(_words(np.random.default_rng(1), 3), [9, 9, 9]).copy()
    good[1] = 0
    good[2, 16] = VERSION + 1
    codes = unpack(good)
    assert codes.known.tolist() == [True, False, False]
    assert exact_groups(codes).tolist() == [0, -1, -1]
    assert len(near_pairs(codes, np.arange(3)).first) == 0
    assert not unpack(np.ones((2, 9), dtype=np.uint8)).known.any()
    empty = unpack(np.zeros((0, good.shape[1]), dtype=np.uint8))
    assert len(exact_groups(empty)) == len(near_pairs(empty, np.arange(0)).first) == 0


def test_missing_views_are_zero():
    codes = unpack(np.frombuffer(pack(bytes(16), [(1, 2)], [(3, 4)]), dtype=np.uint8)[None])
    assert codes.signs[0].tolist() == [1, *[0] * (PLANES - 1), 3, *[0] * (SPOTS - 1)]
