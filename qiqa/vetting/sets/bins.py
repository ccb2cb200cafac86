"""Numbers as bins: as a table of a population names them, or as fifths of a set."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from qiqa.core.words import Words
from qiqa.vetting.sets.wording import short

__all__ = ["Bin", "as_bins", "fifths", "in_bins"]

FloatArray = NDArray[np.float64]

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"^{_NUMBER}\s*(?:-|–|to)\s*{_NUMBER}$")
_FROM = re.compile(rf"^(?:>=|≥)\s*{_NUMBER}$|^{_NUMBER}\s*\+$")
_BELOW = re.compile(rf"^<\s*{_NUMBER}$")


@dataclasses.dataclass(frozen=True, slots=True)
class Bin:
    """Numbers from `low` on; its end is where the next one begins, or its own."""

    name: str
    low: float
    high: float


def as_bins(names: Iterable[str]) -> tuple[Bin, ...]:
    """Return names such as `18-29`, `<18`, `65+`, `>=65` as bins; none if one is no bin."""
    made = []
    for name in names:
        text = name.strip()
        if found := _RANGE.match(text):
            made.append(Bin(name, float(found[1]), float(found[2])))
        elif found := _FROM.match(text):
            made.append(Bin(name, float(found[1] or found[2]), math.inf))
        elif found := _BELOW.match(text):
            made.append(Bin(name, -math.inf, float(found[1])))
        else:
            return ()
    return tuple(sorted(made, key=lambda one: (one.low, one.high)))


def in_bins(values: FloatArray, bins: tuple[Bin, ...]) -> Words:
    """Return the bin of each number (n,); unknown for NaN and for what lies in none.

    A number belongs to the last bin that begins at or below it. `18-29` followed by `30-39` means
    whole numbers: it ends where the next one begins, if that is at most one farther. A last bin
    such as `80-89`, or one before a gap, ends one after its end; just there, if any bin has a
    fraction.
    """
    low = np.array([one.low for one in bins])
    end = np.array([one.high for one in bins])
    after = np.append(low[1:], math.inf)
    edges = np.concatenate([low[np.isfinite(low)], end[np.isfinite(end)]])
    step = 1.0 if (edges == np.round(edges)).all() else 0.0
    closed = np.isfinite(low) & np.isfinite(end)
    last = np.where(closed, end + step if step else np.nextafter(end, math.inf), end)
    end = np.where(after <= end + step, after, last)
    place = np.searchsorted(low, values, side="right") - 1
    known = np.isfinite(values) & (place >= 0)
    place = np.where(known, place, 0)
    inside = known & (values < end[place])
    return Words(tuple(one.name for one in bins), np.where(inside, place, -1).astype(np.intp))


def fifths(values: FloatArray) -> Words:
    """Return the fifth of all known numbers that each one lies in."""
    known = np.isfinite(values)
    if not known.any():
        return Words((), np.full(values.size, -1, dtype=np.intp))
    edges = np.unique(
        np.quantile(values[known], [0.2, 0.4, 0.6, 0.8], method="closest_observation")
    )
    place = np.where(known, np.searchsorted(edges, values, side="right"), -1).astype(np.intp)
    ends = [-math.inf, *edges.tolist(), math.inf]
    names = [_named(a, b) for a, b in itertools.pairwise(ends)]
    return Words(tuple(names), place)


def _named(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "all"
    if math.isinf(low):
        return f"below {short(high)}"
    return f"from {short(low)}" if math.isinf(high) else f"{short(low)} to below {short(high)}"
