"""T1 of an insert by one fit to the mean signal of its voxels, its sign pattern decided by all.

Magnitudes of an inversion recovery have lost their sign, and every voxel must guess how many of its
points are negative. Near the zero crossing single voxels guess differently, and the mean of their
T1 is of none of them. The voxels of an insert hold one liquid: its mean signal is
c0 + c1 exp(-TI / T1) however the coil and the inversion pulse vary over it, with the noise of one
voxel divided by the root of their number. All sign patterns are fitted to it; those that fit nearly
as well as the best count as doubt.

Late points add systematic error, not knowledge: on a public 3 T scan the signal of spheres with T1
below 60 ms rises by 3 to 4 % from 250 to 3000 ms, and makes T1 7 to 18 % too long. A protocol may
therefore state a window in multiples of the value.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import NotMeasurable
from qiqa.core.pose import InsertPosition
from qiqa.measure import InsertFit, InsertView, insert_disks, spread_beyond_noise
from qiqa.metrology.noise import signal_from_power

__all__ = ["POOLED", "PROFILED", "pooled"]

POOLED = ("t1_inversion_recovery", "t1_inversion_recovery_signed", "t1_inversion_recovery_tr")
"""Models whose value is that of the mean signal."""
PROFILED = "t2_epg"
"""Model of an echo train, which is fitted to the mean signals of all inserts together."""
_PLAIN, _SIGNED = POOLED[:2]
_PARAMETERS = 3
_LEAST = 4
"""Points that are kept whatever the value: one more than a model has parameters."""
_ROUNDS = 4
_TINY = 1e-9
"""Residual [signal] below which a fit is exact in float32."""
_EFFICIENCY = (0.3, 3.0)
"""Inversion times counted from elsewhere by 5 ms make it 1.5 at T1 22 ms (seen)."""
_CLIPPED = 0.02
"""Share of clipped voxels from which a point is left out."""
_VAGUE = 0.5
"""Relative standard uncertainty from which there is no value."""
_IMPROBABLE = 18.0
"""Sign patterns whose chi-square is larger by this are out of the question: exp(-9)."""

Values = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """Mean signals of the disks of one insert."""

    signal: Values
    """(n, disks), the first disk is the insert's own; NaN for points that cannot be used."""
    noise: float
    """SD of the mean signal at one point."""
    signed: bool
    voxels: Values
    """(n, voxels) signal of the insert's own disk."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Fits:
    """All sign patterns, fitted to all disks: arrays (patterns, disks)."""

    value: Values
    per_noise: Values
    rss: Values


def pooled(view: InsertView, window: float | None) -> InsertView:
    """Return the view with a fit to the mean signal of every insert.

    Parameters
    ----------
    view
        With maps by one of `POOLED`.
    window
        Largest inversion time that is used, in multiples of the value; None uses all.
    """
    assert view.maps is not None  # noqa: S101 - the caller fitted them
    fits = {}
    for pose in view.pose.alternatives or (view.pose,):
        for insert in pose.inserts:
            if insert.center_voxel not in fits:
                fits[insert.center_voxel] = _insert(view, insert, window)
    return dataclasses.replace(view, fits=fits)


def _insert(view: InsertView, insert: InsertPosition, window: float | None) -> InsertFit:
    assert view.maps is not None  # noqa: S101
    try:
        points = _points(view, insert)
    except NotMeasurable as reason:
        return InsertFit(reason=reason.message)
    times = np.asarray(view.series.header.encoding.values, dtype=np.float64)
    usable = np.asarray(np.isfinite(points.signal).all(axis=1))
    chosen = usable
    found = _fitted(view, points, chosen)
    everything = found.value
    for _ in range(_ROUNDS):
        if window is None or not math.isfinite(found.value):
            break
        wanted = usable & _early(times, usable, window * found.value)
        if (wanted == chosen).all():
            break
        chosen = wanted
        found = _fitted(view, points, chosen)
    return dataclasses.replace(found, all_points=everything)


def _early(times: Values, usable: NDArray[np.bool_], latest: float) -> NDArray[np.bool_]:
    """Return the points up to a time, enough for a fit, and one that has recovered."""
    known = np.sort(times[usable])
    n = max(int(np.sum(known <= latest)), min(_LEAST, known.size))
    if n < known.size and known[n - 1] < latest / 2:
        n += 1  # without a point beyond two T1 nothing says where the recovery ends
    return np.asarray(times <= known[n - 1]) if n else np.zeros(times.size, dtype=bool)


def _points(view: InsertView, insert: InsertPosition) -> _Points:
    """Return the mean signals, with the mean of the noise taken off where it is known."""
    assert view.maps is not None  # noqa: S101
    header = view.series.header
    noise = view.maps.noise_sd
    sd = float(noise) if noise is not None and math.isfinite(noise) else 0.0
    plain = header.component == "magnitude" and not header.derived
    limits = view.series.stored_range if view.series.quantization else None
    signed = view.maps.model == _SIGNED
    disks = insert_disks(view, insert)
    means = []
    for disk in disks:
        voxels = view.series.signal[disk.index].astype(np.float64)
        if signed:
            mean = voxels.mean(axis=0)
        elif plain and sd > 0:
            mean = np.asarray(signal_from_power((voxels**2).mean(axis=0), sd))
        else:
            mean = voxels.mean(axis=0)
        if limits is not None:
            clipped = (voxels >= limits[1]).mean(axis=0) > _CLIPPED
            mean = np.where(clipped, np.nan, mean)
        means.append(mean)
    independent = max(disks[0].n_voxels * view.acquired_share, 1.0)
    own = view.series.signal[disks[0].index].T.astype(np.float64)
    return _Points(np.array(means).T, sd / math.sqrt(independent), signed, own)


def _fitted(view: InsertView, points: _Points, chosen: NDArray[np.bool_]) -> InsertFit:
    """Return the fit of the sign pattern that leaves the least, and what the others say."""
    assert view.maps is not None  # noqa: S101
    freedom = int(chosen.sum()) - _PARAMETERS
    if freedom < 1:
        return InsertFit(
            reason=f"only {int(chosen.sum())} points are not clipped, {_LEAST} are needed"
        )
    fits = _patterns(view, points, chosen)
    if not np.isfinite(fits.rss[:, 0]).any():
        return InsertFit(
            reason="no sign pattern fits with an inversion efficiency that can be (is the first "
            "inversion time too long for this T1?)"
        )
    best = int(np.nanargmin(fits.rss[:, 0]))
    rss = fits.rss[best, 0]
    variance = max(points.noise**2, rss / freedom)
    value = float(fits.value[best, 0])
    away = np.where(np.isfinite(fits.rss[:, 0]), fits.rss[:, 0] - rss, np.inf)
    likely = np.exp(-0.5 * np.minimum(away / max(variance, 1e-300), 2 * _IMPROBABLE))
    likely[away > _IMPROBABLE * variance] = 0.0
    likely /= likely.sum()
    others = float(np.nansum(likely * np.where(likely > 0, fits.value[:, 0] - value, 0.0) ** 2))
    error = math.hypot(float(fits.per_noise[best, 0]) * math.sqrt(variance), math.sqrt(others))
    if not error < _VAGUE * value:
        return InsertFit(
            reason=f"the points do not tell T1 (standard uncertainty {100 * error / value:.0f} %)"
        )
    moved = fits.value[best, 1:]
    spread = _spread(view, points, chosen, best)
    return InsertFit(
        value=value,
        per_noise=float(fits.per_noise[best, 0]),
        noise_sd=points.noise,
        misfit_sd=math.sqrt(rss / freedom),
        freedom=freedom,
        n_used=int(chosen.sum()),
        moved=tuple(float(x) for x in moved[np.isfinite(moved)]),
        other_signs=math.sqrt(others),
        voxel_spread=spread,
    )


def _spread(view: InsertView, points: _Points, chosen: NDArray[np.bool_], negative: int) -> float:
    """Return the standard error of the mean from spread of the voxels beyond their noise."""
    signal = points.voxels[_in_order(view, chosen)].copy()
    signal[:negative] *= -1.0
    value, error, _, residual = _fit(view, signal, chosen, single=points.signed)
    independent = max(points.voxels.shape[1] * view.acquired_share, 1.0)
    noise = points.noise * math.sqrt(independent)
    return spread_beyond_noise(value, error / residual * noise, independent)


def _patterns(view: InsertView, points: _Points, chosen: NDArray[np.bool_]) -> _Fits:
    """Fit every number of negative points, in the order of the inversion times, to every disk."""
    assert view.maps is not None  # noqa: S101
    signal = points.signal[_in_order(view, chosen)]
    n, disks = signal.shape
    single = points.signed or view.maps.model != _PLAIN
    counts: Sequence[int] = (0,) if single else range(n + 1)
    trials = np.stack([np.where(np.arange(n)[:, None] < k, -signal, signal) for k in counts])
    flat = trials.transpose(1, 0, 2).reshape(n, -1)
    value, error, efficiency, residual = _fit(view, flat, chosen, single=single)
    low, high = _EFFICIENCY
    can_be = np.isfinite(value) & (efficiency >= low) & (efficiency <= high)
    rss = np.where(can_be, residual**2 * (n - _PARAMETERS), np.nan)
    shape = (len(counts), disks)
    with np.errstate(invalid="ignore", divide="ignore"):
        per_noise = (error / residual).reshape(shape)
    return _Fits(np.where(can_be, value, np.nan).reshape(shape), per_noise, rss.reshape(shape))


def _in_order(view: InsertView, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the points that are used, by inversion time."""
    times = np.asarray(view.series.header.encoding.values)
    used = np.flatnonzero(chosen)
    return np.asarray(used[np.argsort(times[used], kind="stable")])


def _fit(
    view: InsertView, signal: Values, chosen: NDArray[np.bool_], *, single: bool
) -> tuple[Values, Values, Values, Values]:
    """Return T1, its standard error, the efficiency and the residual SD of signals (n, many)."""
    from qiqa.fitting import fit_arrays  # compiled code, which other phantoms do without

    assert view.maps is not None  # noqa: S101
    encoding = view.series.header.encoding
    tr = encoding.tr_ms or view.series.header.acquisition.tr_ms
    order = _in_order(view, chosen)
    maps = fit_arrays(
        signal,
        view.maps.model if single else _SIGNED,
        [encoding.values[i] for i in order],
        tr_ms=[tr[i] for i in order] if isinstance(tr, tuple) else tr,
        noise_sd=None,
        rician=False,
    )
    assert maps.residual_sd is not None  # noqa: S101 - errors were asked for
    found = (
        maps.estimate("t1"),
        maps.standard_error("t1"),
        maps.estimate("inversion_efficiency"),
        maps.residual_sd,
    )
    value, error, efficiency, residual = (np.asarray(a, np.float64).ravel() for a in found)
    return value, error, efficiency, np.maximum(np.nan_to_num(residual), _TINY)
