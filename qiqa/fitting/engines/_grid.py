"""The grid over the nonlinear parameter and the bounds within which there is an answer."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from qiqa.core.signal_model import Points

__all__ = ["bounds_of", "even", "filled_up", "grid_of"]

_LONGEST, _SHORTEST = 30.0, 10.0
"""How far beyond the longest and below the shortest time of the acquisition the grid goes: a decay
over a tenth of the shortest time leaves 5e-5 of itself to be seen."""
_NOTHING = 1e-12
"""Share of a unit vector that float32 sums do not see."""
_BEYOND = 4.0
"""The iteration may go this factor past a bound, to see that the optimum lies there."""


def bounds_of(module: ModuleType, points: Points) -> NDArray[np.float64]:
    """Return lowest and highest t with an answer, lowest and highest t tried, ends of the grid."""
    first = module.PARAMETERS[0]
    ends = sorted(float(module.coordinate(end, points)) for end in (first.lower, first.upper))
    return np.array([ends[0], ends[1], ends[0] / _BEYOND, ends[1] * _BEYOND, ends[0], ends[1]])


def grid_of(
    bounds: NDArray[np.float64], constants: NDArray[np.float64], size: int, own_decay: bool
) -> NDArray[np.float64]:
    """Return `size` values of ln t between the bounds, no farther than the acquisition can tell.

    The ends go to bounds[4:6].
    """
    low, high = float(bounds[0]), float(bounds[1])
    if not own_decay:
        # exp(-a t) is flat where a t is far below or above 1 for all a
        a = constants[0][constants[0] > 0]
        low, high = max(low, 1.0 / (_LONGEST * a.max())), min(high, _SHORTEST / a.min())
    if not low < high:
        low, high = float(bounds[0]), float(bounds[1])
    bounds[4:6] = low, high
    return np.linspace(math.log(low), math.log(high), size)


def filled_up(table: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return unit vectors (..., n) as a search takes them: float32, n a multiple of 4 by zeros."""
    # denormal numbers take a processor a hundred times longer
    seen = np.where(np.abs(table) < _NOTHING, 0.0, table)
    ends = [(0, 0)] * (table.ndim - 1) + [(0, -table.shape[-1] % 4)]
    return np.pad(seen, ends).astype(np.float32)


def even(constants: NDArray[np.float64]) -> bool:
    """Say whether the first constant rises by equal steps."""
    steps = np.diff(constants[0])
    return bool(
        steps.size > 1 and steps[0] > 0 and np.all(np.abs(steps - steps[0]) <= 1e-9 * steps[0])
    )
