"""Variances of many things with few degrees of freedom each: every one borrows from all."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

__all__ = ["Moderated", "moderated_variances"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moderated:
    """Variances drawn toward what is usual, as far as all together say that they are alike."""

    variance: FloatArray
    """(k,) posterior means."""
    degrees_of_freedom: FloatArray
    """(k,) own and borrowed; infinite where all variances are the same."""
    prior_variance: float
    prior_degrees_of_freedom: float
    """How alike they are: 0 nothing is borrowed, infinite all are equal."""


def moderated_variances(variance: FloatArray, degrees_of_freedom: FloatArray) -> Moderated:
    """Return variances moderated by their common distribution.

    True variances are taken to be scaled inverse chi-square; its scale and degrees of freedom come
    from mean and variance of the logarithms (Smyth, Stat Appl Genet Mol Biol 2004;3:3). A value
    whose own degrees of freedom are 0 gets the prior.

    Parameters
    ----------
    variance
        (k,) sample variances; ignored where `degrees_of_freedom` is 0.
    degrees_of_freedom
        (k,) of each.

    Examples
    --------
    >>> equal = moderated_variances(np.ones(8), np.full(8, 4.0))
    >>> equal.prior_degrees_of_freedom
    inf
    """
    df = np.asarray(degrees_of_freedom, dtype=np.float64)
    own = (df > 0) & np.isfinite(variance)
    if not own.any():
        nothing = np.full(df.shape, math.nan)
        return Moderated(
            variance=nothing,
            degrees_of_freedom=np.zeros(df.shape),
            prior_variance=math.nan,
            prior_degrees_of_freedom=0.0,
        )
    s2, d = variance[own], df[own]
    # values that agree to the last digit have no logarithm, and must not make others look exact: a
    # hundredth of the mean stands in
    middle = float(s2.mean())
    if middle == 0.0:
        zero = np.zeros(df.shape)
        return Moderated(
            variance=zero, degrees_of_freedom=df, prior_variance=0.0, prior_degrees_of_freedom=0.0
        )
    z = np.log(np.maximum(s2, 1e-2 * middle))
    e = z - special.digamma(d / 2) + np.log(d / 2)
    spread = float(np.var(e, ddof=1)) if e.size > 1 else 0.0
    excess = spread - float(special.polygamma(1, d / 2).mean())
    if e.size == 1 or excess <= 0.0:
        pooled = float(np.sum(d * s2) / np.sum(d))
        prior_df = math.inf if e.size > 1 else 0.0
        borrowed = float(d.sum()) if e.size > 1 else 0.0
        return Moderated(
            variance=np.full(df.shape, pooled),
            degrees_of_freedom=np.full(df.shape, borrowed or float(d.sum())),
            prior_variance=pooled,
            prior_degrees_of_freedom=prior_df,
        )
    prior_df = 2.0 * _trigamma_inverse(excess)
    mean = float(e.mean() + special.digamma(prior_df / 2) - math.log(prior_df / 2))
    prior = math.exp(mean)
    d_all = np.where(own, df, 0.0)
    posterior = (prior_df * prior + d_all * np.where(own, variance, 0.0)) / (prior_df + d_all)
    # what is borrowed is known no better than all own ones together
    total = np.minimum(prior_df + d_all, float(d.sum()))
    return Moderated(
        variance=posterior,
        degrees_of_freedom=total,
        prior_variance=prior,
        prior_degrees_of_freedom=prior_df,
    )


def _trigamma_inverse(y: float) -> float:
    """Return x with trigamma(x) = y."""
    found = optimize.brentq(
        lambda log_x: float(special.polygamma(1, math.exp(log_x))) - y, -20.0, 20.0
    )
    return math.exp(float(found))
