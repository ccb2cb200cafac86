"""What kind of number a quantity is, and the scale on which its scatter is even.

Limits of a chart are those of normal scores. A value that cannot pass a bound scatters less near it
and skewed; a count moves in whole steps. Which is which is known beforehand for what qiqa measures;
for other names the smallest step between values is looked at.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Scale", "kind_of", "resolution", "scale_of"]

FloatArray = NDArray[np.float64]

KINDS = ("continuous", "bounded", "count", "discrete")
_BOUNDED = {
    "integral_uniformity": "above",
    "signal_ghosting": "below",
    "repeatability_wcv": "below",
    "geometric_residual": "below",
}
"""Quantity -> which side its bound is on: 100 % above, 0 below."""
_COUNTS = frozenset({"low_contrast_spokes", "fiducial_count"})
_DISCRETE = frozenset({"high_contrast_resolution"})
_FEW = 12
"""A series with at most so many different values in twice as many exams moves in steps."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scale:
    """A monotone way to the numbers that are charted, and back."""

    forth: Callable[[FloatArray], FloatArray]
    back: Callable[[FloatArray], FloatArray]
    words: str = ""
    """What was done, for a person; empty where nothing was."""


def _same(x: FloatArray) -> FloatArray:
    return x


_LINEAR = Scale(_same, _same)
_ROOT = Scale(
    lambda x: np.sqrt(np.maximum(x, 0.0)),
    lambda r: np.maximum(r, 0.0) ** 2,
    "charted as its square root: it cannot fall below 0",
)
_BELOW_100 = Scale(
    lambda x: -np.sqrt(np.maximum(100.0 - x, 0.0)),
    lambda r: 100.0 - np.minimum(r, 0.0) ** 2,
    "charted as the square root of its distance to 100 %: it cannot pass that",
)


def resolution(value: FloatArray) -> float:
    """Return the step in which values were written, 0 where they were not rounded visibly.

    >>> resolution(np.array([12.1, 12.3, 12.2])), resolution(np.array([38.0, 40.0]))
    (0.1, 1.0)
    """
    finite = value[np.isfinite(value)]
    if finite.size == 0:
        return 0.0
    size = float(np.abs(finite).max())
    last = float(finite[-1])
    if abs(last - round(last, 6)) > 1e-9 * size:
        return 0.0  # as most measured values are
    for digits in range(7):
        step = 10.0**-digits
        if abs(last - round(last, digits)) > 2e-9 * max(size, step):
            continue  # nor can all of them be
        if np.all(np.abs(finite - np.round(finite, digits)) <= 1e-9 * max(size, step)):
            return step if size < 1e6 * step else 0.0
    return 0.0


def kind_of(quantity: str, value: FloatArray) -> str:
    """Return one of KINDS."""
    name = quantity.lower()
    if name in _COUNTS:
        return "count"
    if name in _DISCRETE:
        return "discrete"
    if name in _BOUNDED:
        return "bounded"
    finite = value[np.isfinite(value)]
    if len(set(finite[: 2 * _FEW + 1].tolist())) > _FEW:
        return "continuous"  # as most are
    different = np.unique(finite).size
    if 1 < different <= _FEW and finite.size >= 2 * different and finite.size >= 10:
        whole = bool(np.all(finite == np.round(finite)))
        return "count" if whole else "discrete"
    return "continuous"


def scale_of(quantity: str, unit: str) -> Scale:
    """Return how values of a quantity are charted."""
    side = _BOUNDED.get(quantity.lower())
    if side == "below":
        return _ROOT
    if side == "above" and unit in ("%", "percent"):
        return _BELOW_100
    return _LINEAR
