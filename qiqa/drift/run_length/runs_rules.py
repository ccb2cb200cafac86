"""Average run length of charts of individuals with runs rules, exact.

A rule (r, m, low, high) signals when r of the last m points lie on the same side between low and
high SDs. What the chart remembers is which of the last points counted for which rule and side; that
is a Markov chain with few states once points that can no longer matter are forgotten (Champ &
Woodall 1987, Technometrics 29:393).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import spsolve
from scipy.special import ndtr

from qiqa.core.errors import UsageError
from qiqa.drift.run_length.quadrature import settled

__all__ = [
    "NELSON_ZONES",
    "WESTERN_ELECTRIC",
    "Rule",
    "run_length",
    "scaled",
    "steady_state",
]

Rule = tuple[int, int, float, float]
"""r, m, low, high: r of the last m points on the same side between low and high SDs."""

History = tuple[int, ...]
"""Bits of the last points, newest lowest; one entry a rule and side."""

WESTERN_ELECTRIC: tuple[Rule, ...] = (
    (1, 1, 3.0, math.inf),
    (2, 3, 2.0, math.inf),
    (4, 5, 1.0, math.inf),
    (8, 8, 0.0, math.inf),
)
"""Tests 1 to 4 of the Western Electric Statistical Quality Control Handbook (1956)."""

NELSON_ZONES: tuple[Rule, ...] = (
    (1, 1, 3.0, math.inf),
    (9, 9, 0.0, math.inf),
    (2, 3, 2.0, math.inf),
    (4, 5, 1.0, math.inf),
)
"""Tests 1, 2, 5 and 6 of Nelson 1984, J Qual Technol 16:237: those that count points in zones."""

MAX_STATES = 60_000


def scaled(rules: Iterable[Rule], factor: float) -> tuple[Rule, ...]:
    """Return the rules with all zones wider by a factor."""
    return tuple((r, m, low * factor, high * factor) for r, m, low, high in rules)


def _checked(rules: tuple[Rule, ...]) -> None:
    if not rules:
        raise UsageError("no rule is given", hint="give at least (1, 1, 3.0, math.inf)")
    for rule in rules:
        r, m, low, high = rule
        if not (1 <= r <= m <= 20 and 0 <= low < high):
            raise UsageError(
                f"the rule {rule} cannot be used; needed are 1 <= r <= m <= 20 and 0 <= low < high",
                hint="give (r, m, low, high): r of the last m points between low and high SDs",
            )


@functools.cache
def _forget(bits: int, r: int, m: int) -> int:
    """Return the history without points that can no longer be part of a signal."""
    kept = 0
    for age in range(m - 1):
        if bits >> age & 1:
            # j exams from now the window holds the ages 0 to m - 1 - j and j new points.
            useful = any(
                (bits & ((1 << (m - j)) - 1)).bit_count() + j >= r for j in range(1, m - age)
            )
            kept |= useful << age
    return kept


def _zones(rules: tuple[Rule, ...]) -> tuple[NDArray[np.float64], list[tuple[int, ...]]]:
    """Return the edges between zones (z + 1,) and what a point in each counts for."""
    levels = {level for *_, low, high in rules for level in (low, high)}
    edges = np.array(sorted({-math.inf, math.inf} | levels | {-level for level in levels}))
    counts = []
    for low_edge, high_edge in itertools.pairwise(edges):
        inside = [
            (
                int(low <= low_edge and high_edge <= high),
                int(-high <= low_edge and high_edge <= -low),
            )
            for *_, low, high in rules
        ]
        counts.append(tuple(bit for pair in inside for bit in pair))
    return edges, counts


@functools.lru_cache(maxsize=64)
def _chain(rules: tuple[Rule, ...]) -> tuple[int, NDArray[np.int64], NDArray[np.float64]]:
    """Return the states, the moves (n, 3) from, to, zone that do not signal, and the zone edges."""
    edges, counts = _zones(rules)
    sides = [(r, m) for r, m, *_ in rules for _ in range(2)]
    start: History = (0,) * len(sides)
    index = {start: 0}
    queue, moves = [start], []
    while queue:
        state = queue.pop()
        for zone, bits in enumerate(counts):
            after = [state[i] << 1 | bits[i] for i in range(len(sides))]
            if any(after[i].bit_count() >= sides[i][0] for i in range(len(sides))):
                continue
            to = tuple(_forget(after[i], *sides[i]) for i in range(len(sides)))
            if to not in index:
                if len(index) >= MAX_STATES:
                    raise UsageError(
                        f"these rules together need more than {MAX_STATES} states",
                        hint="use fewer rules or shorter ones",
                    )
                index[to] = len(index)
                queue.append(to)
            moves.append((index[state], index[to], zone))
    return len(index), np.array(moves, dtype=np.int64).reshape(-1, 3), edges


@functools.lru_cache(maxsize=2048)
def run_length(shift: float, rules: tuple[Rule, ...] = WESTERN_ELECTRIC[:1]) -> float:
    """Return the zero-state average run length in exams until the first of the rules signals.

    Parameters
    ----------
    shift
        Step of the scores' mean at the start, in SDs.
    rules
        Rules used together, each (r, m, low, high) on both sides.

    Raises
    ------
    UsageError
        If a rule cannot be used, or the rules together need too many states.

    >>> round(run_length(0.0), 2), round(run_length(1.0, WESTERN_ELECTRIC[:2]), 2)
    (370.4, 20.01)
    """
    return float(_lengths(shift, rules)[0])


@functools.lru_cache(maxsize=1024)
def steady_state(shift: float, rules: tuple[Rule, ...] = WESTERN_ELECTRIC[:1]) -> float:
    """Return the average delay in exams of a shift that comes after a long time in control.

    Conditional on no alarm before it. Parameters and errors as in `run_length`.

    >>> steady_state(1.0, WESTERN_ELECTRIC[:2]) < run_length(1.0, WESTERN_ELECTRIC[:2])
    True
    """
    lengths = _lengths(shift, rules)
    back = _step(0.0, rules).T.tocsr()
    return float(settled(lambda mass: back @ mass, np.ones(lengths.size)) @ lengths)


def _step(shift: float, rules: tuple[Rule, ...]) -> csc_array:
    """Return the chances (n, n) of the moves that do not signal."""
    _checked(rules)
    if not math.isfinite(shift):
        raise UsageError(f"shift is {shift:g}; it must be finite", hint="give a finite shift")
    states, moves, edges = _chain(rules)
    # Below the mean from the left, above it from the right: no digits are lost in the tails.
    z = edges - shift
    low, high = z[:-1], z[1:]
    zone = np.where(low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    return csc_array((zone[moves[:, 2]], (moves[:, 0], moves[:, 1])), shape=(states, states))


def _lengths(shift: float, rules: tuple[Rule, ...]) -> NDArray[np.float64]:
    """Return the run length (n,) from each state; the first one remembers nothing."""
    step = _step(shift, rules)
    states = step.shape[0]
    lengths = spsolve(csc_array(eye_array(states) - step), np.ones(states))
    return np.atleast_1d(np.asarray(lengths, dtype=np.float64))
