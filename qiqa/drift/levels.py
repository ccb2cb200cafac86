"""Level of each segment, slopes on covariates and the scatter, by weighted least squares."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.drift.walking import Walk

__all__ = ["Levels", "levels"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Least squares over all exams that were learnt from; on the charted scale.

    Attributes
    ----------
    level, error
        (segments,) level at the covariates' centers and its standard error, NaN without an exam;
        of a ramp, the level where it begins.
    counted
        (segments,) exams that a level rests on.
    slope, slope_error
        (c + ramps,) change per unit of each covariate, then per day of each ramp.
    sd, dof
        SD of a usual value about its level.
    covariance
        (segments, segments) of the levels.
    """

    level: FloatArray
    error: FloatArray
    counted: NDArray[np.int64]
    slope: FloatArray
    slope_error: FloatArray
    sd: float
    dof: int
    covariance: FloatArray

    def interval(self, segment: int) -> tuple[float, float]:
        """Return the 95 % interval of a level."""
        reach = float(special.stdtrit(max(self.dof, 1), 0.975)) * float(self.error[segment])
        return float(self.level[segment]) - reach, float(self.level[segment]) + reach

    def difference(self, old: int, new: int) -> tuple[float, float, float]:
        """Return new minus old level, its standard error and the two-sided p of no difference."""
        size = float(self.level[new] - self.level[old])
        c = self.covariance
        error = float(np.sqrt(max(c[new, new] + c[old, old] - 2.0 * c[old, new], 0.0)))
        if not error > 0.0 or self.dof < 1:
            return size, np.nan, np.nan
        return size, error, 2.0 * float(special.stdtr(self.dof, -abs(size) / error))


def levels(walk: Walk, learned: NDArray[np.bool_]) -> Levels:
    """Return levels, slopes and scatter of a walk from the exams (n,) that were learnt from."""
    prepared = walk.prepared
    if len(walk.begun) == 1 and not prepared.covariates and not walk.ramps:
        return _one_level(walk, learned)
    used = np.flatnonzero(learned & (walk.segment >= 0))
    segments, extra = len(walk.begun), walk.covariates()
    dummies = np.zeros((used.size, segments))
    dummies[np.arange(used.size), walk.segment[used]] = 1.0
    design = np.concatenate([dummies, extra[:, used].T], axis=1)
    present = np.concatenate([dummies.any(axis=0), _moves(extra[:, used], dummies)])
    root = 1.0 / np.sqrt(prepared.variance[used])
    a = design[:, present] * root[:, None]
    b = prepared.y[used] * root
    estimate = np.full(design.shape[1], np.nan)
    cov = np.full((design.shape[1], design.shape[1]), np.nan)
    dof, sd = 0, np.nan
    if used.size:
        u, s, vt = np.linalg.svd(a, full_matrices=False)
        told = s > 1e-10 * s[0]
        back = vt[told].T / s[told]
        inverse, solution = back @ back.T, back @ (u[:, told].T @ b)
        residual = b - a @ solution
        dof = int(used.size - told.sum())
        variance = (float(residual @ residual) / dof if dof > 0 else np.nan) + prepared.floor**2
        sd = float(np.sqrt(variance))
        estimate[present] = solution
        cov[np.ix_(present, present)] = inverse * variance
    error = np.sqrt(np.diag(cov))
    return Levels(
        level=estimate[:segments],
        error=error[:segments],
        counted=dummies.sum(axis=0).astype(np.int64),
        slope=estimate[segments:],
        slope_error=error[segments:],
        sd=sd,
        dof=dof,
        covariance=cov[:segments, :segments],
    )


def _one_level(walk: Walk, learned: NDArray[np.bool_]) -> Levels:
    """Return the same where there is nothing but one level: the weighted mean."""
    prepared = walk.prepared
    used = learned & (walk.segment >= 0)
    y, w = prepared.y[used], 1.0 / prepared.variance[used]
    count, total = y.size, float(w.sum())
    level = float(w @ y) / total if count else np.nan
    dof = max(count - 1, 0)
    scatter = float(w @ (y - level) ** 2) / dof if dof else np.nan
    variance = scatter + prepared.floor**2
    error = np.sqrt(variance / total) if count else np.nan
    return Levels(
        level=np.array([level]),
        error=np.array([error]),
        counted=np.array([count]),
        slope=np.empty(0),
        slope_error=np.empty(0),
        sd=float(np.sqrt(variance)),
        dof=dof,
        covariance=np.array([[error**2]]),
    )


def _moves(x: FloatArray, dummies: FloatArray) -> NDArray[np.bool_]:
    """Say which covariates (c, n) vary within segments: the slope of another cannot be told."""
    if not x.size:
        return np.zeros(x.shape[0], np.bool_)
    count = np.maximum(dummies.sum(axis=0), 1.0)
    about = x - (x @ dummies / count) @ dummies.T
    size = np.maximum(np.abs(x).max(axis=1, initial=0.0), 1e-300)
    return np.asarray(np.abs(about).max(axis=1, initial=0.0) > 1e-9 * size)
