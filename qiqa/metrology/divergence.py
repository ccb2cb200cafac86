"""How far two distributions over categories are from each other: Jensen-Shannon divergence."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Divergence", "against_population", "jensen_shannon", "two_samples"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True)
class Divergence:
    """Divergence [bit], its 95 % interval, and how likely chance does as much."""

    value: float
    interval: tuple[float, float]
    p: float
    by_chance: float
    """Mean of samples of this size where nothing differs [bit]."""


def jensen_shannon(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the Jensen-Shannon divergence, base 2: 0 alike, 1 nothing in common.

    Lin, IEEE Trans Inf Theory 1991;37:145.

    Parameters
    ----------
    first, second
        (..., k) shares or counts; each row is divided by its sum.

    Examples
    --------
    >>> round(float(jensen_shannon(np.array([1.0, 0.0]), np.array([0.5, 0.5]))), 6)
    0.311278
    """
    p = first / first.sum(axis=-1, keepdims=True)
    q = second / second.sum(axis=-1, keepdims=True)
    middle = (p + q) / 2
    nats = special.rel_entr(p, middle).sum(axis=-1) + special.rel_entr(q, middle).sum(axis=-1)
    # what is alike comes out as a little below zero
    return np.maximum(np.asarray(nats) / (2 * math.log(2)), 0.0)


def against_population(
    counts: IntArray, shares: FloatArray, rng: np.random.Generator, *, draws: int = 1000
) -> Divergence:
    """Return how far a sample is from a population.

    Parameters
    ----------
    counts
        (k,) persons of each category, one at least in all.
    shares
        (k,) of the population, taken as known.
    """
    n = int(counts.sum())
    value = float(jensen_shannon(counts.astype(np.float64), shares))
    again = rng.multinomial(n, counts / n, size=draws).astype(np.float64)
    chance = rng.multinomial(n, shares / shares.sum(), size=draws).astype(np.float64)
    return _noun(value, jensen_shannon(again, shares), jensen_shannon(chance, shares))


def two_samples(
    first: IntArray, second: IntArray, rng: np.random.Generator, *, draws: int = 1000
) -> Divergence:
    """Return how far two samples are from each other.

    Parameters
    ----------
    first, second
        (k,) persons of each category, one at least in all.
    """
    kept = (first + second) > 0
    a, b = first[kept], second[kept]
    value = float(jensen_shannon(a.astype(np.float64), b.astype(np.float64)))
    again = [rng.multinomial(x.sum(), x / x.sum(), size=draws).astype(np.float64) for x in (a, b)]
    if a.size < 2:
        chance = np.zeros(draws)
    else:
        from scipy.stats import random_table  # slow to load, and few ask for it

        drawn = random_table([int(a.sum()), int(b.sum())], a + b).rvs(draws, random_state=rng)
        chance = jensen_shannon(drawn[:, 0].astype(np.float64), drawn[:, 1].astype(np.float64))
    return _noun(value, jensen_shannon(*again), chance)


def _noun(value: float, again: FloatArray, chance: FloatArray) -> Divergence:
    """Put it together. The basic bootstrap: samples of a sample are too far off by as much again.

    Twice the value less the quantiles of the draws (Davison and Hinkley, Bootstrap Methods and
    their Application, 1997, 5.2), cut off at 0 and 1.
    """
    low, high = np.quantile(again, [0.025, 0.975])
    interval = (min(max(2 * value - float(high), 0.0), 1.0),
                min(max(2 * value - float(low), 0.0), 1.0))  # fmt: skip
    reached = int(np.count_nonzero(chance >= value * (1.0 - 1e-9)))
    return Divergence(value, interval, (reached + 1) / (chance.size + 1), float(chance.mean()))
