"""Variances that maximize the restricted likelihood, none below zero."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.metrology.restricted import Design, State, average_information, evaluate, gradient

__all__ = ["Maximum", "maximize"]

FloatArray = NDArray[np.float64]

_ENOUGH = 1e-13
"""In -2 log likelihood: what one more step promises. A millionth of a standard error."""
_ROUNDING = 1e-6
"""In -2 log likelihood: promises that rounding may hide, where many readings are added up."""
_STEPS = 200
_HALVINGS = 40
_STRIDE = 0.05


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Where one climb ended."""

    state: State
    converged: bool
    steps: int


def maximize(
    design: Design,
    start: FloatArray,
    free: NDArray[np.bool_],
    floor: FloatArray,
    known: State | None = None,
) -> Maximum | None:
    """Climb from one start by Newton steps with the average information.

    A variance at its floor whose likelihood falls inwards is left there (Bertsekas 1982, SIAM J.
    Control Optim. 20:221-246); it is let go again once the likelihood rises inwards.

    Parameters
    ----------
    design
        The readings.
    start
        (factors + 1,) variances to begin with.
    free
        (factors + 1,) which are estimated; the others stay as they start.
    floor
        (factors + 1,) smallest variance allowed.
    known
        A maximum that another climb found; this one ends there once it comes close to it.

    Returns
    -------
    Maximum or None
        None where the likelihood does not exist at the start.
    """
    state = evaluate(design, np.maximum(start, floor))
    if state is None:
        return None
    for count in range(_STEPS):
        slope = gradient(state)
        moving = free & ~((state.theta <= floor) & (slope >= 0))
        if not moving.any():
            return Maximum(state, True, count)
        information = average_information(state)
        if known is not None and _close(state, known, information):
            return Maximum(known, True, count)
        step, promise = _newton(information, slope, moving)
        if promise < _ENOUGH:
            return Maximum(state, True, count)
        little = promise < _ROUNDING
        better = _search(state, step, slope, floor, 2 if little else _HALVINGS)
        if better is None and not little:
            # Where readings hold no news of one variance, average information points nowhere.
            step = _expectation_step(state, slope, moving)
            better = _search(state, step, slope, floor, _HALVINGS)
        if better is None:
            return Maximum(state, little, count)
        state = better
    return Maximum(state, False, _STEPS)


def _close(state: State, known: State, information: FloatArray) -> bool:
    """Whether a maximum is a tenth of a standard error away: the same top, not another.

    Information may be nearly none about a variance, so that each must also be alike in itself.
    """
    way = known.theta - state.theta
    larger = np.maximum(known.theta, state.theta)
    alike = (np.abs(way) <= 0.3 * larger) | (larger <= 1e-3 * larger.max())
    near = float(way @ information @ way) < 2 * 0.1**2
    return known.log_likelihood >= state.log_likelihood and near and bool(alike.all())


def _newton(
    information: FloatArray, slope: FloatArray, moving: NDArray[np.bool_]
) -> tuple[FloatArray, float]:
    """Return the step of all variances and what it promises to gain in -2 log likelihood.

    Where readings hold no news of a variance, the step may be too long to be written: it is then
    not finite, leads outside, and promises everything.
    """
    at = np.flatnonzero(moving)
    part = information[np.ix_(at, at)]
    size = np.sqrt(np.maximum(np.diag(part), np.finfo(float).tiny))
    # Two variances that the readings hardly tell apart leave this nearly singular.
    scaled = part / np.outer(size, size) + 1e-9 * np.eye(at.size)
    step = np.zeros_like(slope)
    with np.errstate(over="ignore", invalid="ignore"):
        step[at] = -np.linalg.solve(scaled, slope[at] / size) / size
        promise = float(-0.5 * (slope @ step))
    return step, promise if np.isfinite(promise) else np.inf


def _expectation_step(state: State, slope: FloatArray, moving: NDArray[np.bool_]) -> FloatArray:
    """Return the step of the EM algorithm, which never loses likelihood and stays above zero.

    Searle, Casella & McCulloch, Variance Components (1992), 8.3.
    """
    design = state.design
    sizes = np.append(np.bincount(design.block, minlength=design.factors), design.y.size)
    step: FloatArray = np.where(moving, -(state.theta**2) * slope / sizes, 0.0)
    return step


def _search(
    state: State, step: FloatArray, slope: FloatArray, floor: FloatArray, halvings: int
) -> State | None:
    """Return the first point along the step, cut at the floors, that is better by enough."""
    if not np.isfinite(step).all():
        return None
    length = 1.0
    # What cannot be zero does not go there in one stride: too close, nothing can be seen.
    lowest = np.maximum(floor, np.where(floor > 0, _STRIDE * state.theta, 0.0))
    for _ in range(halvings):
        # a stride may lead to where the likelihood cannot be written: no better place
        with np.errstate(over="ignore", invalid="ignore"):
            theta = np.maximum(state.theta + length * step, lowest)
            found = evaluate(state.design, theta)
            asked = -1e-4 * float(slope @ (theta - state.theta))
        if found is not None:
            gained = 2 * (found.log_likelihood - state.log_likelihood)
            if gained > 0 and gained >= asked:
                return found
        length *= 0.5
    return None
