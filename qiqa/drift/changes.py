"""What happened to a series that signalled: a step or a ramp, when, and how large.

Both models have a level before, a size and a beginning; the beginning is unknown. With flat priors
on level, size (of the whole change up to now) and the logarithm of the SD, and every exam equally
likely to be the first changed one, the posterior of the beginning has a closed form: the marginal
likelihood |X'WX|^(-1/2) RSS^(-dof/2) (Smith, Biometrika 1975;62:407, for the step). Its 95 % set
is the interval of the date; the interval of the size averages over it, so that not knowing when is
part of not knowing how much.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

__all__ = ["Change", "likeliest_change", "one_ramp", "rest"]

FloatArray = NDArray[np.float64]
_COVERAGE = 0.95
_OF_MIXTURE = 0.998
"""Part of a mixture that its interval is computed from: the rest has no say in the third digit."""
_NEARLY_NORMAL = 40
"""Degrees of freedom from which a t distribution is taken for a normal one of equal 95 % points."""
_PRIOR = {"step": 0.0, "trend": -math.log(3.0)}
"""Logarithm of how likely a kind is beforehand: what is repaired, upgraded or knocked steps, and
early in a change the two look alike."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of level inside a window; positions count from the window's first exam."""

    kind: str
    """`step` or `trend`."""
    begins: int
    """Most likely first changed exam."""
    earliest: int
    latest: int
    """Ends of the 95 % set of the first changed exam."""
    size: float
    """Step, or change from the beginning of the ramp to the window's end."""
    interval: tuple[float, float]
    """95 %, over all beginnings."""
    probability: float
    """Of this kind against the other one."""
    slope: float = math.nan
    """Ramp: size per unit of time."""
    slope_interval: tuple[float, float] = (math.nan, math.nan)


@dataclasses.dataclass(frozen=True, slots=True)
class _Fit:
    """One model at every beginning; arrays (b,)."""

    log_evidence: FloatArray
    size: FloatArray
    error: FloatArray
    per_size: FloatArray
    """What one unit of size is in slope; 1 for a step."""


def likeliest_change(
    y: FloatArray,
    variance: FloatArray,
    time: FloatArray,
    *,
    sd: float = math.nan,
    dof: int = 0,
    earliest: int = 1,
    latest: int | None = None,
    only: str | None = None,
    intervals: bool = True,
) -> Change | None:
    """Return the likeliest step or ramp in a window, None where there are too few exams.

    Parameters
    ----------
    y
        Values (n,), finite.
    variance
        (n,) relative variances.
    time
        (n,) times, ascending; slopes are per unit of it.
    sd, dof
        What is known of the SD of one value from elsewhere, and on how many degrees of freedom.
    earliest, latest
        First and last exam that can be the first changed one; None: the last one.
    only
        `step` or `trend`, to fit one kind; None lets the evidence decide.
    intervals
        False leaves out those of size and slope, which cost most of the time.
    """
    n = y.size
    last = n - 1 if latest is None else latest
    if n < 3 or n - 2 + dof < 1 or last < earliest:
        return None
    known = dof * sd * sd if dof > 0 else 0.0
    fits = {
        kind: _fit(
            kind,
            y,
            1.0 / variance,
            time,
            known,
            n - 2 + dof,
            range(earliest, last + 1),
        )
        for kind in ("step", "trend")
        if only in (None, kind)
    }
    evidence = {k: _log_of_sum(f.log_evidence) + _PRIOR[k] for k, f in fits.items()}
    kind = max(evidence, key=lambda k: evidence[k])
    others = [value for other, value in evidence.items() if other != kind]
    odds = 1.0 if not others else 1.0 / (1.0 + math.exp(min(others[0] - evidence[kind], 0.0)))
    return _summary(
        kind, fits[kind], n - 2 + dof, odds, first=max(earliest, 1), intervals=intervals
    )


def _log_of_sum(logs: FloatArray) -> float:
    """Return the logarithm of a sum of exponentials."""
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).sum()))


def _fit(
    kind: str,
    y: FloatArray,
    w: FloatArray,
    time: FloatArray,
    known: float,
    dof: int,
    places: range,
) -> _Fit:
    """Fit level and size at every beginning of `places`, weighted least squares."""
    begins = np.arange(max(places.start, 1), min(places.stop, y.size))
    total, mean_y = float(w.sum()), float(w @ y) / float(w.sum())
    about = w * (y - mean_y)
    if kind == "step":
        per_size = np.ones(begins.size)
        after = total - np.cumsum(w)[begins - 1]
        scc = after * (total - after) / total
        scy = -np.cumsum(about)[begins - 1]
    else:
        # the ramp leaves the level at the exam before the first changed one and is 1 at the end
        length = np.maximum(time[-1] - time[begins - 1], 1e-12)
        per_size = 1.0 / length
        column = time[None, :] - time[begins - 1][:, None]
        column /= length[:, None]  # in place: it is the largest array by far
        np.maximum(column, 0.0, out=column)
        scc = (column * column) @ w - (column @ w) ** 2 / total
        scy = column @ about
    usable = scc > 1e-12
    safe = np.where(usable, scc, 1.0)
    size = scy / safe
    rss = float(about @ (y - mean_y)) - scy * size + known
    rss = np.maximum(rss, 1e-300)
    log_evidence = -0.5 * np.log(total * safe) - 0.5 * dof * np.log(rss)
    log_evidence[~usable] = -np.inf
    return _Fit(log_evidence, size, np.sqrt(rss / dof / safe), per_size)


def _summary(kind: str, fit: _Fit, dof: int, odds: float, *, first: int, intervals: bool) -> Change:
    weight = np.exp(fit.log_evidence - fit.log_evidence.max())
    weight /= weight.sum()
    order = np.argsort(-weight, kind="stable")
    count = int(np.searchsorted(np.cumsum(weight[order]), _COVERAGE)) + 1
    kept = order[: min(count, weight.size)]
    best = int(order[0])
    unknown = (math.nan, math.nan)
    sizes = _mixture(weight, fit.size, fit.error, dof) if intervals else unknown
    slopes = unknown
    if intervals and kind == "trend":
        slopes = _mixture(weight, fit.size * fit.per_size, fit.error * fit.per_size, dof)
    return Change(
        kind=kind,
        begins=best + first,
        earliest=int(kept.min()) + first,
        latest=int(kept.max()) + first,
        size=float(weight @ fit.size),
        interval=sizes,
        probability=odds,
        slope=float(weight @ (fit.size * fit.per_size)),
        slope_interval=slopes,
    )


def _mixture(
    weight: FloatArray, center: FloatArray, error: FloatArray, dof: int
) -> tuple[float, float]:
    """Return the central 95 % of a mixture of t distributions."""
    order = np.argsort(-weight)
    kept = order[: int(np.searchsorted(np.cumsum(weight[order]), _OF_MIXTURE)) + 1]
    weight, center, error = weight[kept] / weight[kept].sum(), center[kept], error[kept]
    mean = float(weight @ center)
    sd = math.sqrt(float(weight @ (error**2 + (center - mean) ** 2)))
    if not sd > 1e-12 * abs(mean) or not float(error.min()) > 1e-12 * abs(mean):
        return mean, mean  # no noise to speak of
    reach = float(special.stdtrit(dof, 1.0 - 1e-6))
    span = float((center - reach * error).min()), float((center + reach * error).max())

    normal = dof > _NEARLY_NORMAL
    wider = error * (float(special.stdtrit(dof, 0.975)) / 1.959964 if normal else 1.0)

    def end(tail: float) -> float:
        def excess(x: float) -> float:
            z = (x - center) / wider
            below = special.ndtr(z) if normal else special.stdtr(dof, z)
            return float(weight @ below) - tail

        near = sorted((mean, mean + (10.0 if tail > 0.5 else -10.0) * sd))
        inside = excess(near[0]) < 0.0 < excess(near[1])
        low, high = near if inside else span
        return float(optimize.brentq(excess, low, high, xtol=1e-3 * sd + 1e-300))

    tail = (1.0 - _COVERAGE) / 2.0
    return end(tail), end(1.0 - tail)


def rest(y: FloatArray, w: FloatArray, time: FloatArray, *, line: bool) -> float:
    """Return the weighted sum of squares about a level, or about a straight line."""
    about = y - float(w @ y) / float(w.sum())
    if not line or y.size < 3:
        return float(w @ about**2)
    t = time - float(w @ time) / float(w.sum())
    return float(w @ about**2) - float(w @ (t * about)) ** 2 / max(float(w @ t**2), 1e-300)


def one_ramp(y: FloatArray, w: FloatArray, time: FloatArray) -> float:
    """Return the weighted sum of squares about a level and one ramp, at its best beginning."""
    fit = _fit("trend", y, w, time, 0.0, max(y.size - 2, 1), range(2, y.size - 2))
    best = int(np.argmax(fit.log_evidence))
    start = time[best + 1]
    return rest(y, w, np.maximum(time - start, 0.0), line=True)
