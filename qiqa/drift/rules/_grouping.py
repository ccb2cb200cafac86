"""Charts of means and of scatter for several values an exam: what range and SD have in common."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import Chart, Curve
from qiqa.core.errors import UsageError
from qiqa.drift.run_length.groups import check_size

__all__ = [
    "BASELINE",
    "SIZE",
    "Limits",
    "Parameters",
    "Scatter",
    "charted",
    "limits_of",
    "parameters_of",
    "run_length_of",
]

FloatArray = NDArray[np.float64]
SIZE = 5
"""Values a group, unless told."""
BASELINE = 20
"""Groups that the limits come from (Montgomery, 7th ed., 6.2: 20 to 25)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scatter:
    """A measure of scatter within a group, and what it does for standard normal values."""

    rule: str
    label: str
    of: Callable[[FloatArray], FloatArray]
    """Scatter (n,) of groups (n, g)."""
    mean: Callable[[int], float]
    sd: Callable[[int], float]
    """Its mean and SD by group size."""
    limit: Callable[[float, int, bool], float]
    """Value exceeded (True) or stayed below with a chance, by group size."""
    above: Callable[[float, int], float]
    """Chance to be above a value, by group size."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Settings of the rule."""

    size: int
    """Values a group."""
    width: float
    """Limits of the mean, in SDs of a mean."""
    low: float
    high: float
    """Limits of the scatter, in SDs of one value."""
    baseline: int = BASELINE
    """First groups, from which center and SD come if they are not given."""
    center: float = math.nan
    sd: float = math.nan
    """Of one value where they are known, in its unit."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Charts of means and of scatter, in the unit of the values."""

    center: float
    sd: float
    """SD of one value, from the scatter within groups."""
    low: float
    high: float
    scatter_center: float
    scatter_low: float
    scatter_high: float


def parameters_of(scatter: Scatter, every: float, size: int, baseline: int) -> Parameters:
    """Return the settings for one false alarm in `every` exams, half on each of the two charts.

    Mean and scatter of normal values are independent, so that the chances multiply. The chart of
    scatter has the same chance at both ends; textbook limits at 3 SDs of a skewed number do not.

    Raises
    ------
    UsageError
        For a size, a baseline or a rate that cannot be used.
    """
    check_size(size)
    if not (every > 1.0 and math.isfinite(every) and baseline >= 1):
        raise UsageError(
            f"one false alarm in {every:g} exams from {baseline} groups; needed are more than 1 "
            "exam and at least 1 group",
            where=scatter.rule,
            hint="370 exams and 20 groups are usual",
        )
    chance = -math.expm1(0.5 * math.log1p(-1.0 / every))
    return Parameters(
        size=size,
        width=-float(special.ndtri(chance / 2)),
        low=scatter.limit(chance / 2, size, False),
        high=scatter.limit(chance / 2, size, True),
        baseline=baseline,
    )


def run_length_of(scatter: Scatter, shift: float, p: Parameters) -> float:
    """Return the average run length after a step of `shift` SDs of one value; all else known."""
    at = shift * math.sqrt(p.size)
    inside_mean = special.ndtr(p.width - at) - special.ndtr(-p.width - at)
    outside = scatter.above(p.high, p.size) + 1 - scatter.above(p.low, p.size)
    return float(1.0 / (1.0 - inside_mean * (1.0 - outside)))


def charted(scatter: Scatter, x: FloatArray, p: Parameters) -> Chart:
    """Return means and scatter of groups (n, g) with their limits; each group outside signals.

    A group with a NaN is skipped. As long as there are fewer than `baseline` groups and center and
    SD are not given, there are no limits and no signals.

    Raises
    ------
    UsageError
        If the groups have another size than the settings.
    """
    _check(scatter, x, p.size)
    known = ~np.isnan(x).any(axis=1)
    mean, spread = np.full(len(x), np.nan), np.full(len(x), np.nan)
    mean[known], spread[known] = x[known].mean(axis=1), scatter.of(x[known])
    center, sd = p.center, p.sd
    if math.isnan(center) or math.isnan(sd):
        center, sd = _learnt(scatter, mean[known], spread[known], p)
    half = p.width * sd / math.sqrt(p.size)
    high, low = mean > center + half, mean < center - half
    odd = (spread > p.high * sd) | (spread < p.low * sd)
    signals = np.flatnonzero(high | low | odd)

    def line(level: float) -> FloatArray:
        return np.where(known, level, np.nan)

    return Chart(
        rule=scatter.rule,
        curves=(
            Curve(label="mean", value=mean, low=line(center - half), high=line(center + half)),
            Curve(label=scatter.label, value=spread, low=line(p.low * sd), high=line(p.high * sd)),
        ),
        signals=signals,
        directions=high[signals].astype(np.int64) - low[signals],
        since=signals,
    )


def _learnt(
    scatter: Scatter, mean: FloatArray, spread: FloatArray, p: Parameters
) -> tuple[float, float]:
    """Return center and SD of one value from the first groups; NaN where there are too few."""
    if len(mean) < p.baseline:
        return math.nan, math.nan
    first = slice(p.baseline)
    return float(mean[first].mean()), float(spread[first].mean()) / scatter.mean(p.size)


def limits_of(scatter: Scatter, groups: FloatArray, width: float) -> Limits:
    """Return the limits of the textbook from groups (m, g).

    Raises
    ------
    UsageError
        Without groups, or with a value that is not finite.
    """
    size = groups.shape[1] if groups.ndim == 2 else 0
    _check(scatter, groups, size)
    if not len(groups) or not np.isfinite(groups).all():
        raise UsageError(
            f"{len(groups)} groups, {int((~np.isfinite(groups)).sum())} of their values not finite",
            where=scatter.rule,
            hint="give finite values of one group or more",
        )
    center, spread = float(groups.mean()), float(scatter.of(groups).mean())
    sd = spread / scatter.mean(size)
    half, spread_half = width * sd / math.sqrt(size), width * sd * scatter.sd(size)
    return Limits(
        center=center,
        sd=sd,
        low=center - half,
        high=center + half,
        scatter_center=spread,
        scatter_low=max(0.0, spread - spread_half),
        scatter_high=spread + spread_half,
    )


def _check(scatter: Scatter, x: FloatArray, size: int) -> None:
    if x.ndim != 2 or x.shape[1] != size:
        raise UsageError(
            f"values of shape {x.shape}; needed are groups (n, {size or 'g'})",
            where=scatter.rule,
            hint="one row a group, all of the same size, NaN where a group has none",
        )
    check_size(size)
