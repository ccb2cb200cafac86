"""What to show of a fit: numbers, slices, and voxels with their curves."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from qiqa.core.fit_evidence import FitEvidence, ParameterSummary, SampleCurve
from qiqa.core.maps import FitStatus, Parameter, ParameterMaps
from qiqa.core.series import Encoding, Series

__all__ = ["show_fit"]

_LABELS = {
    "echo_time": "echo time",
    "inversion_time": "inversion time",
    "repetition_time": "repetition time",
    "b_value": "b-value",
    "flip_angle": "flip angle",
}
_SAMPLES = (0.02, 0.2, 0.4, 0.6, 0.8, 0.98)
"""Quantiles of the first parameter at which voxels are shown."""
_CURVE_POINTS = 160


def show_fit(
    series: Series,
    maps: ParameterMaps,
    model: ModuleType,
    *,
    b1: NDArray[np.float64] | None = None,
    label: str = "",
    seconds: float,
) -> FitEvidence:
    """Return what a report and a summary show of one fit.

    Parameters
    ----------
    series
        What was fitted.
    maps
        What was found.
    model
        Module of the model.
    b1
        Relative flip angle (i, j, k) that the fit used.
    label
        Which of several fits.
    seconds
        Time that the fit took.
    """
    encoding = series.header.encoding
    means = [float(np.nanmean(series.signal[..., n])) for n in range(series.signal.shape[3])]
    brightest = int(np.nanargmax(means)) if np.isfinite(means).any() else 0
    unit = "°" if encoding.unit == "degree" else encoding.unit
    return FitEvidence(
        label=label,
        maps=maps,
        title=model.TITLE,
        equation=model.EQUATION,
        references=_texts(model.REFERENCES),
        summaries=tuple(_summary(maps, parameter) for parameter in maps.parameters),
        slices=_slices(maps),
        image=np.asarray(series.signal[..., brightest]),
        image_label=f"{_axis(encoding)} {encoding.values[brightest]:g} {unit}".strip(),
        x_label=f"{_axis(encoding)} [{unit}]" if unit else _axis(encoding),
        curves=_curves(series, maps, model, b1),
        seconds=seconds,
    )


def _texts(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _axis(encoding: Encoding) -> str:
    return _LABELS.get(encoding.name, "volume")


def _summary(maps: ParameterMaps, parameter: Parameter) -> ParameterSummary:
    found = maps.estimate(parameter.name)
    answered = np.isfinite(found)
    values = found[answered].astype(np.float64)
    errors = maps.standard_error(parameter.name)[answered].astype(np.float64)
    errors = errors[np.isfinite(errors)]
    quantiles = [np.nan] * 5
    if values.size:
        quantiles = [float(q) for q in np.percentile(values, (5, 25, 50, 75, 95))]
    return ParameterSummary(
        name=parameter.name,
        unit=parameter.unit,
        n=int(values.size),
        p5=quantiles[0],
        p25=quantiles[1],
        median=quantiles[2],
        p75=quantiles[3],
        p95=quantiles[4],
        median_standard_error=float(np.median(errors)) if errors.size else float("nan"),
    )


def _answered(maps: ParameterMaps) -> NDArray[np.bool_]:
    return np.isin(maps.status, [s.value for s in FitStatus if s.has_answer])


def _slices(maps: ParameterMaps) -> tuple[int, ...]:
    """Return up to three slices spread over those that hold most answers, rising."""
    counts = _answered(maps).sum(axis=(0, 1))
    if not counts.any():
        return (maps.status.shape[2] // 2,)
    full = np.flatnonzero(counts >= 0.5 * counts.max())
    places = (1 / 6, 1 / 2, 5 / 6) if full.size >= 3 else (1 / 2,)
    return tuple(int(full[int(place * full.size)]) for place in places)


def _curves(
    series: Series, maps: ParameterMaps, model: ModuleType, b1: NDArray[np.float64] | None
) -> tuple[SampleCurve, ...]:
    if not hasattr(model, "predict"):
        return ()
    return tuple(
        _curve(series, maps, model, voxel, 1.0 if b1 is None else float(b1[voxel]))
        for voxel in _voxels(maps)
    )


def _voxels(maps: ParameterMaps) -> list[tuple[int, int, int]]:
    """Return voxels from the lowest to the highest estimate, each typical of its neighbors.

    Of the voxels around a quantile the one with the middle residual is taken, so that neither the
    best nor the worst fit is shown.
    """
    shape = maps.status.shape
    places = np.flatnonzero(_answered(maps).ravel(order="F"))
    if not places.size:
        return []
    estimates = maps.estimate(maps.parameters[0].name).ravel(order="F")[places]
    residuals = (
        np.zeros(places.size)
        if maps.residual_sd is None
        else np.nan_to_num(maps.residual_sd.ravel(order="F")[places])
    )
    order = np.argsort(estimates, kind="stable")
    around = max(min(10, places.size // 20), 0)
    chosen: dict[int, None] = {}
    for quantile in _SAMPLES:
        at = round(quantile * (places.size - 1))
        near = order[max(at - around, 0) : at + around + 1]
        middle = near[np.argsort(residuals[near], kind="stable")[len(near) // 2]]
        chosen[int(places[middle])] = None
    return [tuple(int(x) for x in np.unravel_index(p, shape, order="F")) for p in chosen]  # type: ignore[misc]


def _curve(
    series: Series,
    maps: ParameterMaps,
    model: ModuleType,
    voxel: tuple[int, int, int],
    b1: float,
) -> SampleCurve:
    encoding = series.header.encoding
    x = np.asarray(encoding.values, dtype=np.float64)
    y = series.signal[voxel].astype(np.float64)
    order = np.argsort(x, kind="stable")
    tr_ms = encoding.tr_ms if encoding.tr_ms is not None else series.header.acquisition.tr_ms
    low = float(x.min()) if encoding.name in ("flip_angle", "inversion_time") else 0.0
    fine = np.linspace(min(low, float(x.min())), float(x.max()), _CURVE_POINTS)
    factor = b1 if encoding.name == "flip_angle" else 1.0
    if isinstance(tr_ms, tuple):
        tr_ms = np.interp(fine, x[order], np.asarray(tr_ms)[order])
    values = [float(maps.estimate(p.name)[voxel]) for p in maps.parameters]
    curve = np.asarray(model.predict(values, fine * factor, tr_ms), dtype=np.float64)
    used = _used(series, maps, voxel)
    return SampleCurve(
        voxel=voxel,
        estimate=values[0],
        standard_error=float(maps.standard_error(maps.parameters[0].name)[voxel]),
        x=tuple(float(v) for v in x[order]),
        y=tuple(float(v) for v in y[order]),
        used=tuple(bool(v) for v in used[order]),
        curve_x=tuple(float(v) for v in fine),
        curve_y=tuple(float(v) for v in curve),
    )


def _used(series: Series, maps: ParameterMaps, voxel: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return which points the fit of a voxel rests on.

    The maps say how many, not which: left out are first what is not finite and what is clipped,
    then, as far as more are missing, the smallest signals, which are those at the noise floor.
    """
    signal = series.signal[voxel].astype(np.float64)
    used = np.isfinite(signal)
    if series.stored_range is not None:
        used &= signal < series.stored_range[1]
    surplus = int(used.sum()) - int(maps.n_used[voxel])
    if surplus > 0:
        smallest = np.argsort(np.where(used, np.abs(signal), np.inf), kind="stable")
        used[smallest[:surplus]] = False
    elif surplus < 0:  # the fit kept points that look clipped: it knows better
        used = np.isfinite(signal)
    return used
