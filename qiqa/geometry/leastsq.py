"""Small nonlinear least-squares fits with covariance: a handful of parameters, clean profiles."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["FitResult", "fit"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """Outcome of a fit."""

    parameters: NDArray[np.float64]
    covariance: NDArray[np.float64]
    """Scaled by the residual variance."""
    residual_sd: float
    degrees_of_freedom: int
    converged: bool


def fit(
    model: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    data: NDArray[np.float64],
    start: NDArray[np.float64],
    scale: NDArray[np.float64],
    iterations: int = 60,
) -> FitResult:
    """Fit by Levenberg-Marquardt with a numerical Jacobian.

    Parameters
    ----------
    model
        Maps parameters (p,) to predictions (n,).
    data : (n,)
        Observations, finite.
    start, scale : (p,)
        First guess, and the size of a step in each parameter that clearly changes the model;
        differences are taken over 1e-4 of it.
    iterations
        Largest number of steps.
    """
    p = start.astype(np.float64)
    damping = 1e-3
    residual = data - model(p)
    cost = float(residual @ residual)
    converged = False
    jacobian = _jacobian(model, p, scale)
    for _ in range(iterations):
        normal = jacobian.T @ jacobian
        gradient = jacobian.T @ residual
        step = np.linalg.lstsq(
            normal + damping * np.diag(np.diag(normal) + 1e-12), gradient, rcond=None
        )[0]
        trial = p + step
        trial_residual = data - model(trial)
        trial_cost = float(trial_residual @ trial_residual)
        if np.isfinite(trial_cost) and trial_cost <= cost:
            small = bool(np.all(np.abs(step) < 1e-7 * scale)) or cost - trial_cost < 1e-12 * cost
            p, residual, cost = trial, trial_residual, trial_cost
            damping = max(damping / 5, 1e-9)
            if small:
                converged = True
                break
            jacobian = _jacobian(model, p, scale)
        else:
            damping *= 8
            if damping > 1e9:
                converged = True
                break
    dof = data.size - p.size
    variance = cost / dof if dof > 0 else float("nan")
    covariance = np.asarray(np.linalg.pinv(jacobian.T @ jacobian) * variance, dtype=np.float64)
    return FitResult(p, covariance, float(np.sqrt(variance)), dof, converged)


def _jacobian(
    model: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    p: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    columns = []
    for index in range(p.size):
        h = 1e-4 * scale[index]
        up, down = p.copy(), p.copy()
        up[index] += h
        down[index] -= h
        columns.append((model(up) - model(down)) / (2 * h))
    return np.column_stack(columns)
