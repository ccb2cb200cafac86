"""Years of weekly exams of a fleet, with faults of which the truth is known.

A value is: the scanner's level, what faults add, the slope over temperature times the room's
departure from its mean, and a deviation that resembles the one before (first-order
autoregression), of which a small share is several times as large. Bounded quantities take the
deviation on the logit scale, so that they never leave their bounds.

Random numbers are drawn for every scheduled week of a scanner before any fault is looked at, from
a stream of its own: the same seed with another fault differs by the effect of the fault alone.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.simulate.history_faults import DAYS_OF_A_YEAR, Effects, PlantedFault, plant
from qiqa.simulate.history_metrics import Metric
from qiqa.simulate.history_result import (
    SimulatedHistory,
    SimulatedSeries,
    exam_text,
    software_text,
    unit_text,
)
from qiqa.simulate.history_spec import DAYS_OF_A_WEEK, Fault, HistorySpec, checked

__all__ = ["SimulatedHistory", "SimulatedSeries", "simulate_history", "simulate_series"]

FloatArray = NDArray[np.float64]

_FAR = 700.0
"""Exponent up to which exp() is finite in double precision, with room."""
_WARMEST_DAY = 196
"""Day of the year, 15 July."""
_DAY_LATE = 0.2
"""Share of exams that are done a day after their day."""
_OPENING_S, _MORNING_S = 7 * 3600, 2 * 3600
"""Exams start in the two hours from seven o'clock."""
_U_SPREAD = 0.1
"""Relative SD of the stated standard uncertainty."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Draws:
    """Random numbers of one scanner with e weeks and m quantities; standard normal if not said."""

    late_days: NDArray[np.int64]
    second: NDArray[np.int64]
    room: float
    temperature: FloatArray
    level: FloatArray
    deviation: FloatArray
    """(m, e) SD 1, autocorrelated."""
    uncertainty: FloatArray


def simulate_series(
    spec: HistorySpec, faults: tuple[Fault, ...], rng: np.random.Generator
) -> SimulatedSeries:
    """Return one quantity of one scanner over the years.

    Parameters
    ----------
    spec
        With one scanner and one metric.
    faults
        What happens to it.
    rng
        Source of the random numbers.

    Raises
    ------
    UsageError
        If the specification has more than one scanner or metric, or a fault cannot be planted.
    """
    if spec.scanners != 1 or len(spec.metrics) != 1:
        raise UsageError(
            f"{spec.scanners} scanners and {len(spec.metrics)} metrics are not one of each",
            where="simulate_series",
            hint="use simulate_history for a fleet",
        )
    scanner = spec.names[0]
    part = _scanner(spec, faults, 1, rng)
    of, effects = part.listed[part.exam], part.effects
    again = part.copy[part.exam]
    epochs = zip(effects.software[of].tolist(), effects.unit[of].tolist(), strict=True)
    weeks = zip((of + 1).tolist(), again.tolist(), strict=True)
    return SimulatedSeries(
        scanner=scanner,
        metric=spec.metrics[0],
        at=part.clock[of],
        value=part.value,
        standard_uncertainty=part.uncertainty,
        temperature_degc=part.temperature[of],
        epoch=np.array(
            [f"{software_text(s)}, {unit_text(scanner, u)}" for s, u in epochs], dtype=np.str_
        ),
        exam=np.array([exam_text(scanner, w, copy) for w, copy in weeks], dtype=np.str_),
        week=of + 1,
        level=float(part.level[0]),
        faults=part.faults,
    )


def simulate_history(
    spec: HistorySpec, faults: tuple[Fault, ...], rng: np.random.Generator
) -> SimulatedHistory:
    """Return the exams of a fleet over the years, and what was planted.

    Parameters
    ----------
    spec
        Scanners, weeks, quantities, room.
    faults
        What happens to which scanner.
    rng
        Source of the random numbers; each scanner draws from a child of its own.

    Raises
    ------
    UsageError
        If a fault cannot be planted.
    """
    own: dict[int, list[Fault]] = {}
    for fault in faults:  # all are looked at before anything is drawn
        own.setdefault(checked(fault, spec).scanner, []).append(fault)
    streams = rng.spawn(spec.scanners)
    parts = [
        _scanner(spec, tuple(own.get(n, ())), n, stream)
        for n, stream in enumerate(streams, start=1)
    ]
    starts = np.cumsum([0, *(len(part.listed) for part in parts)])[:-1].tolist()

    def joined(pick: str) -> NDArray[np.generic]:
        return np.concatenate([getattr(part, pick) for part in parts])

    def per_exam(values: list[NDArray[np.generic]]) -> NDArray[np.generic]:
        return np.concatenate([v[part.listed] for v, part in zip(values, parts, strict=True)])

    columns = {
        "exam_scanner": np.repeat(np.arange(spec.scanners), [len(p.listed) for p in parts]),
        "exam_week": joined("listed").astype(np.int64) + 1,
        "exam_at": per_exam([part.clock for part in parts]),
        "exam_copy": joined("copy"),
        "exam_temperature_degc": per_exam([part.temperature for part in parts]),
        "exam_software": per_exam([part.effects.software for part in parts]),
        "exam_unit": per_exam([part.effects.unit for part in parts]),
        "exam": np.concatenate([p.exam + start for p, start in zip(parts, starts, strict=True)]),
        "metric": joined("metric"),
        "value": joined("value"),
        "standard_uncertainty": joined("uncertainty"),
    }
    return SimulatedHistory(
        spec=spec,
        levels=np.stack([part.level for part in parts]),
        faults=tuple(fault for part in parts for fault in part.faults),
        **columns,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """One scanner: e weeks scheduled, x exams listed, n values."""

    effects: Effects
    faults: tuple[PlantedFault, ...]
    level: FloatArray
    clock: NDArray[np.datetime64]
    """(e,)."""
    temperature: FloatArray
    """(e,)."""
    listed: NDArray[np.int64]
    """(x,) index of the week."""
    copy: NDArray[np.bool_]
    """(x,)."""
    exam: NDArray[np.int64]
    """(n,) index into `listed`."""
    metric: NDArray[np.int64]
    value: FloatArray
    uncertainty: FloatArray


def _scanner(
    spec: HistorySpec, faults: tuple[Fault, ...], number: int, rng: np.random.Generator
) -> _Part:
    draws = _draw(spec, rng)
    days = DAYS_OF_A_WEEK * np.arange(spec.weeks) + draws.late_days
    start = np.datetime64(spec.start, "s")
    at = start + (86400 * days + draws.second).astype("timedelta64[s]")
    effects, planted = plant(spec, faults, number, at)
    temperature = _temperature(spec, draws, days)
    level, value = _values(spec, draws, effects, temperature, number)
    u = np.array([metric.standard_uncertainty for metric in spec.metrics])
    uncertainty = u[:, None] * np.exp(_U_SPREAD * draws.uncertainty)
    uncertainty[effects.unmeasured] = np.nan
    done = np.flatnonzero(~effects.missed)
    times = 1 + effects.copied[done]
    listed = np.repeat(done, times)
    copy = np.zeros(len(listed), dtype=np.bool_)
    copy[1:] = listed[1:] == listed[:-1]
    exam, metric = np.nonzero(~effects.absent.T[listed])
    return _Part(
        effects=effects,
        faults=planted,
        level=level,
        clock=at + np.rint(86400 * effects.clock_days).astype("timedelta64[s]"),
        temperature=np.round(temperature, 1),
        listed=listed,
        copy=copy,
        exam=exam,
        metric=metric,
        value=value[metric, listed[exam]],
        uncertainty=uncertainty[metric, listed[exam]],
    )


def _draw(spec: HistorySpec, rng: np.random.Generator) -> _Draws:
    m, e = len(spec.metrics), spec.weeks
    late = (rng.random(e) < _DAY_LATE).astype(np.int64)
    second = _OPENING_S + rng.integers(0, _MORNING_S, e)
    room, level = float(rng.standard_normal()), rng.standard_normal(m)
    temperature, white = rng.standard_normal(e), rng.standard_normal((m, e))
    heavy = rng.random((m, e)) < spec.heavy_fraction
    deviation = _correlated(white, spec.phi)
    return _Draws(
        late_days=late,
        second=second,
        room=room,
        temperature=temperature,
        level=level,
        deviation=np.where(heavy, spec.heavy_ratio * deviation, deviation),
        uncertainty=rng.standard_normal((m, e)),
    )


def _correlated(white: FloatArray, phi: float) -> FloatArray:
    """Return a stationary first-order autoregression (m, e) with SD 1 from the first week on."""
    if phi == 0.0:
        return white
    from scipy.signal import lfilter

    gain = math.sqrt(1 - phi * phi)
    # the first output is the first input itself: drawn from the stationary distribution
    state = (1 - gain) * white[:, :1]
    return np.asarray(lfilter([gain], [1.0, -phi], white, axis=1, zi=state)[0])


def _temperature(spec: HistorySpec, draws: _Draws, days: NDArray[np.int64]) -> FloatArray:
    """Return the true temperature (e,) of the room [°C]."""
    first = spec.start.timetuple().tm_yday
    season = np.cos(2 * np.pi * (first + days - _WARMEST_DAY) / DAYS_OF_A_YEAR)
    mean = spec.temperature_degc + spec.temperature_between_degc * draws.room
    return np.asarray(
        mean + spec.temperature_season_degc * season + spec.temperature_sd_degc * draws.temperature
    )


def _values(
    spec: HistorySpec, draws: _Draws, effects: Effects, temperature: FloatArray, number: int
) -> tuple[FloatArray, FloatArray]:
    """Return true levels (m,) and values (m, e) as an exam states them."""
    departure = temperature - spec.temperature_degc
    levels = np.empty(len(spec.metrics))
    values = np.empty_like(draws.deviation)
    for row, metric in enumerate(spec.metrics):
        middle = np.array([metric.level])
        levels[row] = _moved(metric, middle, metric.between * draws.level[row : row + 1])[0]
        center = levels[row] + effects.shift[row] + metric.per_degc * departure
        if metric.kind == "bounded":
            _check_inside(metric, center, spec.names[number - 1])
        deviation = metric.scatter * effects.spread[row] * draws.deviation[row]
        values[row] = _stated(metric, _moved(metric, center, deviation))
    values[effects.unmeasured] = np.nan
    return levels, values


def _moved(metric: Metric, center: FloatArray, by: FloatArray) -> FloatArray:
    """Return `center` moved by a deviation in the metric's unit, inside its bounds if bounded."""
    if metric.kind != "bounded":
        return center + by
    width = metric.high - metric.low
    below, above = center - metric.low, metric.high - center
    # logit, and its slope at the center: small deviations keep their size in the unit
    moved = np.log(below / above) + by * width / (below * above)
    # as far as exp() reaches: there the value is the bound itself
    moved = np.clip(moved, -_FAR, _FAR)
    return np.asarray(metric.low + width / (1 + np.exp(-moved)))


def _check_inside(metric: Metric, center: FloatArray, scanner: str) -> None:
    outside = center[(center <= metric.low) | (center >= metric.high)]
    if outside.size:
        raise UsageError(
            f"{metric.label} of {scanner} would be at {outside[0]:.4g} {metric.unit}; it lies "
            f"between {metric.low:g} and {metric.high:g}",
            where="faults",
            hint="plant a smaller size, or give it to another quantity",
        )


def _stated(metric: Metric, value: FloatArray) -> FloatArray:
    """Return values as they are read: counted, chosen or rounded."""
    if metric.kind == "count":
        return np.clip(np.rint(value), metric.low, metric.high)
    if metric.kind == "discrete":
        choices = np.array(metric.choices)
        return np.asarray(choices[np.argmin(np.abs(value - choices[:, None]), axis=0)])
    if metric.resolution == 0.0:
        return value
    # the second rounding takes away the last binary digits: 190.1, not 190.10000000000002
    digits = 1 - math.floor(math.log10(metric.resolution))
    return np.round(np.rint(value / metric.resolution) * metric.resolution, digits)
