"""Spreads of small groups of series: each borrows from the other groups of its cohort."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.metrology.fences import freedom_of

__all__ = ["borrowed"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def borrowed(
    spreads: FloatArray, middles: FloatArray, sizes: FloatArray, cohorts: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return spreads drawn toward what is usual in their cohort, and the degrees of freedom won.

    Variances of the groups are taken to be scaled inverse chi-square about a common one, as by
    Smyth (Stat Appl Genet Mol Biol 2004;3:3): what their logarithms differ beyond what few values
    make them differ says how far one may stand for another. Two things make it careful. That
    difference is taken one standard error larger than it is found, so that few groups that happen
    to be alike lend little. And no group borrows more than all others together have.

    Noise and sharpness are often in proportion to their level: where all middles are above zero,
    spreads over middles are compared instead if these differ less.

    Parameters
    ----------
    spreads, middles
        (groups, p); NaN stays NaN and lends nothing.
    sizes
        (groups,) effective number of values.
    cohorts
        (groups,) of each group, from 0 on.

    Returns
    -------
    spreads, freedom
        (groups, p) posterior spreads; degrees of freedom borrowed, 0 where nothing is.
    """
    own = freedom_of(sizes)[:, None]
    known = np.isfinite(spreads) & (spreads > 0)
    positive = ~(_per_cohort(known & ~(middles > 0), cohorts) > 0)[cohorts]
    made, lent, least = spreads.copy(), np.zeros_like(spreads), np.full(spreads.shape, np.inf)
    for units in (np.ones_like(spreads), np.where(positive, middles, np.nan)):
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(spreads / units)
        usual, differ = _common(np.where(known, logs, np.nan), own, cohorts)
        alike = 0.5 / differ  # degrees of freedom: trigamma(x) is about 1 / x
        spare = np.minimum(alike, _per_cohort(known * own, cohorts)[cohorts] - own)
        better = known & (differ < least)
        prior = (np.exp(usual + _log_bias(np.maximum(alike, 1e-3))) * units) ** 2
        with np.errstate(invalid="ignore"):
            posterior = np.sqrt((own * spreads**2 + spare * prior) / (own + spare))
        made, lent = np.where(better, posterior, made), np.where(better, spare, lent)
        least = np.where(better, differ, least)
    return made, lent


def _common(logs: FloatArray, own: FloatArray, cohorts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return, for each group, mean and careful true variance of the logarithms of its cohort."""
    known = np.isfinite(logs)
    count = _per_cohort(known, cohorts)
    noise = np.broadcast_to(special.polygamma(1, own / 2) / 4, logs.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = logs - _log_bias(own)
        mean = _per_cohort(np.where(known, logs, 0.0), cohorts) / count
        off = np.where(known, logs - mean[cohorts], 0.0)
        variance = _per_cohort(off**2, cohorts) / (count - 1)
        chance = _per_cohort(np.where(known, noise, 0.0), cohorts) / count
        differ = np.maximum(variance * (1 + np.sqrt(2 / (count - 1))) - chance, 1e-12)
    differ = np.where(count > 1, differ, np.inf)
    return mean[cohorts], differ[cohorts]


def _log_bias(freedom: FloatArray) -> FloatArray:
    """Return how much the logarithm of an SD is off on average, always below zero."""
    return np.asarray((special.digamma(freedom / 2) - np.log(freedom / 2)) / 2)


def _per_cohort(values: NDArray[np.generic], cohorts: IntArray) -> FloatArray:
    """Return sums (cohorts, p) of values (groups, p)."""
    sums = np.zeros((int(cohorts.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, cohorts, values)
    return sums
