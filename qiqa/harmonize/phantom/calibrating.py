"""From a phantom's readings to the correction of each scanner in each epoch."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.calibration import ScannerCalibration
from qiqa.core.errors import UsageError
from qiqa.core.trial import Flag, numbered
from qiqa.harmonize.scanners.differences import Differences, known_units
from qiqa.harmonize.scanners.stability import ExamScatter, cell_of, exam_scatter

__all__ = ["NOT_TRANSFERABLE", "calibrate"]

FloatArray = NDArray[np.float64]

_MOST_COEFFICIENTS = 3
_LEAST_SHARE = 1e-6
"""Of the largest variance of an insert: a smaller one is none that anybody could have stated."""
NOT_TRANSFERABLE = {
    "t1_vfa": "T1 by variable flip angles without a B1 map is off by B1, which a phantom and a "
    "patient do not share",
    "snr": "SNR depends on the load of the coil, which a phantom and a patient do not share",
}
"""Beginning of a measurement's name -> why the phantom's bias is not the patient's."""


def calibrate(found: Differences) -> tuple[tuple[ScannerCalibration, ...], tuple[Flag, ...]]:
    """Return what each scanner's readings must be corrected by, per epoch.

    The bias is a polynomial of the reading: none, constant, linear or quadratic, whichever has the
    lowest AICc over the inserts. The covariance holds the scatter about the curve and that from
    exam to exam, which all inserts share. Scatter from exam to exam borrows from all scanners.

    Returns
    -------
    calibrations, flags
        A scanner with fewer than three inserts gets a constant at most, and a flag.

    Raises
    ------
    UsageError
        If the phantom's bias of this measurement is not the patient's.
    """
    name = found.readings.name
    for beginning, reason in NOT_TRANSFERABLE.items():
        if name.startswith(beginning):
            hint = "map B1, or calibrate by people who travel" if "B1" in reason else ""
            raise UsageError(f"{name} cannot be calibrated by a phantom: {reason}", hint=hint)
    cells, cell = cell_of(found)
    scatter = exam_scatter(found)
    made, flags = [], list[Flag]()
    for i in range(len(cells)):
        rows = cell == i
        one = _calibration(found.take(rows), scatter, i)
        made.append(one)
        inserts = np.unique(found.readings.insert[rows]).size
        if not found.dated[rows].any():
            flags.append(
                Flag(
                    kind="no_date_believed",
                    where=one.scanner,
                    reason="every exam it rests on is dated wrongly: from when to when it holds "
                    "is not known",
                    hint="correct the dates and calibrate again",
                )
            )
        if one.exams < 2:
            flags.append(
                Flag(
                    kind="one_exam",
                    where=one.scanner,
                    reason="one phantom exam: its scatter from day to day is that of the others"
                    if math.isfinite(one.exam_sd)
                    else "one phantom exam: what it scatters from day to day is not known",
                    hint="scan the phantom again on another day",
                )
            )
        if inserts < 3:
            flags.append(
                Flag(
                    kind="few_inserts",
                    where=one.scanner,
                    reason=f"{inserts} insert(s): no slope along the value can be seen",
                    hint="the correction holds between the values that were read",
                )
            )
    return tuple(made), tuple(flags)


def _calibration(own: Differences, scatter: ExamScatter, i: int) -> ScannerCalibration:
    r = own.readings
    units = _units(own, float(scatter.sd[i]))
    reading, bias, weight, reference_u = _by_insert(own, units)
    center, half = (reading.max() + reading.min()) / 2, (reading.max() - reading.min()) / 2
    x = (reading - center) / half if half > 0 else np.zeros_like(reading)
    different = np.unique(reading).size
    most = 1 if different < 3 else min(_MOST_COEFFICIENTS, different - 1)
    fits = [_fit(x, bias, weight, k) for k in range(most + 1)]
    scored = [(k, _aicc(reading.size, k, fit[2])) for k, fit in enumerate(fits)]
    order = min(scored, key=lambda pair: pair[1])[0]
    coefficients, covariance, rss = fits[order]
    df = reading.size - order
    exam_sd = float(scatter.sd[i])
    if order and math.isfinite(exam_sd):
        covariance[0, 0] += exam_sd**2 * float(np.sum(units.share**2 / units.exams))
    knots = np.argsort(reading)
    knots = knots[np.isfinite(reference_u[knots])]
    at = own.moments()
    return ScannerCalibration(
        scanner=str(r.scanner[0]),
        epoch=str(r.epoch[0]),
        name=r.name,
        quantity=r.quantity,
        unit=r.unit,
        bias_unit=own.unit,
        basis=own.basis,
        coefficients=tuple(float(c) for c in coefficients),
        covariance=tuple(tuple(float(c) for c in row) for row in covariance),
        degrees_of_freedom=float(df),
        evidence=tuple((k, float(score)) for k, score in scored),
        center=float(center),
        half_width=float(half) or 1.0,
        low=float(reading.min()),
        high=float(reading.max()),
        misfit_sd=math.sqrt(rss / df) if df > 0 else math.nan,
        exam_sd=exam_sd,
        reference_u=float(reference_u[knots].mean()) if knots.size else math.nan,
        reach_mm=float(np.nanmax(r.distance_mm)) if np.isfinite(r.distance_mm).any() else math.nan,
        first=at.min().astype(dt.datetime),
        last=at.max().astype(dt.datetime),
        exams=int(scatter.exams[i]),
        phantom_units=tuple(sorted({str(u) for u in r.phantom_unit if u})),
        reference_at=tuple(reading[knots].tolist()),
        reference_u_at=tuple(reference_u[knots].tolist()),
        exam_days=_days(at),
    )


def _days(at: NDArray[np.datetime64]) -> tuple[dt.datetime, ...]:
    """Return the first moment of each day on which something was read."""
    first = np.unique(np.sort(at).astype("datetime64[D]"), return_index=True)[1]
    return tuple(moment.astype(dt.datetime) for moment in np.sort(at)[first])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Units:
    """Phantom units that a scanner read, u of them."""

    of_reading: NDArray[np.intp]
    """(n,)"""
    exams: FloatArray
    """(u,)"""
    share: FloatArray
    """(u,) of the mean over units."""


def _units(own: Differences, exam_sd: float) -> _Units:
    """Return units with what each weighs: by its certificate and its exams.

    Ten exams of a unit make the mean of the days better, not its certificate; one exam must not
    weigh like ten. Where some state no uncertainty, exams count.
    """
    r = own.readings
    _, unit = numbered(known_units(own))
    pairs = np.unique(np.char.add(np.char.add(unit.astype(np.str_), " "), r.exam))
    exams = np.bincount([int(pair.partition(" ")[0]) for pair in pairs.tolist()])
    stated = np.isfinite(own.reference_u)
    u2 = np.bincount(unit, weights=np.where(stated, own.reference_u, 0.0)) / np.bincount(unit)
    u2 = np.where(np.bincount(unit, weights=~stated) > 0, math.nan, u2) ** 2
    variance = u2 + (exam_sd**2 / exams if math.isfinite(exam_sd) else 0.0)
    told = np.isfinite(variance).all() and bool((variance > 0).all())
    weight = 1.0 / variance if told else exams.astype(np.float64)
    return _Units(of_reading=unit, exams=exams.astype(np.float64), share=weight / weight.sum())


def _by_insert(
    own: Differences, units: _Units
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return reading, bias, relative weight and reference uncertainty of each insert.

    Means over phantom units of their means over readings. The uncertainty of references is not
    averaged away over units: what part of it they share is not stated.
    """
    _, insert = numbered(own.readings.insert)
    count = np.bincount(insert).astype(np.float64)
    place = insert * units.share.size + units.of_reading
    # readings of one unit share its part; a unit that lacks an insert has none in it
    part = units.share[units.of_reading] / np.bincount(place)[place]

    def mean(x: FloatArray) -> FloatArray:
        known = np.isfinite(x)
        total = np.bincount(insert, weights=part * np.where(known, x, 0.0))
        with np.errstate(invalid="ignore"):
            return np.asarray(total / np.bincount(insert, weights=part * known), dtype=np.float64)

    reading, bias, reference_u = (mean(x) for x in (own.readings.value, own.value, own.reference_u))
    variance = np.bincount(insert, weights=own.standard_uncertainty**2) / count
    # an insert that states none has no weight beside those that do: then all count alike
    stated = bool((variance > 0).all())
    w = count / np.maximum(variance, _LEAST_SHARE * variance.max()) if stated else count
    # half by what is stated, half alike: an uncertainty of almost nothing must not decide alone
    return reading, bias, 0.5 * (w / w.mean() + 1.0), reference_u


def _fit(
    x: FloatArray, y: FloatArray, w: FloatArray, count: int
) -> tuple[FloatArray, FloatArray, float]:
    """Return coefficients, their covariance from the scatter, and the weighted sum of squares."""
    if count == 0:
        return np.empty(0), np.empty((0, 0)), float(np.sum(w * y**2))
    a = np.vander(x, count, increasing=True) * np.sqrt(w)[:, None]
    b = y * np.sqrt(w)
    coefficients = np.asarray(np.linalg.lstsq(a, b, rcond=None)[0], dtype=np.float64)
    rss = float(np.sum((b - a @ coefficients) ** 2))
    df = x.size - count
    scatter = rss / df if df > 0 else math.nan
    covariance = np.asarray(np.linalg.inv(a.T @ a) * scatter, dtype=np.float64)
    return coefficients, covariance, rss


def _aicc(n: int, count: int, rss: float) -> float:
    """Return Akaike's criterion with the correction for few values (Hurvich and Tsai 1989)."""
    k = count + 1  # and the variance
    if n - k - 1 <= 0:
        return math.inf if count > 1 else n * math.log(max(rss, 1e-300) / n) + 2 * k
    return n * math.log(max(rss, 1e-300) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
