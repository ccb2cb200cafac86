"""T2 of inserts from echo trains whose pulses are not known.

The pulses of a product sequence are not in the header, and they decide how much signal goes through
stimulated echoes. All inserts saw the same ones: T2 and B1 of every insert and the pulses are
fitted together to the mean signals, certificates and labels having no say in it. What is not known
of the pulses is in the budget of every T2.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Group
from qiqa.core.errors import CertificateError, FitError, NotMeasurable
from qiqa.core.finding import Finding, Severity
from qiqa.core.pose import InsertPosition
from qiqa.fitting import fit
from qiqa.fitting.shared_pulses import (
    SharedPulses,
    Trains,
    fit_shared_pulses,
    refit_t2,
)
from qiqa.measure import (
    InsertFit,
    InsertRoi,
    InsertView,
    insert_disks,
    measured_t1,
    spread_beyond_noise,
)
from qiqa.metrology.noise import mean_signal
from qiqa.workflows.pooled import PROFILED

__all__ = ["with_slice_profile"]

_FLOOR = 3.0
"""Echoes are used down to this many SD of the voxels of the insert: noise, and what rings and
ghosts into it from the bath, whose signal lasts much longer."""
_CLIPPED = 0.02
"""Share of clipped voxels from which an echo is left out."""
_LEAST = 5
"""Echoes an insert must have."""
_MOST_MISFIT = 0.005
"""Of the amplitude: with more left over, this is no train of constant refocusing angle."""
_VAGUE = 0.5
"""Relative standard uncertainty from which there is no value."""
_ASSUMED_T1_MS = 1000.0
_ROOM_DEGC = 20.0
_U_MEASURED, _U_CERTIFIED, _U_OTHER_UNIT, _U_ASSUMED = 0.03, 0.1, 0.2, 0.7
"""Relative standard uncertainties of T1: measured in the same sphere, from its certificate
(temperature included), from that of another unit, guessed."""

Values = NDArray[np.float64]
_Disks = dict[str, tuple[InsertRoi, ...]]


def with_slice_profile(
    view: InsertView, views: Sequence[InsertView], mask: NDArray[np.bool_]
) -> tuple[InsertView, Finding]:
    """Return the view with T2 of every insert and maps by the same pulses, and what was found.

    Parameters
    ----------
    view
        With labels, and maps by a simpler model that tell the noise.
    views
        All of the exam: T1 of the same inserts is taken from there.
    mask
        (i, j, k) voxels of all inserts.
    """
    assert view.maps is not None  # noqa: S101 - the caller fitted them
    simple = dataclasses.replace(view, order_maps=view.maps)
    disks, inserts, trains, fits = _collected(view)
    if trains is None:
        return _without(simple, fits, "too few inserts have echoes that can be used")
    measured = measured_t1(tuple(views))
    t1 = [_t1(view, insert, measured) for insert in inserts]
    trains = dataclasses.replace(trains, t1_ms=np.array([value for value, _ in t1]))
    try:
        found = fit_shared_pulses(trains)
    except FitError as error:
        return _without(simple, fits, error.message)
    left = found.misfit_sd / float(np.median(found.s0))
    if left > _MOST_MISFIT:
        words = (
            "the echoes are not a train of constant refocusing angle: no pulses fit them "
            f"({100 * left:.2f} % of the amplitude are left over, {100 * _MOST_MISFIT:g} % may be)"
        )
        return _without(simple, fits, words)
    field = np.full(view.series.header.shape[:3], _ASSUMED_T1_MS)
    for insert, (value, _) in zip(inserts, t1, strict=True):
        field[disks[insert.label][0].index] = value
    maps = fit(
        view.series, PROFILED, mask=mask, noise_sd=view.maps.noise_sd, pulses=found.pulses, t1=field
    )
    view = dataclasses.replace(simple, maps=maps)
    fits |= _fits(view, disks, inserts, trains, found, [u for _, u in t1])
    return dataclasses.replace(view, fits=fits), _chosen(view, found, left)


def _collected(
    view: InsertView,
) -> tuple[
    _Disks, list[InsertPosition], Trains | None, dict[tuple[float, float, float], InsertFit]
]:
    """Return disks by label, the inserts with usable echoes, these, and why others have none."""
    disks: _Disks = {}
    inserts, signals, used, noise, fits = [], [], [], [], {}
    for insert in view.pose.inserts:
        try:
            disks[insert.label] = insert_disks(view, insert)
        except NotMeasurable as reason:
            fits[insert.center_voxel] = InsertFit(reason=reason.message)
            continue
        signal, good, sd = _echoes(view, disks[insert.label][0])
        if good.sum() < _LEAST:
            fits[insert.center_voxel] = InsertFit(
                reason=f"{int(good.sum())} of {good.size} echoes are above the noise and not "
                f"clipped, {_LEAST} are needed"
            )
            continue
        inserts.append(insert)
        signals.append(signal)
        used.append(good)
        noise.append(sd)
    if not inserts:
        return disks, [], None, fits
    sizes = np.array(view.series.header.voxel_size_mm)
    times = view.series.header.encoding.values
    own = [disks[insert.label][0] for insert in inserts]
    depth = [i.center_voxel[2] - d.slices[0] for i, d in zip(inserts, own, strict=True)]
    trains = Trains(
        signal=np.array(signals),
        used=np.array(used),
        spacing_ms=max(times) / len(times),
        t1_ms=np.full(len(inserts), _ASSUMED_T1_MS),
        noise_sd=np.array(noise),
        position_mm=np.array([insert.center_voxel for insert in inserts]) * sizes,
        radius_mm=np.array(
            [
                math.inf if disk.solid else _radius_mm(view.group(insert))
                for insert, disk in zip(inserts, own, strict=True)
            ]
        ),
        disk_mm=np.array([disk.radius_mm for disk in own]),
        offset_mm=np.array(depth) * sizes[2],
        thickness_mm=view.slice_thickness_mm,
    )
    return disks, inserts, trains, fits


def _radius_mm(group: Group) -> float:
    """Return how far the liquid reaches along the normal of the slice."""
    return math.inf if group.shape == "tube" else group.inner_diameter_mm / 2


def _echoes(view: InsertView, where: InsertRoi) -> tuple[Values, NDArray[np.bool_], float]:
    """Return the mean signal of a disk by echo time, which echoes count, and the noise in it."""
    assert view.maps is not None  # noqa: S101
    order = np.argsort(view.series.header.encoding.values, kind="stable")
    voxels = view.series.signal[where.index].astype(np.float64)[:, order]
    known = view.maps.noise_sd
    sd = float(known) if known is not None and math.isfinite(known) else 0.0
    signal = mean_signal(voxels.mean(axis=0), sd)
    low = np.flatnonzero(signal <= _FLOOR * voxels.std(axis=0, ddof=1))
    good = np.arange(signal.size) < (low[0] if low.size else signal.size)
    if view.series.stored_range is not None and view.series.quantization:
        good &= (voxels >= view.series.stored_range[1]).mean(axis=0) <= _CLIPPED
    return signal, good, sd / math.sqrt(max(where.n_voxels * view.acquired_share, 1.0))


def _t1(
    view: InsertView, insert: InsertPosition, measured: dict[str, tuple[float, float]]
) -> tuple[float, float]:
    """Return T1 of an insert [ms] and how uncertain ln T1 is."""
    if insert.label in measured:
        return measured[insert.label][0], _U_MEASURED
    conditions, rows = view.conditions, view.group(insert).labels
    own = view.phantom.certificates(
        insert.group, "t1", conditions.serial, conditions.field_strength_t
    )
    others = [
        table
        for table in view.phantom.certificate
        if table.group == insert.group and table.quantity == "t1"
    ]
    degc = _ROOM_DEGC if conditions.temperature_degc is None else conditions.temperature_degc
    for table in (*own, *others):
        if insert.label in (table.inserts or rows):
            try:
                found = table.at(insert.label, rows, degc)
            except CertificateError:
                continue
            return found.reference.value, _U_CERTIFIED if table in own else _U_OTHER_UNIT
    return _ASSUMED_T1_MS, _U_ASSUMED


def _fits(
    view: InsertView,
    disks: _Disks,
    inserts: list[InsertPosition],
    trains: Trains,
    found: SharedPulses,
    u_t1: list[float],
) -> dict[tuple[float, float, float], InsertFit]:
    moved = []
    for n in range(1, len(disks[inserts[0].label])):
        signal = np.array([_echoes(view, disks[insert.label][n])[0] for insert in inserts])
        moved.append(refit_t2(dataclasses.replace(trains, signal=signal), found))
    elsewhere = refit_t2(trains, found, found.u_offset_mm)
    fits = {}
    for n, insert in enumerate(inserts):
        value, noise = float(found.t2_ms[n]), float(trains.noise_sd[n])
        relative = math.hypot(found.u_fixed[n], found.u_pulses[n])
        if relative > _VAGUE:
            fits[insert.center_voxel] = InsertFit(
                reason=f"the echoes do not tell T2 (standard uncertainty {100 * relative:.0f} %)"
            )
            continue
        whole = math.hypot(noise, found.misfit_sd)
        fits[insert.center_voxel] = InsertFit(
            value=value,
            per_noise=float(found.u_fixed[n]) * value / whole if whole > 0 else 0.0,
            noise_sd=noise,
            misfit_sd=whole,
            freedom=found.freedom,
            n_used=int(trains.used[n].sum()),
            moved=tuple(float(t2[n]) for t2 in moved),
            voxel_spread=_spread(view, disks[insert.label][0]),
            pulses=float(found.u_pulses[n]) * value,
            depth=abs(float(elsewhere[n]) - value),
            t1=abs(float(found.per_t1[n])) * u_t1[n] * value,
        )
    return fits


def _spread(view: InsertView, disk: InsertRoi) -> float:
    assert view.maps is not None  # noqa: S101
    values = view.maps.estimate("t2")[disk.index].astype(np.float64)
    errors = view.maps.standard_error("t2")[disk.index].astype(np.float64)
    return spread_beyond_noise(values, errors, disk.n_voxels * view.acquired_share)


def _without(
    view: InsertView, fits: Mapping[tuple[float, float, float], InsertFit], words: str
) -> tuple[InsertView, Finding]:
    """Return the view without values, and why."""
    none = {insert.center_voxel: InsertFit(reason=words) for insert in view.pose.inserts}
    found = _finding(
        view, words, Severity.WARNING, "the train of flip angles and pulses would settle it"
    )
    return dataclasses.replace(view, fits={**none, **fits}), found


def _chosen(view: InsertView, found: SharedPulses, left: float) -> Finding:
    pulses = found.pulses
    words = (
        f"pulses that fit all inserts best: refocused slice {pulses.refocusing_width:.2f} times "
        f"the excited one, time-bandwidth {pulses.excitation_time_bandwidth:.1f} and "
        f"{pulses.refocusing_time_bandwidth:.1f}, B1 {found.b1.min():.2f} to {found.b1.max():.2f}; "
        f"{100 * left:.2f} % of the amplitude left over"
    )
    hint = "what is not known of them is in the budget of T2; the maker's pulses would settle it"
    return _finding(view, words, Severity.INFO, hint)


def _finding(view: InsertView, words: str, severity: Severity, hint: str) -> Finding:
    header = view.series.header
    return Finding(
        code="slice_profile",
        severity=severity,
        message=words,
        where=header.description,
        hint=hint,
        series_uid=header.series_uid,
    )
