"""What a design can tell: aliased columns, contrasts, and readings that nothing connects."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError

__all__ = ["Aliasing", "Exchange", "Part", "aliasing", "connected", "exchanges"]

FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]

_TOLERANCE = 1e-7
"""Of a column's length that is left when those before it are taken out; as R's lm has it."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Aliasing:
    """Which columns of a design are combinations of those before them."""

    names: tuple[str, ...]
    kept: NDArray[np.intp]
    """Columns that are new when they come."""
    aliased: NDArray[np.intp]
    """Columns that are combinations of kept ones."""
    weights: FloatArray
    """(kept, aliased): x[:, aliased] = x[:, kept] @ weights."""

    def estimable(self, contrast: FloatArray) -> bool:
        """Whether the readings determine this combination of all columns' effects.

        It is one where the combination is the same for every solution of the normal equations:
        what it says of an aliased column must be what follows from the kept ones.
        """
        wanted = contrast[self.kept] @ self.weights
        size = max(1e-300, float(np.abs(contrast).max(initial=0.0)))
        return bool(np.all(np.abs(contrast[self.aliased] - wanted) <= 1e-6 * size))

    def describe(self) -> str:
        """Return each aliased column and what it equals, for a person."""
        lines = []
        for j, column in enumerate(self.aliased):
            terms = [
                f"{w:+.6g} {self.names[k]}"
                for k, w in zip(self.kept, self.weights[:, j], strict=True)
                if abs(w) > 1e-6
            ]
            lines.append(f"{self.names[column]} = {' '.join(terms) or 'zero everywhere'}")
        return "; ".join(lines)


def aliasing(x: FloatArray, names: Sequence[str]) -> Aliasing:
    """Find the columns of a design that are combinations of those before them.

    Parameters
    ----------
    x
        (n, p)
    names
        p names of the columns.

    Examples
    --------
    >>> x = np.array([[1.0, 1, 0], [1, 1, 0], [1, 0, 1]])
    >>> aliasing(x, ["all", "scanner A", "scanner B"]).describe()
    'scanner B = +1 all -1 scanner A'
    """
    n, p = x.shape
    basis = np.empty((n, 0))
    kept: list[int] = []
    for j in range(p):
        length = float(np.linalg.norm(x[:, j]))
        rest = x[:, j].copy()
        for _ in range(2):  # once more takes out what rounding left of the first time
            rest -= basis @ (basis.T @ rest)
        left = float(np.linalg.norm(rest))
        if length > 0 and left > _TOLERANCE * length:
            basis = np.column_stack([basis, rest / left])
            kept.append(j)
    at = np.array(kept, dtype=np.intp)
    others = np.setdiff1d(np.arange(p, dtype=np.intp), at)
    weights = np.zeros((at.size, others.size))
    if at.size:
        weights[:] = np.linalg.lstsq(x[:, at], x[:, others], rcond=None)[0]
    return Aliasing(
        names=tuple(names),
        kept=at,
        aliased=others,
        weights=weights,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Levels of two factors that readings connect with each other and with nothing else."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    readings: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One reading to take that would connect two parts."""

    first: str
    """Level of the first factor, such as the scanner to use."""
    second: str
    """Level of the second factor, such as the phantom unit to scan on it."""
    other_way: tuple[str, str]
    """Levels of the first and second factor that would do as well: the exchange turned round."""
    joins: tuple[int, int]
    """Parts that it connects, counted from 0 in the order of `connected`."""


def connected(first: NDArray[np.generic], second: NDArray[np.generic]) -> tuple[Part, ...]:
    """Return the connected parts of two factors, that with most readings first.

    Within a part all differences between levels of either factor can be estimated with the other
    in the model; between parts none can (Searle, Linear Models (1971), 5.3). Scanners A and B that
    share a phantom unit are connected; a scanner whose unit nobody else scanned is not.

    Parameters
    ----------
    first, second
        (n,) level of each factor for each reading.

    Raises
    ------
    UsageError
        Not one level of each for each reading.

    Examples
    --------
    >>> found = connected(np.array(["A", "B", "C"]), np.array(["u1", "u1", "u2"]))
    >>> [(part.first, part.second) for part in found]
    [(('A', 'B'), ('u1',)), (('C',), ('u2',))]
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    one, i = np.unique(first.astype(str), return_inverse=True)
    two, j = np.unique(second.astype(str), return_inverse=True)
    if i.shape != j.shape:
        raise UsageError(
            f"{i.size} levels of the first factor, {j.size} of the second",
            hint="one level of each factor for each reading",
        )
    size = one.size + two.size
    edges = sparse.coo_array((np.ones(i.size), (i, one.size + j)), shape=(size, size))
    count, label = connected_components(edges.tocsr(), directed=False)
    readings = np.bincount(label[i], minlength=count)
    parts = [
        Part(
            first=tuple(str(x) for x in one[label[: one.size] == part]),
            second=tuple(str(x) for x in two[label[one.size :] == part]),
            readings=int(readings[part]),
        )
        for part in range(count)
    ]
    return tuple(sorted(parts, key=lambda part: (-part.readings, part.first)))


def exchanges(first: NDArray[np.generic], second: NDArray[np.generic]) -> tuple[Exchange, ...]:
    """Return the fewest readings that would connect all levels; none where they are connected.

    Each small part is joined to the one with most readings: the unit most read in the small part
    goes to the scanner most read in the large one, where both ends are known best. One reading
    connects; what it is worth, more of them decide.

    Examples
    --------
    >>> scanner, unit = np.array(["A", "B", "C"]), np.array(["u1", "u1", "u2"])
    >>> [(one.first, one.second, one.other_way) for one in exchanges(scanner, unit)]
    [('A', 'u2', ('C', 'u1'))]
    """
    parts = connected(first, second)
    return tuple(
        Exchange(
            first=_most_read(first, parts[0].first),
            second=_most_read(second, part.second),
            other_way=(_most_read(first, part.first), _most_read(second, parts[0].second)),
            joins=(0, number),
        )
        for number, part in enumerate(parts[1:], start=1)
    )


def _most_read(labels: NDArray[np.generic], among: tuple[str, ...]) -> str:
    text = labels.astype(str)
    counts = [int(np.sum(text == level)) for level in among]
    return among[int(np.argmax(counts))]
