"""Texts packed, and columns of words: what goes in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.core.words import DigestsSoFar, Texts, Words, WordsSoFar

# as names of files have them that are no text
ANY = st.text(st.characters(exclude_categories=()), max_size=4)
MANY = st.lists(ANY, max_size=30)


@settings(deadline=None, max_examples=50)
@given(MANY)
def test_texts_come_back(texts):
    made = Texts(texts)
    assert list(made) == texts
    assert [made[i] for i in range(len(made))] == texts
    assert [made[-i] for i in range(1, len(made) + 1)] == texts[::-1]
    assert made[1:5:2] == tuple(texts[1:5:2])
    assert made == Texts(texts)
    assert (made == Texts([*texts, ""])) is False
    with pytest.raises(IndexError):
        made[len(texts)]


def test_texts_take_their_own_length():
    made = Texts(f"1.2.840.{i:09d}" for i in range(1000))
    # and at most as much again, to grow into
    assert 17_000 <= len(made._bytes) <= 2 * 17_000
    assert 8 * 1001 <= made._ends.nbytes <= 2 * 8 * 1001


@settings(deadline=None, max_examples=50)
@given(MANY)
def test_codes_lead_back_to_the_words(words):
    made = Words.of(words)
    assert list(made) == words
    assert [made[i] for i in range(len(words))] == words
    assert list(made.names) == sorted(set(words) - {""})
    assert made.known.tolist() == [w != "" for w in words]
    assert made.counts.tolist() == [words.count(name) for name in made.names]
    rows = np.arange(len(words))[::2]
    assert list(made.take(rows)) == words[::2]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.none(), ANY), max_size=30))
def test_a_column_that_grows_is_the_same_column(words):
    growing = WordsSoFar(len(words))
    for row, word in enumerate(words):
        if word is not None:
            growing.put(row, word)
    made, whole = growing.words(), Words.of(word or "" for word in words)
    assert list(made) == list(whole)
    assert list(made.names) == list(whole.names)
    assert made.codes.tolist() == whole.codes.tolist()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.none(), st.integers(0, 3), st.integers(0, 2**64 - 1)), max_size=30))
def test_a_column_of_digests_is_the_same_column(numbers):
    words = ["" if number is None else f"{number:016x}" for number in numbers]
    growing = DigestsSoFar(len(words))
    for row, word in enumerate(words):
        growing.put(row, word)
    made, whole = growing.words(), Words.of(words)
    assert list(made) == list(whole)
    assert list(made.names) == list(whole.names)
    assert made.codes.tolist() == whole.codes.tolist()


@pytest.mark.parametrize("word", ["p1", "12", "0" * 17, "A" * 16, " " + "1" * 15])
def test_what_is_no_digest_is_refused(word):
    with pytest.raises(ValueError, match=r"base 16|not of 16 hexadecimal digits"):
        DigestsSoFar(1).put(0, word)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["", "b", "c"]))))
def test_one_column_over_another(pairs):
    upper, lower = Words.of(a for a, _ in pairs), Words.of(b for _, b in pairs)
    assert list(upper.over(lower)) == [a or b for a, b in pairs]
    # both ways have the same names, so that codes compare
    assert upper.over(lower).names == lower.over(upper).names


def test_one_of_some_words():
    column = Words.of(["MR", "", "CT", "PT"])
    assert column.is_one_of(["MR", "PT"]).tolist() == [True, False, False, True]
    assert column.is_one_of(["CT", ""]).tolist() == [False, True, True, False]
    assert Words.unknown(2).is_one_of(["", "x"]).tolist() == [True, True]
    assert list(Words.unknown(2)) == ["", ""]
