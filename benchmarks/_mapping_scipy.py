"""The same fits by numpy and scipy: one-liners, `curve_fit` in a loop, and a converged reference.

Separable models are written as a sum of known functions of one nonlinear parameter. The reference
searches a grid of it (and every polarity of a magnitude inversion recovery), then lets
`scipy.optimize.least_squares` converge in float64 from the two best starts.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _mapping_cases import FLIP_ANGLES, IR_TRS_MS, VFA_TR_MS, Array, Case, Data
from scipy.optimize import curve_fit, least_squares

TIGHT = 1e-15


@dataclasses.dataclass(frozen=True, kw_only=True)
class Separable:
    """Signal = sum of coefficients times functions of one nonlinear parameter."""

    basis: Callable[[Array, Array, float], Array]
    """(values (n,), parameter (g,), b1) -> (g, n, k)."""
    grid: Array
    magnitude: bool = False


def _columns(*parts: Array) -> Array:
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


def _spoiled(x: Array, t1: Array, b1: float) -> Array:
    a = np.deg2rad(x) * b1
    e = np.exp(-VFA_TR_MS / t1)[:, None]
    return _columns(np.sin(a) * (1 - e) / (1 - e * np.cos(a)))


def _general_ir(x: Array, t1: Array, _b1: float) -> Array:
    """S = M0 (1 - E_TI) + M0 k (E_TR - E_TI): linear in M0 and M0 k."""
    ti, tr = np.exp(-x / t1[:, None]), np.exp(-np.asarray(IR_TRS_MS) / t1[:, None])
    return _columns(1 - ti, tr - ti)


def _decay(x: Array, t: Array, _b1: float) -> Array:
    return _columns(np.exp(-x / t[:, None]))


def _with_constant(x: Array, t: Array, _b1: float) -> Array:
    return _columns(np.exp(-x / t[:, None]), np.ones(1))


_T1 = np.geomspace(5.0, 10_000.0, 400)
MODELS: dict[str, Separable] = {
    "adc": Separable(
        basis=lambda x, d, _: _columns(np.exp(-x * d[:, None])), grid=np.geomspace(1e-5, 2e-2, 400)
    ),
    "t1_inversion_recovery": Separable(basis=_with_constant, grid=_T1, magnitude=True),
    "t1_inversion_recovery_signed": Separable(basis=_with_constant, grid=_T1),
    "t1_inversion_recovery_tr": Separable(basis=_general_ir, grid=_T1, magnitude=True),
    "t1_saturation_recovery": Separable(
        basis=lambda x, t, _: _columns(1 - np.exp(-x / t[:, None])), grid=_T1
    ),
    "t1_vfa": Separable(basis=_spoiled, grid=_T1),
    "t2": Separable(basis=_decay, grid=np.geomspace(1.0, 5000.0, 400)),
    "t2_offset": Separable(basis=_with_constant, grid=np.geomspace(1.0, 5000.0, 400)),
    "t2star": Separable(basis=_decay, grid=np.geomspace(1.0, 5000.0, 400)),
}


def references(case: Case, data: Data, count: int) -> dict[str, Array]:
    """Return converged float64 estimates of the first `count` voxels, by name of the estimator.

    Several where an estimator has several usual forms; empty where none is written.
    """
    x = np.asarray(case.values)
    y = data.signal[:, :count].astype(np.float64)
    if case.model in MODELS:
        model = MODELS[case.model]
        b1 = np.ones(count) if data.b1 is None else data.b1[:count]
        found = [_converge(model, x, y[:, v], float(b1[v])) for v in range(count)]
        return {"least squares": np.array(found)}
    if case.model == "b1_double_angle":
        return {"arccos": np.arccos(np.clip(y[1] / (2 * y[0]), -1, 1)) / np.deg2rad(x[0])}
    design = np.stack([np.ones_like(x), -x], axis=1)
    read = np.array([0.0, 1.0])
    if case.directions is not None:
        g = np.asarray(case.directions).T
        products = (g[0] ** 2, g[1] ** 2, g[2] ** 2, g[0] * g[1], g[0] * g[2], g[1] * g[2])
        design = np.stack(
            [np.ones_like(x), *(-x * p * f for p, f in zip(products, _SIX, strict=True))], axis=1
        )
        read = np.array([0, 1, 1, 1, 0, 0, 0]) / 3
    if case.model not in ("adc_log_linear", "adc_weighted", "diffusion_tensor"):
        return {}
    forms = {
        "adc_log_linear": ("log-linear",),
        "adc_weighted": ("weights of measured signal", "weights of fitted signal"),
        "diffusion_tensor": (*_FORMS, "least squares"),
    }[case.model]
    return {form: _exponential(design, y, form) @ read for form in forms}


_SIX = (1, 1, 1, 2, 2, 2)
_FORMS = ("log-linear", "weights of measured signal", "weights of fitted signal")


def _exponential(design: Array, y: Array, form: str) -> Array:
    """Return (voxels, k) coefficients of log S = design @ c, in one of the usual forms."""
    found = []
    for signal in y.T:
        log = np.log(signal)
        c = np.linalg.lstsq(design, log, rcond=None)[0]
        if form != "log-linear":
            w = signal if form == "weights of measured signal" else np.exp(design @ c)
            c = np.linalg.lstsq(design * w[:, None], log * w, rcond=None)[0]
        if form == "least squares":
            c = _refine_exponential(design, signal, c)
        found.append(c)
    return np.array(found)


def _refine_exponential(design: Array, signal: Array, start: Array) -> Array:
    size = np.abs(design).max(axis=0)
    top = signal.max()
    done = least_squares(
        lambda p: np.exp(design @ (p / size)) / top - signal / top,
        start * size,
        method="lm",
        xtol=TIGHT,
        ftol=TIGHT,
        gtol=TIGHT,
        max_nfev=5000,
    )
    return done.x / size


def _converge(model: Separable, x: Array, y: Array, b1: float) -> float:
    """Return the parameter at the global least-squares optimum of one voxel."""
    order = np.argsort(x)
    signs = [np.ones(x.size)]
    if model.magnitude:
        # the signal rises through zero once: the first j points are negative
        signs = [np.where(np.argsort(order) < j, -1.0, 1.0) for j in range(x.size + 1)]
    q, _ = np.linalg.qr(model.basis(x, model.grid, b1))
    targets = np.stack(signs) * y
    projected = np.einsum("gnk,sn->gsk", q, targets)
    cost = float(y @ y) - np.einsum("gsk,gsk->gs", projected, projected)
    best: tuple[float, float] = (np.inf, np.nan)
    for s in np.argsort(cost.min(axis=0))[:2]:
        start = model.grid[int(np.argmin(cost[:, s]))]
        best = min(best, _refine(model, x, targets[s], b1, float(start)))
    return best[1]


def _refine(model: Separable, x: Array, y: Array, b1: float, start: float) -> tuple[float, float]:
    basis = model.basis(x, np.array([start]), b1)[0]
    linear = np.linalg.lstsq(basis, y, rcond=None)[0]
    scale = np.maximum(np.abs(linear), 1e-3)

    def residual(p: Array) -> Array:
        columns = model.basis(x, np.array([start * np.exp(p[0])]), b1)[0]
        return (columns @ (p[1:] * scale) - y) / scale[0]

    with np.errstate(over="ignore"):
        done = least_squares(
            residual,
            np.array([0.0, *(linear / scale)]),
            method="lm",
            xtol=TIGHT,
            ftol=TIGHT,
            gtol=TIGHT,
            max_nfev=5000,
        )
    return float(done.cost * scale[0] ** 2), float(start * np.exp(done.x[0]))


def differences(found: Array, wanted: Array) -> dict[str, float]:
    """Return the relative difference between two fits where both have an answer."""
    with np.errstate(invalid="ignore"):
        relative = np.abs(np.asarray(found, dtype=np.float64) / wanted - 1)
    relative = relative[np.isfinite(relative)]
    if not relative.size:
        return {"compared": 0}
    return {
        "compared": int(relative.size),
        "median": float(np.median(relative)),
        "p99": float(np.percentile(relative, 99)),
        "max": float(relative.max()),
    }


def _spgr(angles: Array, t1: float, m: float) -> Array:
    a, e = np.deg2rad(angles), np.exp(-VFA_TR_MS / t1)
    return m * np.sin(a) * (1 - e) / (1 - e * np.cos(a))


_CURVES: dict[str, tuple[Callable[..., Any], Callable[[Array, Array], list[float]]]] = {
    "adc": (lambda b, d, s: s * np.exp(-b * d), lambda _, y: [1e-3, y[0]]),
    "t1_inversion_recovery": (
        lambda t, t1, a, b: np.abs(a + b * np.exp(-t / t1)),
        # the null lies at T1 ln 2
        lambda t, y: [t[np.argmin(y)] / np.log(2), y[-1], -2 * y[-1]],
    ),
    "t1_saturation_recovery": (
        lambda t, t1, m: m * (1 - np.exp(-t / t1)),
        lambda _, y: [700.0, y[-1]],
    ),
    "t1_vfa": (
        _spgr,
        lambda _, y: [1000.0, 10 * y.max()],
    ),
    "t2": (lambda t, t2, s: s * np.exp(-t / t2), lambda _, y: [80.0, y[0]]),
    "t2_offset": (
        lambda t, t2, s, c: s * np.exp(-t / t2) + c,
        lambda _, y: [80.0, y[0] - y[-1], y[-1]],
    ),
    "t2star": (lambda t, t2, s: s * np.exp(-t / t2), lambda _, y: [20.0, y[0]]),
}


def curve_fit_loop(case: Case, data: Data, seconds: float) -> tuple[Array, float] | None:
    """Return estimates by `curve_fit` (Levenberg-Marquardt) and the time; about `seconds` long."""
    if case.name not in _CURVES:
        return None
    f, start = _CURVES[case.name]
    x = np.asarray(case.values)
    y = np.ascontiguousarray(data.signal[:, :200_000].T, dtype=np.float64)
    found: list[float] = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        begun = time.perf_counter()
        for voxel in y:
            try:
                found.append(float(curve_fit(f, x, voxel, p0=start(x, voxel))[0][0]))
            except RuntimeError:
                found.append(np.nan)
            if time.perf_counter() - begun > seconds:
                break
        took = time.perf_counter() - begun
    return np.asarray(found), took


def one_liner(case: Case, data: Data) -> Callable[[], Array] | None:
    """Return the shortest numpy fit of all voxels at once, in the precision of the signal."""
    x, s = np.asarray(case.values, dtype=np.float32), data.signal
    if case.name == "adc_log_linear":
        line = np.linalg.pinv(np.stack([-x, np.ones_like(x)], axis=1))
        return lambda: (line @ np.log(s))[0]
    if case.name in ("t2", "t2star"):
        line = np.linalg.pinv(np.stack([-x, np.ones_like(x)], axis=1))
        return lambda: 1 / (line @ np.log(s))[0]
    if case.name == "t1_vfa":
        a = np.deg2rad(np.asarray(FLIP_ANGLES, dtype=np.float32))[:, None]
        return lambda: _despot1(s / np.sin(a), s / np.tan(a))
    if case.name == "b1_double_angle":
        return lambda: np.arccos(s[1] / (2 * s[0])) / np.deg2rad(x[0])
    return None


def _despot1(y: Array, x: Array) -> Array:
    """Slope of y on x is exp(-TR / T1) (Deoni 2003)."""
    mx, my = x.mean(axis=0), y.mean(axis=0)
    slope = ((x - mx) * (y - my)).sum(axis=0) / ((x - mx) ** 2).sum(axis=0)
    return -VFA_TR_MS / np.log(slope)
