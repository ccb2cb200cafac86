"""Mean and standard deviation that outliers do not move: algorithm A, Qn, Q method and Hampel."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from qiqa.core.errors import NotMeasurable

__all__ = ["RobustEstimate", "algorithm_a", "hampel", "q_hampel", "q_method", "qn", "qn_hampel"]

FloatArray = NDArray[np.float64]
_WINSOR = 1.5
_CONSISTENT = 1.134
"""Makes the winsorized standard deviation right for normal values (ISO 13528, formula C.10)."""
_MAD = 1.483
_MOST_STEPS = 10_000
_COLLAPSED = 1e-9
"""Of its starting value: a scale that falls below is on its way to zero."""
_QN = 2.2191
_QN_SMALL = (
    0.3994, 0.9937, 0.5132, 0.8440, 0.6122, 0.8588, 0.6699, 0.8734, 0.7201, 0.8891, 0.7574,
)  # fmt: skip
"""Factors for 2 to 12 values (Croux and Rousseeuw 1992; ISO 13528, table C.2)."""
_KNEES = (1.5, 3.0, 4.5)
"""Of Hampel's function (ISO 13528, C.5.3)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RobustEstimate:
    """A robust mean, the robust standard deviation of single values, and what it rests on."""

    mean: float
    sd: float
    n: int
    method: str

    @property
    def standard_uncertainty(self) -> float:
        """1.25 s* / sqrt(n): of the mean (ISO 13528:2022, formula 6)."""
        return 1.25 * self.sd / math.sqrt(self.n)


def algorithm_a(values: ArrayLike, *, tolerance: float = 1e-10) -> RobustEstimate:
    """Return mean and standard deviation by algorithm A of ISO 13528:2022, C.3.1.

    Values farther than 1.5 s* from the mean are pulled in to there, and mean and s* found anew,
    until nothing changes. The standard ends when the third significant figure does, which depends
    on the unit and stops short; here it goes on to `tolerance`.

    Parameters
    ----------
    values
        (n,) one a participant; NaN is left out.
    tolerance
        Change of mean and s* at which it ends, relative to s*.

    Raises
    ------
    NotMeasurable
        Fewer than three values, or so many equal ones that s* falls to zero.

    Examples
    --------
    >>> found = algorithm_a([0.227, 0.230, 0.243, 0.255, 0.264, 0.270, 0.274, 0.281, 0.289, 0.311])
    >>> round(found.mean, 6), round(found.sd, 6), round(found.standard_uncertainty, 6)
    (0.264124, 0.029412, 0.011626)
    """
    x = _values(values, 3)
    # about the median and in units of the spread: neither origin nor unit changes the result
    origin, unit = float(np.median(x)), float(np.abs(x - np.median(x)).max())
    y = (x - origin) / unit
    mean, start = 0.0, _MAD * float(np.median(np.abs(y)))
    sd = start = start if start > 0 else float(y.std(ddof=1))
    for _ in range(_MOST_STEPS):
        pulled = np.clip(y, mean - _WINSOR * sd, mean + _WINSOR * sd)
        new_mean, new_sd = float(pulled.mean()), _CONSISTENT * float(pulled.std(ddof=1))
        if new_sd < _COLLAPSED * start:
            break
        change = max(abs(new_mean - mean), abs(new_sd - sd))
        mean, sd = new_mean, new_sd
        if change < tolerance * sd:
            return RobustEstimate(
                mean=origin + unit * mean, sd=unit * sd, n=int(x.size), method="algorithm A"
            )
    raise _too_equal(x)


def qn(values: ArrayLike) -> float:
    """Return the standard deviation Qn of Rousseeuw and Croux (J Am Stat Assoc 1993;88:1273).

    A low quantile of the distances between pairs, so that it stands half of the values being wrong.
    With the factors of ISO 13528:2022 as amended in 2026 (C.5.2.1).

    Parameters
    ----------
    values
        (n,) NaN is left out.

    Raises
    ------
    NotMeasurable
        Fewer than two values, or so many equal ones that Qn is zero.
    """
    x = _values(values, 2)
    n = x.size
    i, j = np.triu_indices(n, k=1)
    half = n // 2 + 1
    k = half * (half - 1) // 2 - 1
    distance = float(np.partition(np.abs(x[i] - x[j]), k)[k])
    if n <= 12:
        factor = _QN_SMALL[n - 2]
    elif n % 2:
        factor = 1 / (1 + (1.6019 + (-2.128 - 5.172 / n) / n) / n)
    else:
        factor = 1 / (1 + (3.6756 + (1.965 + (6.987 - 77 / n) / n) / n) / n)
    if not distance > 0:
        raise _too_equal(x)
    return _QN * factor * distance


def q_method(values: Sequence[ArrayLike] | ArrayLike) -> float:
    """Return the standard deviation between participants by the Q method (ISO 13528, C.5.2.2).

    From the distribution of distances between participants, interpolated between its steps, at the
    quarter of it that is not at zero. Repeats count as one participant.

    Parameters
    ----------
    values
        One number or several repeats for each participant; NaN is left out.

    Raises
    ------
    NotMeasurable
        Fewer than two participants, or all values equal.
    """
    groups = _groups(values)
    n = len(groups)
    x = np.concatenate(groups)
    whose = np.repeat(np.arange(n), [g.size for g in groups])
    i, j = np.triu_indices(x.size, k=1)
    between = whose[i] != whose[j]
    i, j = i[between], j[between]
    # every pair of participants counts alike, however many repeats they have
    share = 1 / np.array([g.size for g in groups])[whose]
    d, w = np.abs(x[i] - x[j]), share[i] * share[j] * 2 / (n * (n - 1))
    order = np.argsort(d, kind="stable")
    d, w = d[order], w[order]
    # distances that are equal as decimals are not as binary numbers
    tie = 4 * np.finfo(np.float64).eps * float(np.abs(x).max())
    begins = np.flatnonzero(np.concatenate([[True], np.diff(d) > tie]))
    at = np.where(d[begins] <= tie, 0.0, d[begins])
    cumulated = np.cumsum(np.add.reduceat(w, begins))
    at_zero = float(cumulated[0]) if at[0] == 0 else 0.0
    before = np.concatenate([[0.0], cumulated[:-1]])
    middle = (before + cumulated) / 2
    positive = at > 0
    if not positive.any():
        raise _too_equal(x)
    heights = np.concatenate([[0.0], middle[positive]])
    places = np.concatenate([[0.0], at[positive]])
    quantile = float(np.interp(0.25 + 0.75 * at_zero, heights, places))
    return quantile / (math.sqrt(2) * float(special.ndtri(0.625 + 0.375 * at_zero)))


def hampel(values: ArrayLike, sd: float) -> float:
    """Return Hampel's mean for a given standard deviation (ISO 13528, C.5.3.3).

    Values up to 1.5 sd away count in full, from 3 sd on less and less, beyond 4.5 sd not at all. Of
    several solutions the one nearest to the median is taken; the median itself where two are
    equally near.

    Parameters
    ----------
    values
        (n,) one a participant; NaN is left out.
    sd
        Above zero.
    """
    x = _values(values, 1)
    middle = float(np.median(x))
    q = (x - middle) / sd
    # the function is straight between these places: each zero is found exactly
    nodes = np.unique(np.concatenate([q + sign * knee for knee in _KNEES for sign in (-1, 1)]))
    total = np.array([_psi(q - node).sum() for node in nodes])
    total[np.abs(total) < 1e-12] = 0.0
    zeros = list(nodes[total == 0])
    crossing = np.flatnonzero(total[:-1] * total[1:] < 0)
    step = (nodes[crossing + 1] - nodes[crossing]) / (total[crossing + 1] - total[crossing])
    zeros += list(nodes[crossing] - total[crossing] * step)
    near = np.abs(zeros)
    best = np.flatnonzero(near <= near.min() + 1e-12)
    found = {round(float(zeros[i]), 11) for i in best}
    return middle if len(found) > 1 else middle + sd * float(zeros[best[0]])


def q_hampel(values: Sequence[ArrayLike] | ArrayLike) -> RobustEstimate:
    """Return mean and standard deviation by Q and Hampel (ISO 13528:2022, C.5.4).

    Stands more than a third of the participants being wrong, where algorithm A stands a fifth.

    Parameters
    ----------
    values
        One number or several repeats for each participant; NaN is left out.

    Raises
    ------
    NotMeasurable
        Fewer than two participants, or all values equal.
    """
    groups = _groups(values)
    sd = q_method(groups)
    means = [float(g.mean()) for g in groups]
    return RobustEstimate(mean=hampel(means, sd), sd=sd, n=len(groups), method="Q/Hampel")


def qn_hampel(values: ArrayLike) -> RobustEstimate:
    """Return Hampel's mean with the standard deviation Qn: for one result a participant.

    Parameters
    ----------
    values
        (n,) one a participant; NaN is left out.

    Raises
    ------
    NotMeasurable
        Fewer than two values, or so many equal ones that Qn is zero.
    """
    x = _values(values, 2)
    sd = qn(x)
    return RobustEstimate(mean=hampel(x, sd), sd=sd, n=int(x.size), method="Qn/Hampel")


def _psi(q: FloatArray) -> FloatArray:
    a, b, c = _KNEES
    size = np.abs(q)
    return np.asarray(np.sign(q) * np.clip(np.minimum(size, a * (c - size) / (c - b)), 0, a))


def _values(values: ArrayLike, least: int) -> FloatArray:
    x = np.asarray(values, dtype=np.float64).ravel()
    x = x[np.isfinite(x)]
    if x.size < least:
        raise NotMeasurable(f"{x.size} values: a robust estimate needs at least {least}")
    if least > 1 and float(np.ptp(x)) == 0:
        raise _too_equal(x)
    return x


def _groups(values: Sequence[ArrayLike] | ArrayLike) -> list[FloatArray]:
    given = values if isinstance(values, Sequence) else list(np.asarray(values))
    groups = [np.atleast_1d(np.asarray(g, dtype=np.float64)).ravel() for g in given]
    groups = [kept for g in groups if (kept := g[np.isfinite(g)]).size]
    if len(groups) < 2:
        raise NotMeasurable(f"{len(groups)} participants have a value: at least two are needed")
    return groups


def _too_equal(x: FloatArray) -> NotMeasurable:
    _, count = np.unique(x, return_counts=True)
    return NotMeasurable(
        f"{count.max()} of {x.size} values are equal: a robust standard deviation of them is zero",
        hint="give the values with more digits",
    )
