"""When a trend crosses a specification limit: Theil-Sen slope, date with interval."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import Forecast
from qiqa.kernels.trend import pairwise_slopes

if TYPE_CHECKING:
    from qiqa.drift.outcome import Outcome

__all__ = ["crossing", "forecast", "theil_sen"]

FloatArray = NDArray[np.float64]


def theil_sen(t: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Return the median of all pairwise slopes and its 95 % interval.

    Sen (J Am Stat Assoc 1968;63:1379): the interval is between the slopes whose ranks are away
    from the
    middle by 1.96 SDs of Kendall's S, widened where values resemble the one before (the lag-1
    coefficient about the line, as in the trend rule).

    Parameters
    ----------
    t, y
        (n,) times and values, finite.

    Returns
    -------
    tuple
        slope, low, high per unit of t; NaN below three points.
    """
    n = t.size
    if n < 3:
        return math.nan, math.nan, math.nan
    slopes = np.sort(pairwise_slopes(t, y))
    if slopes.size == 0:
        return math.nan, math.nan, math.nan
    slope = float(np.median(slopes))
    residual = y - slope * t
    residual = residual - residual.mean()
    below = float(residual @ residual)
    r = float(residual[1:] @ residual[:-1]) / below + 1.0 / n if below > 0.0 else 0.0
    factor = (1.0 + r) / (1.0 - r) if 1.645 / math.sqrt(n) < r < 0.95 else 1.0
    half = 1.959964 * math.sqrt(factor * n * (n - 1) * (2 * n + 5) / 18.0)
    ends = [(slopes.size - half) / 2.0, (slopes.size + half) / 2.0]
    low, high = (float(slopes[int(np.clip(e, 0, slopes.size - 1))]) for e in ends)
    return slope, low, high


def crossing(
    now: dt.datetime,
    level: tuple[float, float],
    slope: tuple[float, float, float],
    limit: float,
    within_days: float,
    *,
    half_span: float = 0.0,
) -> tuple[dt.datetime | None, tuple[dt.datetime | None, dt.datetime | None]]:
    """Return when a straight line meets a limit, and the 95 % interval of that date (Fieller).

    Parameters
    ----------
    now
        Time for which `level` holds.
    level
        Present level and its standard error.
    slope
        Slope per day, and the ends of its 95 % interval.
    limit
        Limit that is ahead.
    within_days
        A date later than that is None.
    half_span
        Days from the middle of the exams to `now`: a line that is too steep is also too far along
        at its end, by that many days of its slope.

    Returns
    -------
    tuple
        Date, (earliest, latest); None: not within the days, or never.
    """
    distance = limit - level[0]
    sign = 1.0 if distance > 0 else -1.0
    error = max((slope[2] - slope[1]) / 2.0 / 1.959964, 1e-300)
    b, d = slope[0] * sign, abs(distance)
    z2 = 1.959964**2
    # level + slope * days = limit with both uncertain, and together: a quadratic in days
    together = half_span * error * error
    qa, qb = b * b - z2 * error * error, -2.0 * (b * d + z2 * together)
    qc = d * d - z2 * level[1] ** 2
    root = qb * qb - 4.0 * qa * qc
    earliest: float = math.nan
    latest = math.inf
    if root >= 0.0:
        ends = sorted(((-qb - math.sqrt(root)) / (2 * qa), (-qb + math.sqrt(root)) / (2 * qa)))
        positive = [end for end in ends if end > 0.0]
        earliest = 0.0 if qc < 0.0 else (positive[0] if positive else math.nan)
        if qa > 0.0 and positive:
            latest = positive[-1]
    best = d / b if b > 0.0 else math.inf
    return _date(now, best, within_days), (
        _date(now, earliest, within_days),
        _date(now, latest, within_days),
    )


def _date(now: dt.datetime, days: float, within: float) -> dt.datetime | None:
    if not math.isfinite(days) or days > within:
        return None
    return now + dt.timedelta(days=max(days, 0.0))


def forecast(outcome: Outcome) -> Forecast | None:
    """Return when the present ramp of a series crosses its nearest specification limit.

    None where the series does not go along a ramp, or has no limit ahead within the policy's days.
    """
    walk, series = outcome.walk, outcome.series
    current = int(walk.segment[outcome.last])
    if current not in {number for number, _ in walk.ramps}:
        return None
    used = np.flatnonzero((walk.segment == current) & outcome.prediction.learned)
    if used.size < 4:
        return None
    count = len(outcome.prepared.covariates)
    shift = -np.nan_to_num(outcome.levels.slope[:count]) @ outcome.prepared.x[:, used]
    y = outcome.prepared.scale.back(outcome.prepared.y[used] + shift)
    t = walk.days[used] - walk.days[used[-1]]
    slope = theil_sen(t, y)
    intercept = y - slope[0] * t
    level = float(np.median(intercept))
    sd = float(np.median(np.abs(intercept - level))) * 1.4826
    reach = float(special.stdtrit(max(used.size - 2, 1), 0.975)) / 1.959964
    # the end of a line is known four times worse (in variance) than its middle; the median pi / 2
    error = reach * sd * math.sqrt(4.0 / used.size * math.pi / 2.0)
    now: dt.datetime = series.at[outcome.last].astype("datetime64[us]").astype(dt.datetime)
    for name, bounds in (("tolerance", series.tolerance), ("action", series.action)):
        if bounds is None:
            continue
        limit = bounds[1] if slope[0] > 0 else bounds[0]
        ahead = math.isfinite(limit) and (limit - level) * slope[0] > 0
        if not ahead:
            continue
        date, interval = crossing(
            now,
            (level, error),
            slope,
            limit,
            outcome.policy.forecast_days,
            half_span=-float(t[0]) / 2.0,
        )
        if date is not None or interval[0] is not None:
            return Forecast(limit=limit, level=name, date=date, interval=interval)
    return None
