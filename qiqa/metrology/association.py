"""How strongly two columns go together: categories with categories, numbers with categories."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Association", "cramer_v", "rank_association"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_EXPECTED = 5.0
_MOST_BELOW = 0.2
"""Cochran (Biometrics 1954;10:417): chi-squared holds where at most a fifth of the cells expects
fewer than five, and none fewer than one."""

_FEWEST_TABLES = 99
_MOST_CELLS = 20_000_000
"""Of all random tables: for very large ones fewer are drawn."""
_AT_ONCE = 1_000_000
"""Cells in memory."""


@dataclasses.dataclass(frozen=True, slots=True)
class Association:
    """Strength, how likely chance does as much, and what that rests on."""

    strength: float
    """0 to 1; NaN where one of the columns does not vary."""
    p: float
    n: int
    by: str
    """`chi-squared`, `permutation of N tables`, or why there is none."""


def cramer_v(counts: IntArray, rng: np.random.Generator, *, tables: int = 2000) -> Association:
    """Return Cramer's V with Bergsma's correction of bias (J Korean Stat Soc 2013;42:323).

    Parameters
    ----------
    counts
        (r, c) how often each pair occurs; empty rows and columns are left out.
    rng
        Draws tables with the same margins where chi-squared does not hold.
    tables
        How many; fewer, 99 at least, where they are very large.

    Examples
    --------
    >>> found = cramer_v(np.array([[10, 30], [30, 10]]), np.random.default_rng(0))
    >>> round(found.strength, 4), round(found.p, 7)
    (0.4904, 7.7e-06)
    """
    kept = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    n = int(kept.sum())
    r, c = kept.shape
    if n < 2 or r < 2 or c < 2:
        return Association(math.nan, math.nan, n, "one of the two does not vary")
    rows, columns = kept.sum(axis=1), kept.sum(axis=0)
    expected = np.outer(rows, columns) / n
    chi2 = float(((kept - expected) ** 2 / expected).sum())
    phi2 = max(0.0, chi2 / n - (r - 1) * (c - 1) / (n - 1))
    r1, c1 = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    least = min(r1, c1) - 1
    strength = min(1.0, math.sqrt(phi2 / least)) if least > 0 else math.nan
    if expected.min() >= 1 and (expected < _EXPECTED).mean() <= _MOST_BELOW:
        p = float(special.chdtrc((r - 1) * (c - 1), chi2))
        return Association(strength, p, n, "chi-squared")
    drawn = min(tables, max(_FEWEST_TABLES, _MOST_CELLS // kept.size))
    p = _by_tables(kept, expected, chi2, rng, drawn)
    return Association(strength, p, n, f"permutation of {drawn} tables")


def _by_tables(
    counts: IntArray, expected: FloatArray, chi2: float, rng: np.random.Generator, tables: int
) -> float:
    """Return how often a random table with these margins is as far from the expected one."""
    from scipy.stats import random_table  # slow to load, and few ask for it

    law = random_table(counts.sum(axis=1), counts.sum(axis=0))
    reached, step = 0, max(1, _AT_ONCE // counts.size)
    for begin in range(0, tables, step):
        drawn = law.rvs(size=min(step, tables - begin), random_state=rng)
        far = ((drawn - expected) ** 2 / expected).sum(axis=(1, 2))
        reached += int(np.count_nonzero(far >= chi2 * (1.0 - 1e-9)))
    return (reached + 1) / (tables + 1)


def rank_association(values: FloatArray, codes: IntArray) -> Association:
    """Return epsilon squared of ranks and the p of Kruskal and Wallis.

    Epsilon squared is the share of the variance of ranks between groups, less what chance gives
    (Kelley, PNAS 1935;21:554); below zero it is zero.

    Parameters
    ----------
    values, codes
        (n,) numbers, all finite, and the group of each, from 0 on.
    """
    from scipy.stats import rankdata

    names, place = np.unique(codes, return_inverse=True)
    n, k = values.size, names.size
    if k < 2 or n <= k or float(np.ptp(values)) == 0.0:
        return Association(math.nan, math.nan, n, "one of the two does not vary")
    ranks = rankdata(values)
    sizes = np.bincount(place)
    between = float((np.bincount(place, weights=ranks) ** 2 / sizes).sum()) - n * (n + 1) ** 2 / 4
    h = between / float(ranks.var(ddof=1))  # the variance of the ranks takes ties into account
    strength = min(1.0, max(0.0, (h - k + 1) / (n - k)))
    return Association(strength, float(special.chdtrc(k - 1, h)), n, "Kruskal-Wallis")
