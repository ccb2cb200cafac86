"""The restricted likelihood of variances, worked on the levels of factors, never n x n.

Readings have the covariance V = diag(known) + s I + sum_k t_k Z_k Z_k'. With D the diagonal part
and U = Z sqrt(t), Woodbury gives V^-1 = D^-1 - D^-1 U M^-1 U' D^-1, M = I + U' D^-1 U, which has
the size of the levels and stays positive definite where a variance is zero. Gradient and average
information follow Gilmour, Thompson & Cullis (1995), Biometrics 51:1440-1450; the likelihood is
that of Patterson & Thompson (1971), Biometrika 58:545-554, with the constant (n - p) log 2 pi.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular

__all__ = [
    "Design",
    "State",
    "average_information",
    "evaluate",
    "expected_information",
    "gradient",
]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """Readings and what their mean and covariance are made of; n readings, q levels."""

    y: FloatArray
    """(n,)"""
    x: FloatArray
    """(n, p), full column rank."""
    z: sparse.csr_array
    """(n, q), the levels of all factors side by side."""
    block: NDArray[np.intp]
    """(q,) factor that each column of z belongs to, ascending."""
    factors: int
    known: FloatArray
    """(n,) known variances."""

    @property
    def parameters(self) -> int:
        """Variances of the factors, then that of the residual."""
        return self.factors + 1

    def columns(self, factor: int) -> slice:
        """Return the columns of z that are one factor's levels."""
        first, last = np.searchsorted(self.block, [factor, factor + 1])
        return slice(int(first), int(last))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """Everything about one value of the variances that is worth keeping."""

    design: Design
    theta: FloatArray
    """(factors + 1,) variances, the residual's last."""
    weight: FloatArray
    """(n,) 1 / (known + residual)."""
    root: FloatArray
    """(q,) standard deviation of each level."""
    cross: FloatArray
    """(q, q) Z' D^-1 Z."""
    factor: tuple[FloatArray, bool]
    """Cholesky factor of M."""
    vx: FloatArray
    """(n, p) V^-1 X."""
    phi: FloatArray
    """(p, p) covariance of the fixed effects."""
    beta: FloatArray
    py: FloatArray
    """(n,) P y = V^-1 (y - X beta)."""
    log_likelihood: float

    def solve(self, a: FloatArray) -> FloatArray:
        """V^-1 a."""
        return _solve(self.design, self.weight, self.root, self.factor, a)

    def project(self, a: FloatArray) -> FloatArray:
        """P a = V^-1 a - V^-1 X phi X' V^-1 a."""
        return self.solve(a) - self.vx @ (self.phi @ (self.vx.T @ a))


def _solve(
    design: Design,
    weight: FloatArray,
    root: FloatArray,
    factor: tuple[FloatArray, bool],
    a: FloatArray,
) -> FloatArray:
    wide = (slice(None),) + (None,) * (a.ndim - 1)
    wa = weight[wide] * a
    inner = cho_solve(factor, root[wide] * (design.z.T @ wa), check_finite=False)
    out: FloatArray = wa - weight[wide] * (design.z @ (root[wide] * inner))
    return out


def _gram(z: sparse.csr_array, weight: FloatArray) -> FloatArray:
    """Z' diag(weight) Z, dense."""
    out: FloatArray = (z.T @ (sparse.diags_array(weight) @ z)).toarray()
    return out


def evaluate(design: Design, theta: FloatArray) -> State | None:
    """Return the restricted likelihood at some variances, None where it does not exist.

    Parameters
    ----------
    design
        The readings.
    theta
        (factors + 1,) variances of the factors and of the residual, none negative.
    """
    d = design.known + theta[-1]
    if not (d > 0).all():
        return None
    n, p = design.x.shape
    weight = 1.0 / d
    root = np.sqrt(theta[:-1])[design.block]
    cross = _gram(design.z, weight)
    m = root[:, None] * cross * root + np.eye(root.size)
    try:
        factor = cho_factor(m, lower=True, check_finite=False)
        vx = _solve(design, weight, root, factor, design.x)
        normal = cho_factor(design.x.T @ vx, lower=True, check_finite=False)
    except LinAlgError:
        return None
    phi = cho_solve(normal, np.eye(p), check_finite=False)
    beta = phi @ (vx.T @ design.y)
    rest = design.y - design.x @ beta
    py = _solve(design, weight, root, factor, rest)
    log_v = float(np.sum(np.log(d))) + 2.0 * float(np.sum(np.log(np.diag(factor[0]))))
    log_x = 2.0 * float(np.sum(np.log(np.diag(normal[0]))))
    deviance = log_v + log_x + float(rest @ py) + (n - p) * math.log(2 * math.pi)
    return State(
        design=design,
        theta=theta,
        weight=weight,
        root=root,
        cross=cross,
        factor=factor,
        vx=vx,
        phi=phi,
        beta=beta,
        py=py,
        log_likelihood=-0.5 * deviance,
    )


def _trace_pp(state: State) -> float:
    """Return tr(P P).

    With C2 = U' D^-2 U and C3 = U' D^-3 U the trace of V^-1 V^-1 needs only M^-1.
    """
    w, root, z = state.weight, state.root, state.design.z
    inverse = cho_solve(state.factor, np.eye(root.size), check_finite=False)
    two = inverse @ (root[:, None] * _gram(z, w**2) * root)
    three = root[:, None] * _gram(z, w**3) * root
    v2 = float(np.sum(w**2)) - 2 * float(np.sum(inverse * three)) + float(np.sum(two * two.T))
    x2 = state.phi @ (state.vx.T @ state.vx)
    x3 = state.phi @ (state.vx.T @ state.solve(state.vx))
    return float(v2 - 2 * np.trace(x3) + np.sum(x2 * x2.T))


def _level_traces(state: State) -> FloatArray:
    """Return the diagonal of Z' P Z, (q,)."""
    inner = solve_triangular(
        state.factor[0], state.root[:, None] * state.cross, lower=True, check_finite=False
    )
    zx = state.design.z.T @ state.vx
    out: FloatArray = (
        np.diag(state.cross) - np.sum(inner**2, axis=0) - np.sum((zx @ state.phi) * zx, axis=1)
    )
    return out


def _trace_p(state: State, by_factor: FloatArray) -> float:
    """Return tr(P), where D = d I from P V = (projection of trace n - p), else in full."""
    w = state.weight
    if w[0] == w.min() == w.max():
        n, p = state.design.x.shape
        return float(w[0]) * (n - p - float(state.theta[:-1] @ by_factor))
    inverse = cho_solve(state.factor, np.eye(state.root.size), check_finite=False)
    two = state.root[:, None] * _gram(state.design.z, w**2) * state.root
    x2 = state.phi * (state.vx.T @ state.vx)
    return float(np.sum(w)) - float(np.sum(inverse * two)) - float(np.sum(x2))


def _by_factor(design: Design, of_levels: FloatArray) -> FloatArray:
    return np.bincount(design.block, of_levels, minlength=design.factors).astype(np.float64)


def gradient(state: State) -> FloatArray:
    """Return the derivative of -2 log likelihood by each variance: tr(P V_i) - y' P V_i P y."""
    design = state.design
    traces = _by_factor(design, _level_traces(state))
    zpy = design.z.T @ state.py
    squares = _by_factor(design, zpy**2)
    last = _trace_p(state, traces) - float(state.py @ state.py)
    return np.append(traces - squares, last)


def average_information(state: State) -> FloatArray:
    """Return y' P V_i P V_j P y, close to the second derivative of -2 log likelihood."""
    design = state.design
    working = np.empty((design.y.size, design.parameters))
    for k in range(design.factors):
        z = design.z[:, design.columns(k)]
        working[:, k] = z @ (z.T @ state.py)
    working[:, -1] = state.py
    out: FloatArray = working.T @ state.project(working)
    return 0.5 * (out + out.T)


def expected_information(state: State) -> FloatArray:
    """Return tr(P V_i P V_j) / 2, whose inverse is the covariance of the variances found.

    (factors + 1, factors + 1). Searle, Casella & McCulloch, Variance Components (1992), 6.6.
    """
    design = state.design
    size = design.parameters
    info = np.zeros((size, size))
    blocks = [design.columns(k) for k in range(design.factors)]
    for i, at in enumerate(blocks):
        pz = state.project(design.z[:, at].toarray())
        info[i, -1] = info[-1, i] = float(np.sum(pz**2))
        zpz = design.z.T @ pz
        for j, other in enumerate(blocks[: i + 1]):
            info[i, j] = info[j, i] = float(np.sum(zpz[other] ** 2))
    info[-1, -1] = _trace_pp(state)
    return 0.5 * info
