"""The restricted likelihood of variances, worked on the levels of factors, never n x n.

Readings have the covariance V = diag(known) + s I + sum_k t_k Z_k Z_k'. The factor with most
levels, of which a reading has one, is taken out first: V0 = diag + t_1 Z_1 Z_1' has an inverse in
closed form. With U = Z_2 sqrt(t_2) of the other factors, Woodbury gives
V^-1 = V0^-1 - V0^-1 U M^-1 U' V0^-1, M = I + U' V0^-1 U, which has the size of their levels and
stays positive definite where a variance is zero. Gradient and average information follow Gilmour,
Thompson & Cullis (1995), Biometrics 51:1440-1450; the likelihood is that of Patterson & Thompson
(1971), Biometrika 58:545-554, with the constant (n - p) log 2 pi.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import LinAlgError, cho_factor, cho_solve, lapack, solve_triangular

__all__ = [
    "Design",
    "State",
    "average_information",
    "dense",
    "design_of",
    "evaluate",
    "expected_information",
    "gradient",
    "level_traces",
]

FloatArray = NDArray[np.float64]
Levels: TypeAlias = "FloatArray | sparse.csr_array"
"""Readings by levels; dense where that is small, which saves the time sparse matrices take to make.
"""

_SMALL = 50_000
"""Entries of a matrix that is better dense."""
_CHUNK = 256
"""Levels of a factor that are spread over all readings at once."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """Readings and what their mean and covariance are made of; n readings, q levels."""

    y: FloatArray
    """(n,)"""
    x: FloatArray
    """(n, p), full column rank."""
    z: Levels
    """(n, q), the levels of all factors side by side."""
    block: NDArray[np.intp]
    """(q,) factor that each column of z belongs to, ascending."""
    factors: int
    known: FloatArray
    """(n,) known variances."""
    absorbed: NDArray[np.bool_]
    """(q,) columns of the factor taken out first: z1; the others are z2."""
    z1: Levels
    squares: Levels
    """Of z1, element by element."""
    z2: Levels

    @property
    def parameters(self) -> int:
        """Variances of the factors, then that of the residual."""
        return self.factors + 1

    def columns(self, factor: int) -> slice:
        """Return the columns of z that are one factor's levels."""
        first, last = np.searchsorted(self.block, [factor, factor + 1])
        return slice(int(first), int(last))


def _stored(z: sparse.csr_array) -> Levels:
    return z.toarray() if z.shape[0] * z.shape[1] <= _SMALL else z


def _weighed(z: Levels, weight: FloatArray) -> Levels:
    return weight[:, None] * z if isinstance(z, np.ndarray) else sparse.diags_array(weight) @ z


def dense(z: Levels) -> FloatArray:
    """Return readings by levels as an array."""
    out: FloatArray = z if isinstance(z, np.ndarray) else z.toarray()
    return out


def design_of(
    y: FloatArray, x: FloatArray, factors: list[sparse.csr_array], known: FloatArray
) -> Design:
    """Return a design, with the largest factor that allows it set apart."""
    z = sparse.csr_array(sparse.hstack([*factors, sparse.csr_array((y.size, 0))]))
    sizes = [one.shape[1] for one in factors]
    block = np.repeat(np.arange(len(factors)), sizes).astype(np.intp)
    one_a_reading = [
        size if np.diff(one.indptr).max(initial=0) <= 1 else -1
        for one, size in zip(factors, sizes, strict=True)
    ]
    largest = int(np.argmax(one_a_reading)) if max(one_a_reading, default=-1) > 0 else -1
    absorbed = block == largest
    z1 = z[:, np.flatnonzero(absorbed)]
    return Design(
        y=y,
        x=x,
        z=_stored(z),
        block=block,
        factors=len(factors),
        known=known,
        absorbed=absorbed,
        z1=_stored(z1),
        squares=_stored(z1.power(2)),
        z2=_stored(z[:, np.flatnonzero(~absorbed)]),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Inner:
    """The inverse of V0."""

    z1: Levels
    weight: FloatArray
    """(n,) 1 / (known + residual)."""
    sums: FloatArray
    """(q1,) diagonal of Z1' W Z1."""
    shrink: FloatArray
    """(q1,) 1 / (1 + t_1 sums)."""
    gain: FloatArray
    """(q1,) t_1 shrink."""

    def solve(self, a: FloatArray) -> FloatArray:
        """V0^-1 a."""
        wide = (slice(None),) + (None,) * (a.ndim - 1)
        wa = self.weight[wide] * a
        out: FloatArray = wa - self.weight[wide] * (self.z1 @ (self.gain[wide] * (self.z1.T @ wa)))
        return out


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Inverse:
    """The inverse of V."""

    inner: _Inner
    z2: Levels
    root: FloatArray
    """(q2,) standard deviations."""
    cross: FloatArray
    """(q2, q2) Z2' V0^-1 Z2."""
    between: FloatArray
    """(q1, q2) Z1' W Z2."""
    factor: tuple[FloatArray, bool]
    """Lower Cholesky factor of M."""

    def solve(self, a: FloatArray) -> FloatArray:
        """V^-1 a."""
        wide = (slice(None),) + (None,) * (a.ndim - 1)
        va = self.inner.solve(a)
        if not self.root.size:
            return va
        small = cho_solve(self.factor, self.root[wide] * (self.z2.T @ va), check_finite=False)
        return va - self.inner.solve(self.z2 @ (self.root[wide] * small))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """Everything about one value of the variances that is worth keeping."""

    design: Design
    theta: FloatArray
    """(factors + 1,) variances, the residual's last."""
    root: FloatArray
    """(q,) standard deviation of each level."""
    inverse: _Inverse
    vx: FloatArray
    """(n, p) V^-1 X."""
    phi: FloatArray
    """(p, p) covariance of the fixed effects."""
    beta: FloatArray
    py: FloatArray
    """(n,) P y = V^-1 (y - X beta)."""
    log_likelihood: float

    def project(self, a: FloatArray) -> FloatArray:
        """P a = V^-1 a - V^-1 X phi X' V^-1 a."""
        return self.inverse.solve(a) - self.vx @ (self.phi @ (self.vx.T @ a))


def _invert(design: Design, theta: FloatArray) -> tuple[_Inverse, float] | None:
    """Return the inverse of V and log |V|, None where V is not positive definite."""
    d = design.known + theta[-1]
    if not (d > 0).all():
        return None
    weight = 1.0 / d
    root = np.sqrt(theta[:-1])[design.block]
    sums = design.squares.T @ weight
    t1 = root[design.absorbed] ** 2
    shrink = 1.0 / (1.0 + t1 * sums)
    between = dense(_weighed(design.z1, weight).T @ design.z2)
    cross = _gram(design.z2, weight) - between.T @ ((t1 * shrink)[:, None] * between)
    root2 = root[~design.absorbed]
    m = root2[:, None] * cross * root2 + np.eye(root2.size)
    try:
        factor = cho_factor(m, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    inner = _Inner(z1=design.z1, weight=weight, sums=sums, shrink=shrink, gain=t1 * shrink)
    log_v = np.sum(np.log(d)) - np.sum(np.log(shrink)) + 2 * np.sum(np.log(np.diag(factor[0])))
    inverse = _Inverse(
        inner=inner, z2=design.z2, root=root2, cross=cross, between=between, factor=factor
    )
    return inverse, float(log_v)


def _gram(z: Levels, weight: FloatArray) -> FloatArray:
    """Z' diag(weight) Z, dense."""
    return dense(z.T @ _weighed(z, weight))


def evaluate(design: Design, theta: FloatArray) -> State | None:
    """Return the restricted likelihood at some variances, None where it does not exist.

    Parameters
    ----------
    design
        The readings.
    theta
        (factors + 1,) variances of the factors and of the residual, none negative.
    """
    found = _invert(design, theta)
    if found is None:
        return None
    inverse, log_v = found
    n, p = design.x.shape
    vx = inverse.solve(design.x)
    try:
        normal = cho_factor(design.x.T @ vx, lower=True, check_finite=False)
    except LinAlgError:
        return None
    phi = cho_solve(normal, np.eye(p), check_finite=False)
    beta = phi @ (vx.T @ design.y)
    rest = design.y - design.x @ beta
    py = inverse.solve(rest)
    log_x = 2.0 * float(np.sum(np.log(np.diag(normal[0]))))
    deviance = log_v + log_x + float(rest @ py) + (n - p) * math.log(2 * math.pi)
    return State(
        design=design,
        theta=theta,
        root=np.sqrt(theta[:-1])[design.block],
        inverse=inverse,
        vx=vx,
        phi=phi,
        beta=beta,
        py=py,
        log_likelihood=-0.5 * deviance,
    )


def level_traces(state: State) -> FloatArray:
    """Return the diagonal of Z' P Z, (q,)."""
    inverse, absorbed = state.inverse, state.design.absorbed
    inner = inverse.inner
    across = inverse.between * inner.shrink[:, None]
    sides = inverse.root[:, None] * np.hstack([across.T, inverse.cross])
    if inverse.root.size:
        sides = solve_triangular(inverse.factor[0], sides, lower=True, check_finite=False)
    taken = np.sum(sides**2, axis=0)
    out = np.empty(absorbed.size)
    out[absorbed] = inner.sums * inner.shrink - taken[: inner.sums.size]
    out[~absorbed] = np.diag(inverse.cross) - taken[inner.sums.size :]
    zx = state.design.z.T @ state.vx
    out -= np.sum((zx @ state.phi) * zx, axis=1)
    return out


def _trace_p(state: State, by_factor: FloatArray) -> float:
    """Return tr(P), where all readings have one variance from the trace n - p of P V."""
    inverse, inner = state.inverse, state.inverse.inner
    w = inner.weight
    n, p = state.design.x.shape
    if w.min() == w.max():
        return float(w[0] * (n - p - state.theta[:-1] @ by_factor))
    z2, squares = state.design.z2, state.design.squares.T @ w**2
    across = dense(_weighed(state.design.z1, w**2).T @ z2)
    gained = inner.gain[:, None] * inverse.between
    twice = across.T @ gained
    cross2 = _gram(z2, w**2) - twice - twice.T + gained.T @ (squares[:, None] * gained)
    cross2 *= np.outer(inverse.root, inverse.root)
    total = float(np.sum(w)) - float(inner.gain @ squares)
    if inverse.root.size:
        lower = lapack.dpotri(inverse.factor[0], lower=1)[0]
        total -= 2 * float(np.sum(np.tril(lower, -1) * cross2)) + float(
            np.diag(lower) @ np.diag(cross2)
        )
    return float(total - np.sum(state.phi * (state.vx.T @ state.vx)))


def _trace_pp(state: State) -> float:
    """Return tr(P P), from V^-1 = V0^-1 - Y M^-1 Y' with Y = V0^-1 Z2 sqrt(t2)."""
    inverse, inner = state.inverse, state.inverse.inner
    w = inner.weight
    squares = state.design.squares.T
    two, three = squares @ w**2, squares @ w**3
    v2 = float(np.sum(w**2) - 2 * inner.gain @ three + np.sum((inner.gain * two) ** 2))
    if inverse.root.size:
        y = inner.solve(dense(inverse.z2) * inverse.root)
        yy = cho_solve(inverse.factor, y.T @ y, check_finite=False)
        yvy = cho_solve(inverse.factor, y.T @ inner.solve(y), check_finite=False)
        v2 += float(np.sum(yy * yy.T) - 2 * np.trace(yvy))
    x2 = state.phi @ (state.vx.T @ state.vx)
    x3 = state.phi @ (state.vx.T @ inverse.solve(state.vx))
    return float(v2 - 2 * np.trace(x3) + np.sum(x2 * x2.T))


def _by_factor(design: Design, of_levels: FloatArray) -> FloatArray:
    return np.bincount(design.block, of_levels, minlength=design.factors).astype(np.float64)


def gradient(state: State) -> FloatArray:
    """Return the derivative of -2 log likelihood by each variance: tr(P V_i) - y' P V_i P y."""
    design = state.design
    traces = _by_factor(design, level_traces(state))
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
    for first in range(0, design.block.size, _CHUNK):
        some = slice(first, min(first + _CHUNK, design.block.size))
        pz = state.project(dense(design.z[:, some]))
        zpz = design.z.T @ pz
        # (factors, levels here): squares summed over the levels of each factor
        over = np.array([np.sum(zpz[design.columns(k)] ** 2, axis=0) for k in range(size - 1)])
        at = design.block[some]
        for j in range(size - 1):
            info[:-1, j] += over[:, at == j].sum(axis=1)
        info[-1, :-1] += np.bincount(at, np.sum(pz**2, axis=0), minlength=size - 1)
    info[:-1, -1] = info[-1, :-1]
    info[-1, -1] = _trace_pp(state)
    return 0.5 * info
