"""Texts of many series in little memory: packed, and columns in which each word stands once."""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["Texts", "Words", "WordsSoFar"]

# a name of a file need not be text
_CODEC = ("utf-8", "surrogatepass")


class Texts(Sequence[str]):
    """Texts that take their own length in bytes and 8 more; grows by `append`."""

    __slots__ = ("_bytes", "_ends")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])
        for one in texts:
            self.append(one)

    def append(self, text: str) -> None:
        """Add a text at the end."""
        self._bytes += text.encode(*_CODEC)
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Return one text, or some."""
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        at = range(len(self))[index]
        return self._bytes[self._ends[at] : self._ends[at + 1]].decode(*_CODEC)

    def __iter__(self) -> Iterator[str]:
        for begin, end in zip(self._ends, self._ends[1:], strict=False):
            yield self._bytes[begin:end].decode(*_CODEC)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Texts):
            return self._ends == other._ends and self._bytes == other._bytes
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
    """A column of words that grows."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._codes = array("q")

    def put(self, row: int, word: str) -> None:
        """Set the word of the next row, or of one further on; rows between are not known."""
        self.fill(row)
        self._codes.append(self._places.setdefault(word, len(self._places)) if word else -1)

    def fill(self, n: int) -> None:
        """Let there be n rows at least."""
        self._codes.extend([-1] * (n - len(self._codes)))

    def words(self) -> Words:
        """Return the column."""
        names = sorted(self._places)
        place = np.empty(len(names) + 1, dtype=np.intp)
        place[-1] = -1
        for at, name in enumerate(names):
            place[self._places[name]] = at
        return Words(Texts(names), place[np.frombuffer(self._codes, dtype=np.int64)])
