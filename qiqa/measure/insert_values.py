"""T1, T2 or ADC of every insert: mean of the map over voxels clear of the wall, with a budget."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import NotMeasurable
from qiqa.core.maps import FitStatus
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.core.pose import InsertPosition
from qiqa.measure._anchored import reference_of
from qiqa.measure._certified import CertifiedInsert
from qiqa.measure._insert_pictures import pictures
from qiqa.measure._insert_roi import InsertRoi, insert_roi, placement_uncertainty_mm
from qiqa.measure.insert_fit import InsertFit
from qiqa.measure.insert_view import InsertView
from qiqa.measure.outcome import Outcome, finish, not_measured

__all__ = [
    "ALGORITHM", "KIND", "NAMES", "insert_disks", "insert_means", "insert_voxels", "measure",
    "measured_t1", "too_short",
]  # fmt: skip

KIND = "inserts"
ALGORITHM = "insert_values/1"
NAMES = (
    ("t1", "t1", "ms", None),
    ("t2", "t2", "ms", None),
    ("adc", "adc", "mm²/s", None),
)
_MOST_LOST = 0.5
"""Share of voxels without an answer from which there is no value."""
_LEAST_SPACINGS = 2.0
"""T2 in echo spacings from which it is judged."""
_CAN_BE = {
    # an inversion time counted from another moment than the middle of the pulse by 5 ms makes the
    # efficiency 1.5 at T1 22 ms (seen), and changes no T1
    "inversion_efficiency": (
        (0.3, 3.0),
        "impossible inversion efficiency (the first inversion time is too long for this T1)",
    ),
    "b1": ((0.6, 1.3), "impossible refocusing angle (are the first echoes clipped?)"),
}
"""What other parameters of a model can be, and what is wrong where they are not."""
_MOVES = ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))


def measure(view: InsertView, siblings: tuple[InsertView, ...]) -> Outcome:
    """Measure the mapped quantity in every insert that was labeled [ms or mm²/s]."""
    assert view.maps is not None  # noqa: S101 - its kind says so
    if view.pose.labels == "unresolved":
        parameter = view.maps.parameters[0]
        reason = f"which insert is which is unresolved: {view.pose.symmetry}"
        name = parameter.name
        return Outcome(measurements=(not_measured(view, name, name, parameter.unit, reason),))
    t1 = measured_t1(siblings)
    measured, rois = [], []
    for insert in view.pose.inserts:
        try:
            value, roi = _one(view, insert, t1)
            rois.append((insert, roi))
        except NotMeasurable as reason:
            value = _empty(view, insert, t1, reason.message)
        measured.append(value)
    return Outcome(measurements=tuple(measured), evidence=pictures(view, rois, measured))


def insert_means(view: InsertView) -> dict[str, tuple[float, float]]:
    """Return mean and standard error of the map in every insert that has a value, by label."""
    assert view.maps is not None  # noqa: S101
    found = {}
    for insert in view.pose.inserts:
        fit = view.fits.get(insert.center_voxel)
        if fit is not None:
            if math.isfinite(fit.value):
                u = math.hypot(*(line.standard_uncertainty for line in _of_fit(view, fit)))
                found[insert.label] = (fit.value, u)
            continue
        try:
            roi = insert_roi(view, insert)
        except NotMeasurable:
            continue
        values, errors, _ = _inside(view, roi)
        if values.size >= max((1 - _MOST_LOST) * roi.n_voxels, 3):
            lines = _statistics(view, values, errors, view.maps.n_points)
            u = math.hypot(*(line.standard_uncertainty for line in lines))
            found[insert.label] = (float(values.mean()), u)
    return found


def measured_t1(views: tuple[InsertView, ...]) -> dict[str, tuple[float, float]]:
    """Return T1 and its standard uncertainty [ms] by label, as measured in the views."""
    found: dict[str, tuple[float, float]] = {}
    for view in views:
        if view.maps is not None and view.quantity == "t1" and view.pose.labels != "unresolved":
            # of several ways to T1, inversion recovery comes first
            found = (
                {**found, **insert_means(view)} if view.fits else {**insert_means(view), **found}
            )
    return found


def insert_voxels(view: InsertView) -> dict[str, tuple[NDArray[np.intp], ...]]:
    """Return the voxels (i, j, k) that each insert is read in, by label."""
    found: dict[str, tuple[NDArray[np.intp], ...]] = {}
    for insert in view.pose.inserts:
        try:
            found[insert.label] = insert_roi(view, insert).index
        except NotMeasurable:
            continue
    return found


def _empty(
    view: InsertView, insert: InsertPosition, t1: dict[str, tuple[float, float]], reason: str
) -> Measurement:
    assert view.maps is not None  # noqa: S101
    parameter = view.maps.parameters[0]
    name = f"{parameter.name}_{insert.label}"
    plain = not_measured(view, name, parameter.name, parameter.unit, reason)
    reference = reference_of(view, insert, t1).value
    return dataclasses.replace(plain, insert=insert.label, reference=reference)


def _one(
    view: InsertView, insert: InsertPosition, t1: dict[str, tuple[float, float]]
) -> tuple[Measurement, InsertRoi]:
    assert view.maps is not None  # noqa: S101
    parameter = view.maps.parameters[0]
    fit = view.fits.get(insert.center_voxel)
    misfit = next((f.message for f in view.maps.findings if f.code == "misfit"), None)
    if fit is None and misfit is not None:
        raise NotMeasurable(misfit)
    roi = insert_roi(view, insert)
    value, budget, said = _of_map(view, insert, roi) if fit is None else _of_mean(view, insert, fit)
    reference = reference_of(view, insert, t1)
    known = value if reference.value is None else min(value, reference.value.value)
    reference = too_short(view, known) or reference
    if view.pose.labels == "by_values":
        said.append("labels were chosen by the values: no independent evidence for them")
    if reference.said:
        said.append(reference.said)
    if reference.doubt:
        said.append(reference.doubt)
    plain = finish(
        view, f"{parameter.name}_{insert.label}", parameter.name, parameter.unit, value, budget,
        algorithm=f"{ALGORITHM}, {view.maps.model}, {view.maps.algorithm}",
        assumptions=tuple(said),
    )  # fmt: skip
    return (
        dataclasses.replace(
            plain,
            insert=insert.label,
            reference=reference.value,
            reference_budget=reference.budget,
        ),
        roi,
    )


def insert_disks(view: InsertView, insert: InsertPosition) -> tuple[InsertRoi, ...]:
    """Return the disk of an insert, and where it may be as well: moved by its uncertainty.

    Raises
    ------
    NotMeasurable
        If too few voxels are clear of the wall.
    """
    step = placement_uncertainty_mm(view.group(insert), insert)
    return tuple(insert_roi(view, insert, (x * step, y * step)) for x, y in _MOVES)


def _of_map(
    view: InsertView, insert: InsertPosition, roi: InsertRoi
) -> tuple[float, tuple[BudgetLine, ...], list[str]]:
    """Return the mean of the map, its budget, and what is to be said."""
    assert view.maps is not None  # noqa: S101
    values, errors, lost = _inside(view, roi)
    if values.size < max((1 - _MOST_LOST) * roi.n_voxels, 3):
        lost_voxels = f"{roi.n_voxels - values.size} of {roi.n_voxels} voxels"
        raise NotMeasurable(f"{_why(view, roi)} in {lost_voxels}")
    value = float(values.mean())
    points = int(np.median(view.maps.n_used[roi.index]))
    elsewhere = [_inside(view, disk)[0] for disk in insert_disks(view, insert)[1:]]
    moved = tuple(float(found.mean()) for found in elsewhere if found.size)
    budget = (
        *_statistics(view, values, errors, points),
        _placement(view, insert, value, moved),
    )
    return value, budget, [f"{lost} voxels without an answer left out"] if lost else []


def _of_mean(
    view: InsertView, insert: InsertPosition, fit: InsertFit
) -> tuple[float, tuple[BudgetLine, ...], list[str]]:
    """Return the value of the mean signal, its budget, and what is to be said."""
    if not math.isfinite(fit.value):
        raise NotMeasurable(fit.reason or "no answer")
    budget = (
        *_of_fit(view, fit),
        _placement(view, insert, fit.value, fit.moved),
        *_late(fit),
    )
    return fit.value, budget, []


def _of_fit(view: InsertView, fit: InsertFit) -> tuple[BudgetLine, ...]:
    """Return what noise, misfit and unknown signs do to a value of the mean signal."""
    assert view.maps is not None  # noqa: S101
    points = f"{fit.n_used} of {view.maps.n_points} points"
    excess = math.sqrt(max(fit.misfit_sd**2 - fit.noise_sd**2, 0.0))
    return (
        BudgetLine(
            name="fit",
            standard_uncertainty=fit.per_noise * fit.noise_sd,
            note=f"noise in the mean signal of the voxels; {points}",
        ),
        BudgetLine(
            name="misfit",
            standard_uncertainty=fit.per_noise * excess,
            degrees_of_freedom=float(fit.freedom),
            evaluation="A",
            note=f"residuals of the mean signal beyond noise; {points}",
        ),
        BudgetLine(
            name="voxel spread",
            standard_uncertainty=fit.voxel_spread,
            evaluation="A",
            note="spread of the voxels beyond their standard errors",
        ),
        *_of_model(fit),
    )


def _of_model(fit: InsertFit) -> tuple[BudgetLine, ...]:
    """Return what the signal model had to guess."""
    lines = []
    if fit.other_signs is not None:
        lines.append(
            BudgetLine(
                name="sign near zero crossing",
                standard_uncertainty=fit.other_signs,
                note="which points are negative: patterns that fit nearly as well",
            )
        )
    if fit.pulses is not None:
        lines.append(
            BudgetLine(
                name="slice profile",
                standard_uncertainty=fit.pulses,
                note="the pulses are not in the header: they are fitted with T2",
            )
        )
    if fit.depth is not None:
        lines.append(
            BudgetLine(
                name="depth in the slice",
                standard_uncertainty=fit.depth,
                note="a sphere off the middle of the slice cuts its profile",
            )
        )
    if fit.t1 is not None:
        lines.append(
            BudgetLine(
                name="T1 in the train",
                standard_uncertainty=fit.t1,
                note="stimulated echoes decay with T1: measured, certified or assumed",
            )
        )
    return tuple(lines)


def _inside(
    view: InsertView, roi: InsertRoi
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return values and standard errors of the voxels with an answer, and how many have none."""
    assert view.maps is not None  # noqa: S101
    name = view.maps.parameters[0].name
    values = view.maps.estimate(name)[roi.index].astype(np.float64)
    errors = view.maps.standard_error(name)[roi.index].astype(np.float64)
    good = np.isfinite(values) & _possible(view, roi)
    return values[good], errors[good], int((~good).sum())


def _possible(view: InsertView, roi: InsertRoi) -> NDArray[np.bool_]:
    """Say in which voxels the other parameters are such as can exist.

    Where T1 is short of the first inversion time, least squares may take the first point for one
    before the zero crossing: T1 then comes out at half of its value, and the efficiency of the
    inversion at 5 to 1000. Where the first echoes of a train are clipped, T2 may come out short
    with a refocusing angle that no coil makes.
    """
    assert view.maps is not None  # noqa: S101
    found = np.ones(roi.n_voxels, dtype=bool)
    for parameter in view.maps.parameters[1:]:
        if parameter.name in _CAN_BE:
            (low, high), _ = _CAN_BE[parameter.name]
            value = view.maps.estimate(parameter.name)[roi.index]
            found &= (value >= low) & (value <= high)
    return found


def _why(view: InsertView, roi: InsertRoi) -> str:
    """Return the commonest reason for having no answer."""
    assert view.maps is not None  # noqa: S101
    states = view.maps.status[roi.index]
    answered = np.array([FitStatus(int(s)).has_answer for s in states])
    impossible = int((answered & ~_possible(view, roi)).sum())
    if impossible > int((~answered).sum()):
        names = [p.name for p in view.maps.parameters[1:] if p.name in _CAN_BE]
        return "; ".join(_CAN_BE[name][1] for name in names)
    without = [int(s) for s in states if not FitStatus(int(s)).has_answer]
    return FitStatus(max(set(without), key=without.count)).words if without else "no answer"


def _statistics(
    view: InsertView, values: NDArray[np.float64], errors: NDArray[np.float64], points: int
) -> tuple[BudgetLine, ...]:
    """Return what noise does to the mean, and what spread of the voxels it does not explain."""
    assert view.maps is not None  # noqa: S101
    n = values.size
    effective = max(n * view.acquired_share, 1.0)
    noise = float(np.sqrt(np.nanmean(errors**2))) if np.isfinite(errors).any() else math.nan
    spread = float(values.std(ddof=1))
    if not math.isfinite(noise):
        noise, rest = spread, 0.0
    else:
        rest = math.sqrt(max(spread**2 - noise**2, 0.0))
    freedom = max(points - len(view.maps.parameters), 1) * effective
    return (
        BudgetLine(
            name="fit",
            standard_uncertainty=noise / math.sqrt(effective),
            degrees_of_freedom=freedom,
            evaluation="A",
            note=f"standard errors of {n} voxels, {effective:.0f} of them independent, of fits to "
            f"{points} of {view.maps.n_points} points",
        ),
        BudgetLine(
            name="voxel spread",
            standard_uncertainty=rest / math.sqrt(effective),
            degrees_of_freedom=max(effective - 1, 1.0),
            evaluation="A",
            note="spread of the voxels beyond their standard errors",
        ),
    )


def too_short(view: InsertView, value: float) -> CertifiedInsert | None:
    """Return that a T2 is not to be judged where one or two echoes are all that tells it."""
    if view.quantity != "t2":
        return None
    echoes = view.series.header.encoding.values
    spacing = min(b - a for a, b in itertools.pairwise(sorted(echoes))) if len(echoes) > 1 else 0.0
    if value >= _LEAST_SPACINGS * spacing:
        return None
    return CertifiedInsert(
        doubt=f"no reference value is used: T2 below twice the echo spacing of {spacing:g} ms "
        "rests on one or two echoes"
    )


def _late(fit: InsertFit) -> tuple[BudgetLine, ...]:
    """Return what the choice of points does to the value."""
    if not math.isfinite(fit.all_points) or fit.all_points == fit.value:
        return ()
    return (
        BudgetLine(
            name="late recovery",
            standard_uncertainty=abs(fit.all_points - fit.value) / math.sqrt(12.0),
            note=f"all points read {fit.all_points:.4g}; anywhere within half of the difference",
        ),
    )


def _placement(
    view: InsertView, insert: InsertPosition, value: float, moved: tuple[float, ...]
) -> BudgetLine:
    """Return how much the value changes when the disk is moved by its uncertainty."""
    step = placement_uncertainty_mm(view.group(insert), insert)
    u = math.sqrt(float(np.mean(np.square(np.array(moved) - value)))) if moved else 0.0
    return BudgetLine(
        name="ROI placement",
        standard_uncertainty=u,
        degrees_of_freedom=8.0,
        note=f"disk moved by {step:.1f} mm",
    )
