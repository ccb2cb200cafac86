"""Voxel by voxel fits with scipy, to compare maps with: slow, plain, and not from the package."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

__all__ = ["INDEPENDENT", "fit_voxels", "tensor"]

Array = NDArray[np.float64]


def _least(
    model: Callable[[Array], Array], y: Array, starts: list[list[float]]
) -> tuple[Array, float]:
    """Return the parameters of the best of several starts, and twice the cost."""
    best, cost = np.full(len(starts[0]), np.nan), np.inf
    for start in starts:
        found = least_squares(
            lambda p: model(p) - y, start, method="lm", x_scale=np.abs(start) + 1e-12,
            xtol=1e-12, ftol=1e-12, gtol=1e-12, max_nfev=500,
        )  # fmt: skip
        if found.cost < cost:
            best, cost = found.x, found.cost
    return best, 2 * cost


def decay(x: Array, y: Array, _: float) -> float:
    """Return T2 of y = s0 exp(-x/T2)."""
    guess = float(np.clip(-1 / min(np.polyfit(x, np.log(np.maximum(y, 1)), 1)[0], -1e-4), 1, 5e3))
    starts = [[y.max(), t] for t in (guess, 20.0, 200.0)]
    return float(_least(lambda p: p[0] * np.exp(-x / p[1]), y, starts)[0][1])


def diffusion(x: Array, y: Array, _: float) -> float:
    """Return the ADC of y = s0 exp(-x ADC)."""
    starts = [[y.max(), d] for d in (0.2e-3, 1e-3, 2.5e-3)]
    return float(_least(lambda p: p[0] * np.exp(-x * p[1]), y, starts)[0][1])


def diffusion_log(x: Array, y: Array, _: float) -> float:
    """Return the ADC of a straight line through log y, unweighted."""
    return float(-np.polyfit(x, np.log(y), 1)[0])


def inversion(x: Array, y: Array, _: float) -> float:
    """Return T1 of y = |a + b exp(-x/T1)|, every place of the sign change tried."""
    best, value = np.inf, np.nan
    for k in range(x.size):
        signed = np.where(np.arange(x.size) < k, -y, y)
        starts = [[y[-1], signed[0] - y[-1], t] for t in (60.0, 400.0, 1500.0)]
        p, cost = _least(lambda p: p[0] + p[1] * np.exp(-x / p[2]), signed, starts)
        if cost < best and p[2] > 0:
            best, value = cost, float(p[2])
    return value


def spoiled(x: Array, y: Array, tr_ms: float) -> float:
    """Return T1 of a spoiled gradient echo."""
    angle = np.deg2rad(x)

    def model(p: Array) -> Array:
        e1 = np.exp(-tr_ms / p[1])
        return np.asarray(p[0] * np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1))

    starts = [[10 * y.max(), t] for t in (100.0, 500.0, 2000.0)]
    return float(_least(model, y, starts)[0][1])


def tensor(b: Array, directions: Array, signal: Array, reweighted: int) -> tuple[Array, Array]:
    """Return mean diffusivity and fractional anisotropy of every voxel of `signal` (n, voxels).

    Straight lines through the logarithms, the first unweighted, then `reweighted` times with the
    signal squared that the line before predicts as weights.
    """
    x, y, z = directions.T
    shape = np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], axis=1)
    design = np.column_stack([np.ones_like(b), -b[:, None] * shape])
    md, fa = np.empty(signal.shape[1]), np.empty(signal.shape[1])
    for v, s in enumerate(signal.T):
        weight = np.ones_like(s)
        for _ in range(reweighted + 1):
            p = np.linalg.lstsq(design * weight[:, None], np.log(s) * weight, rcond=None)[0]
            weight = np.exp(design @ p)
        d = np.linalg.eigvalsh([[p[1], p[4], p[5]], [p[4], p[2], p[6]], [p[5], p[6], p[3]]])
        md[v] = d.mean()
        fa[v] = np.sqrt(1.5 * np.sum((d - d.mean()) ** 2) / np.sum(d**2))
    return md, fa


INDEPENDENT = {
    "t2": decay,
    "adc": diffusion,
    "adc_log_linear": diffusion_log,
    "t1_inversion_recovery": inversion,
    "t1_vfa": spoiled,
}
"""Model of the package -> fit of one voxel: (values, signal, TR) -> the first parameter."""


def fit_voxels(
    model: str, values: Array, signal: Array, keep: NDArray[np.bool_], tr_ms: float = 0.0
) -> Array:
    """Return the first parameter of every voxel of `signal` (n, voxels), points `keep` only.

    NaN where no more points are kept than there are parameters.
    """
    needed = 4 if model == "t1_inversion_recovery" else 3
    out = np.full(signal.shape[1], np.nan)
    for v in range(signal.shape[1]):
        points = keep[:, v]
        if points.sum() >= needed:
            with np.errstate(over="ignore", invalid="ignore"):  # far steps of the search
                out[v] = INDEPENDENT[model](values[points], signal[points, v], tr_ms)
    return out
