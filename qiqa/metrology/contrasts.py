"""Combinations of effects: value, uncertainty, degrees of freedom, and tests of several at once.

Degrees of freedom after Satterthwaite; uncertainty with the small-sample adjustment of Kenward &
Roger (1997), Biometrics 53:983-997, which allows for the variances being estimated. Both are
written for a combination of fixed and random effects: the predictor is lambda' y, and since lambda
is the best, its error variance changes with the variance t_i by |L_i' lambda - m_i|^2, where
V_i = L_i L_i' and m_i are the weights of the factor's levels. lambda itself changes by
-P L_i (L_i' lambda - m_i), which gives the second term (Kackar & Harville 1984, JASA 79:853-862).

A variance that was found to be zero counts as uncertain as any other, as in pbkrtest: five sites
that scatter no more than their readings are still five, and the mean has four degrees of freedom.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.metrology.mixed import MixedFit

__all__ = ["Estimate", "FTest", "covariance", "estimate", "f_test"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One combination of effects, in the unit of the readings."""

    value: float
    standard_uncertainty: float
    """Kenward-Roger: allows for the variances being estimated. The one to report."""
    naive_uncertainty: float
    """As if the variances were known."""
    degrees_of_freedom: float
    """Satterthwaite; infinite where no estimated variance matters."""
    interval: tuple[float, float]
    """95 %, by Student's t."""
    reason: str = ""
    """Why there is no value, or no uncertainty of it; empty where there are both."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FTest:
    """Whether several combinations of fixed effects are all zero (Kenward & Roger 1997)."""

    statistic: float
    """Scaled F."""
    numerator: int
    """Independent combinations."""
    denominator: float
    """Degrees of freedom."""
    p_value: float
    scaling: float
    """What the Wald statistic was multiplied by."""
    reason: str = ""
    """Why there is no test; empty where there is one."""


def estimate(
    fit: MixedFit,
    fixed: Mapping[str, float],
    random: Mapping[tuple[str, str], float] | None = None,
) -> Estimate:
    """Return a combination of fixed effects, and of predicted random effects where asked.

    Parameters
    ----------
    fit
        The model.
    fixed
        Fixed effect -> weight. May be empty.
    random
        (factor, level) -> weight.

    Returns
    -------
    Estimate
        NaN with the reason where the readings do not determine the combination. A value, but no
        uncertainty, where it rests on a factor whose variance was found to be zero: that would say
        that all its effects are known to be zero. An interval for such a level comes from a model
        that has the factor's levels as fixed effects.

    Raises
    ------
    UsageError
        A name that the model does not have.
    """
    weights = fit.weights(fixed)
    if not fit.aliasing.estimable(weights):
        return _no_estimate(math.nan, _why(fit))
    state = fit.state
    k = weights[fit.aliasing.kept]
    m = _random_weights(fit, random or {})
    a = state.design.z @ (state.root**2 * m)
    pa = state.project(a)
    phi_k = state.phi @ k
    naive2 = float(k @ phi_k + m @ (state.root**2 * m) - a @ pa - 2 * phi_k @ (state.vx.T @ a))
    lam = state.vx @ phi_k + pa
    value = float(k @ state.beta + a @ state.py)
    gone = sorted({name for name, _ in random or {} if fit.at_boundary(name)})
    if gone:
        return _no_estimate(value, f"the variance of {', '.join(gone)} was found to be zero")
    slope, working = _sensitivity(fit, lam[:, None], m[:, None])
    w = fit.variance_covariance
    extra = 2 * float(np.sum(w * (working[:, :, 0].T @ state.project(working[:, :, 0]))))
    return _with_interval(value, naive2, extra, float(slope[:, 0, 0] @ w @ slope[:, 0, 0]))


def _with_interval(value: float, naive2: float, extra: float, spread: float) -> Estimate:
    from scipy.special import stdtrit

    naive2 = max(naive2, 0.0)
    u = math.sqrt(naive2 + max(extra, 0.0))
    dof = 2 * naive2**2 / spread if spread > 0 else math.inf
    half = u * (float(stdtrit(dof, 0.975)) if math.isfinite(dof) else 1.959963984540054)
    return Estimate(
        value=value,
        standard_uncertainty=u,
        naive_uncertainty=math.sqrt(naive2),
        degrees_of_freedom=dof,
        interval=(value - half, value + half),
    )


def _no_estimate(value: float, reason: str) -> Estimate:
    nan = math.nan
    return Estimate(
        value=value,
        standard_uncertainty=nan,
        naive_uncertainty=nan,
        degrees_of_freedom=nan,
        interval=(nan, nan),
        reason=reason,
    )


def _why(fit: MixedFit) -> str:
    return f"the readings do not determine it: {fit.aliasing.describe()}"


def _random_weights(fit: MixedFit, random: Mapping[tuple[str, str], float]) -> FloatArray:
    """Return weights of the independent effects, (q,)."""
    design = fit.state.design
    out = np.zeros(design.block.size)
    factors = {one.name: (k, one) for k, one in enumerate(fit.spreads)}
    for (name, level), weight in random.items():
        if name not in factors or level not in factors[name][1].levels:
            raise UsageError(
                f"no level {level!r} of a factor {name!r}",
                hint=f"factors of this model: {', '.join(factors) or 'none'}",
            )
        k, one = factors[name]
        out[design.columns(k)] += weight * one.root[one.levels.index(level)]
    return out


def _sensitivity(fit: MixedFit, lam: FloatArray, m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what the error covariance of c combinations does as each variance changes.

    (parameters, c, c) derivative by each variance, and (n, parameters, c) the vectors L_i r_i with
    r_i = L_i' lambda - m_i.
    """
    design = fit.state.design
    count = lam.shape[1]
    slope = np.empty((design.parameters, count, count))
    working = np.empty((design.y.size, design.parameters, count))
    for i in range(design.factors):
        at = design.columns(i)
        z = design.z[:, at]
        r = z.T @ lam - m[at]
        slope[i] = r.T @ r
        working[:, i] = z @ r
    slope[-1] = lam.T @ lam
    working[:, -1] = lam
    return slope, working


def f_test(fit: MixedFit, contrasts: Sequence[Mapping[str, float]]) -> FTest:
    """Test whether several combinations of fixed effects are all zero.

    Parameters
    ----------
    fit
        The model.
    contrasts
        Each is fixed effect -> weight. Those that follow from others are left out.

    Returns
    -------
    FTest
        NaN with the reason where the readings do not determine one of them.

    Raises
    ------
    UsageError
        No contrast, or a name that the model does not have.
    """
    if not contrasts:
        raise UsageError("no contrast to test", hint="pass at least one {fixed effect: weight}")
    rows = np.array([fit.weights(one) for one in contrasts])
    if not all(fit.aliasing.estimable(row) for row in rows):
        return _no_test(_why(fit))
    kept = rows[:, fit.aliasing.kept]
    _, size, vectors = np.linalg.svd(kept / np.maximum(np.abs(kept).max(), 1e-300))
    rank = int(np.sum(size > 1e-9 * size[0])) if size[0] > 0 else 0
    if rank == 0:
        return _no_test("all weights are zero")
    ell = vectors[:rank].T
    plain, adjusted, slope = _covariances(fit, ell)
    effect = ell.T @ fit.state.beta
    wald = float(effect @ np.linalg.solve(adjusted, effect))
    relative: FloatArray = np.linalg.solve(plain, slope).astype(np.float64)
    return _kenward_roger(wald, rank, relative, fit.variance_covariance)


def _covariances(fit: MixedFit, ell: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the covariance of c combinations, that adjusted, and how the first one changes.

    (c, c), (c, c) and, by each variance, (parameters, c, c); ``ell`` is (kept columns, c).
    """
    state, count = fit.state, ell.shape[1]
    phi_l = state.phi @ ell
    plain = ell.T @ phi_l
    slope, working = _sensitivity(fit, state.vx @ phi_l, np.zeros((state.root.size, count)))
    n, parameters, _ = working.shape
    flat = working.reshape(n, parameters * count)
    gram = (flat.T @ state.project(flat)).reshape(parameters, count, parameters, count)
    adjusted = plain + 2 * np.einsum("ij,iajb->ab", fit.variance_covariance, gram)
    return plain, adjusted, slope


def covariance(fit: MixedFit, contrasts: Sequence[Mapping[str, float]]) -> FloatArray:
    """Return the covariance of several combinations of fixed effects, after Kenward & Roger.

    Parameters
    ----------
    fit
        The model.
    contrasts
        c combinations, each fixed effect -> weight.

    Returns
    -------
    ndarray
        (c, c), in the unit of the readings squared; its diagonal is that of `estimate`. NaN in
        rows and columns of combinations that the readings do not determine.

    Raises
    ------
    UsageError
        A name that the model does not have.
    """
    rows = np.array([fit.weights(one) for one in contrasts]).reshape(-1, len(fit.names))
    told = np.array([fit.aliasing.estimable(row) for row in rows], dtype=bool)
    adjusted = _covariances(fit, rows[:, fit.aliasing.kept].T)[1]
    adjusted[~told] = np.nan
    adjusted[:, ~told] = np.nan
    return adjusted


def _no_test(reason: str) -> FTest:
    nan = math.nan
    return FTest(
        statistic=nan, numerator=0, denominator=nan, p_value=nan, scaling=nan, reason=reason
    )


def _kenward_roger(wald: float, ell: int, relative: FloatArray, w: FloatArray) -> FTest:
    """Match the first two moments of the Wald statistic to a scaled F (section 3 of the paper).

    ``relative`` is (parameters, l, l): inverse covariance times its derivative by each variance.
    """
    from scipy.special import fdtrc

    traces = np.trace(relative, axis1=1, axis2=2)
    a1 = float(traces @ w @ traces)
    a2 = float(np.einsum("ij,iab,jba->", w, relative, relative))
    if a2 <= 0:  # no estimated variance matters
        from scipy.special import chdtrc

        return FTest(
            statistic=wald / ell,
            numerator=ell,
            denominator=math.inf,
            p_value=float(chdtrc(ell, wald)),
            scaling=1.0,
        )
    b = (a1 + 6 * a2) / (2 * ell)
    g = ((ell + 1) * a1 - (ell + 4) * a2) / ((ell + 2) * a2)
    below = 3 * ell + 2 * (1 - g)
    c1, c2, c3 = g / below, (ell - g) / below, (ell + 2 - g) / below
    mean = 1 / (1 - a2 / ell)
    variance = 2 / ell * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
    rho = variance / (2 * mean**2)
    m = 4 + (ell + 2) / (ell * rho - 1)
    if not (m > 2 and mean > 0 and math.isfinite(m)):
        return _no_test(
            f"too few readings for an F test: {m:.3g} denominator degrees of freedom by the "
            "Kenward-Roger approximation"
        )
    scaling = m / (mean * (m - 2))
    statistic = scaling * wald / ell
    return FTest(
        statistic=statistic,
        numerator=ell,
        denominator=m,
        p_value=float(fdtrc(ell, m, statistic)),
        scaling=scaling,
    )
