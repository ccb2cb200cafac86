"""What to show of a fit: numbers, slices, and voxels with their curves."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from qiqa.core.fit_evidence import FitEvidence, ParameterSummary, SampleCurve
from qiqa.core.maps import FitStatus, Parameter, ParameterMaps
from qiqa.core.series import Encoding, Series
from qiqa.core.signal_model import Points

__all__ = ["show_fit", "told"]

_LABELS = {
    "echo_time": "echo time",
    "inversion_time": "inversion time",
    "repetition_time": "repetition time",
    "b_value": "b-value",
    "flip_angle": "flip angle",
}
_SAMPLES = 6
"""Voxels that are shown with their curves."""
_ENDS = (2.0, 98.0)
"""Percentiles of the first parameter that the lowest and the highest of them lie at."""
_ENOUGH = 100
"""With so many answers in the slice drawn, the voxels are taken from it."""
_CURVE_POINTS = 160
_TOLD = 0.5
"""Standard error over estimate from which on a value is little more than noise."""


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
    brightest = _brightest(series)
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
        image_label=f"{_axis(encoding)} {encoding.values[brightest]:g}{_spaced(unit)}",
        x_label=f"{_axis(encoding)} [{unit}]" if unit else _axis(encoding),
        curves=_curves(series, maps, model, b1),
        seconds=seconds,
    )


def _brightest(series: Series) -> int:
    """Return the volume with the largest mean signal."""
    means = []
    for n in range(series.signal.shape[3]):
        volume = series.signal[..., n]
        finite = np.isfinite(volume)
        means.append(float(np.mean(volume, where=finite)) if finite.any() else -np.inf)
    return int(np.argmax(means))


def _texts(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _axis(encoding: Encoding) -> str:
    return _LABELS.get(encoding.name, "volume")


def _spaced(unit: str) -> str:
    return unit if unit in ("", "°") else f" {unit}"


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


def told(maps: ParameterMaps) -> NDArray[np.bool_]:
    """Return voxels (i, j, k) whose first parameter is more than noise.

    Those with an answer whose standard error is below half of it; all with an answer where none
    is so, or no standard error is known.
    """
    answered = _answered(maps)
    name = maps.parameters[0].name
    sure: NDArray[np.bool_] = answered & (
        maps.standard_error(name) < _TOLD * np.abs(maps.estimate(name))
    )
    return sure if sure.any() else answered


def _slices(maps: ParameterMaps) -> tuple[int, ...]:
    """Return up to three slices spread over those that hold most answers, rising."""
    counts = told(maps).sum(axis=(0, 1))
    if not counts.any():
        return (maps.status.shape[2] // 2,)
    full = np.flatnonzero(counts >= 0.5 * counts.max())
    places = (1 / 6, 1 / 2, 5 / 6) if full.size >= 3 else (1 / 2,)
    return tuple(int(full[int(place * full.size)]) for place in places)


def _curves(
    series: Series, maps: ParameterMaps, model: ModuleType, b1: NDArray[np.float64] | None
) -> tuple[SampleCurve, ...]:
    if not hasattr(model, "predict") or maps.model == "diffusion_tensor":
        return ()  # a tensor has a curve for every direction
    return tuple(
        _curve(series, maps, model, voxel, 1.0 if b1 is None else float(b1[voxel]))
        for voxel in _voxels(maps)
    )


def _voxels(maps: ParameterMaps) -> list[tuple[int, int, int]]:
    """Return voxels of different estimates, each typical of its like, from low to high.

    The estimates aimed at are spread evenly in their logarithm: by share of voxels, all would lie
    in whatever fills the phantom. Of the voxels around each the one with the middle residual is
    taken, so that neither the best nor the worst fit is shown.
    """
    answered = told(maps)
    drawn = _slices(maps)
    middle = drawn[len(drawn) // 2]
    if answered[:, :, middle].sum() >= _ENOUGH:
        answered[:, :, :middle] = answered[:, :, middle + 1 :] = False
    places = np.argwhere(answered)
    if not len(places):
        return []
    at = tuple(places.T)
    estimates = maps.estimate(maps.parameters[0].name)[at].astype(np.float64)
    residual = maps.residual_sd
    residuals = np.zeros(len(places)) if residual is None else np.nan_to_num(residual[at])
    low, high = np.percentile(estimates, _ENDS)
    spaced = np.geomspace if low > 0 else np.linspace
    order = np.argsort(estimates, kind="stable")
    around = min(10, len(places) // 20)
    chosen: dict[tuple[int, int, int], None] = {}
    for target in spaced(low, high, _SAMPLES):
        place = int(np.searchsorted(estimates[order], target))
        near = order[max(place - around, 0) : place + around + 1]
        near = near if near.size else order[-1:]
        best = near[np.argsort(residuals[near], kind="stable")[near.size // 2]]
        i, j, k = (int(x) for x in places[best])
        chosen[i, j, k] = None
    return list(chosen)


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
    low = float(x.min()) if encoding.name in ("flip_angle", "inversion_time") else 0.0
    fine = np.linspace(min(low, float(x.min())), float(x.max()), _CURVE_POINTS)
    if getattr(model, "POINTS_ONLY", False):
        fine = x[order]
    tr_ms = encoding.tr_ms or (series.header.acquisition.tr_ms or np.nan,) * x.size
    points = Points(
        values=fine * (b1 if encoding.name == "flip_angle" else 1.0),
        tr_ms=np.interp(fine, x[order], np.asarray(tr_ms, dtype=np.float64)[order]),
    )
    values = np.array([float(maps.estimate(p.name)[voxel]) for p in maps.parameters])
    curve = np.asarray(model.predict(values, points), dtype=np.float64)
    used = _used(series, maps, voxel)
    return SampleCurve(
        voxel=voxel,
        estimate=float(values[0]),
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
    used: NDArray[np.bool_] = np.isfinite(signal)
    if series.stored_range is not None:
        used &= signal < series.stored_range[1]
    surplus = int(used.sum()) - int(maps.n_used[voxel])
    if surplus > 0:
        smallest = np.argsort(np.where(used, np.abs(signal), np.inf), kind="stable")
        used[smallest[:surplus]] = False
    elif surplus < 0:  # the fit kept points that look clipped: it knows better
        used = np.isfinite(signal)
    return used
