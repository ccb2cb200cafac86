"""Texts of many series in little memory: packed, and columns in which each word stands once."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from qiqa.core.space import Space

__all__ = ["DigestsSoFar", "Texts", "Words", "WordsSoFar"]

# a name of a file need not be text
_CODEC = ("utf-8", "surrogatepass")
_FIRST = 64
"""Bytes, and texts, that there is room for at first."""


class Texts(Sequence[str]):
    """Texts that take their own length in bytes and 8 more; grows by `append`.

    Parameters
    ----------
    texts
        Those that it begins with.
    space
        Where they are kept.
    """

    __slots__ = ("_bytes", "_count", "_ends", "_space")

    def __init__(self, texts: Iterable[str] = (), space: Space = np.zeros) -> None:
        self._space = space
        self._bytes = space((_FIRST,), np.uint8).data
        self._ends = space((_FIRST,), np.int64).data
        self._count = 0
        for one in texts:
            self.append(one)

    def append(self, text: str) -> None:
        """Add a text at the end."""
        own = text.encode(*_CODEC)
        begin, self._count = self._ends[self._count], self._count + 1
        end = begin + len(own)
        self._bytes = self._with_room(self._bytes, end)
        self._ends = self._with_room(self._ends, self._count + 1)
        self._bytes[begin:end] = own
        self._ends[self._count] = end

    def _with_room(self, kept: memoryview, size: int) -> memoryview:
        """Return what is kept, in twice the room where it has too little."""
        if size <= len(kept):
            return kept
        wider = self._space((2 * size,), kept.format)
        wider[: len(kept)] = kept
        return wider.data

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Return one text, or some."""
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        at = range(len(self))[index]
        return str(self._bytes[self._ends[at] : self._ends[at + 1]], *_CODEC)

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(self._count))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Texts):
            return len(self) == len(other) and all(map(operator.eq, self, other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of words: each row's place in the sorted names."""

    names: Sequence[str]
    codes: NDArray[np.intp]
    """(n,) -1 where the word is not known."""

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """Return a column of these words, one a row; "" is not known."""
        rows = list(words)
        names = sorted(set(rows) - {""})
        place = {name: i for i, name in enumerate(names)}
        place[""] = -1
        return cls(tuple(names), np.fromiter(map(place.__getitem__, rows), np.intp, len(rows)))

    @classmethod
    def unknown(cls, n: int) -> Self:
        """Return a column of n rows in which nothing is known."""
        return cls((), np.full(n, -1, dtype=np.intp))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str:
        """Return the word of a row; "" where it is not known."""
        code = int(self.codes[row])
        return self.names[code] if code >= 0 else ""

    def __iter__(self) -> Iterator[str]:
        names = (*self.names, "")  # -1 is the last
        return (names[code] for code in self.codes.tolist())

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) whether there is a word."""
        return np.asarray(self.codes >= 0)

    @property
    def counts(self) -> NDArray[np.intp]:
        """Rows of each name."""
        return np.bincount(self.codes[self.known], minlength=len(self.names))

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Return some rows; names that none of them has stay."""
        return type(self)(self.names, self.codes[rows])

    def is_one_of(self, words: Iterable[str]) -> NDArray[np.bool_]:
        """(n,) whether the word is one of these; "" is one that is not known."""
        wanted = set(words)
        chosen = np.array([*(name in wanted for name in self.names), "" in wanted])
        return np.asarray(chosen[self.codes])

    def over(self, other: Words) -> Words:
        """Return these words where they are known, else those of the other column."""
        names = sorted({*self.names, *other.names})
        place = {name: i for i, name in enumerate(names)}

        def moved(column: Words) -> NDArray[np.intp]:
            at = np.array([*(place[name] for name in column.names), -1], dtype=np.intp)
            return at[column.codes]

        own = moved(self)
        return Words(tuple(names), np.where(own >= 0, own, moved(other)))


class WordsSoFar:
    """A column of words that is filled row by row; rows left out are not known.

    Parameters
    ----------
    n
        Rows.
    space
        Where they are kept.
    """

    def __init__(self, n: int, space: Space = np.zeros) -> None:
        self._space = space
        self._places: dict[str, int] = {"": 0}
        self._codes: NDArray[np.intp] = space((n,), np.intp)

    def put(self, row: int, word: str) -> None:
        """Set the word of a row."""
        self._codes[row] = self._places.setdefault(word, len(self._places))

    def words(self) -> Words:
        """Return the column; nothing can be put into it any more."""
        names = sorted(self._places)
        place = np.empty(len(names), dtype=np.intp)
        for at, name in enumerate(names):
            place[self._places[name]] = at - 1  # "" is the first of all
        self._codes[:] = place[self._codes]
        return Words(Texts(names[1:], self._space), self._codes)


class DigestsSoFar(WordsSoFar):
    """As `WordsSoFar`, of words of 16 hexadecimal digits; keeps numbers, not words."""

    def __init__(self, n: int, space: Space = np.zeros) -> None:
        self._space = space
        self._values: NDArray[np.uint64] = space((n,), np.uint64)
        self._known: NDArray[np.bool_] = space((n,), np.bool_)

    def put(self, row: int, word: str) -> None:
        """Set the word of a row; "" is not known.

        Raises
        ------
        ValueError
            If it is another word: it would not come back as it was.
        """
        if not word:
            return
        value = int(word, 16)
        if f"{value:016x}" != word:
            raise ValueError(f"{word!r} is not of 16 hexadecimal digits")
        self._values[row], self._known[row] = value, True

    def words(self) -> Words:
        """Return the column."""
        rows = np.flatnonzero(self._known)
        values, place = np.unique(self._values[rows], return_inverse=True)
        codes = self._space((len(self._known),), np.intp)
        codes.fill(-1)
        codes[rows] = place
        return Words(Texts((f"{int(value):016x}" for value in values), self._space), codes)
