"""ADC against b-value and against position: what a single number per vial hides."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from qiqa.core.errors import NotMeasurable
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.core.pose import InsertPosition
from qiqa.measure._insert_roi import insert_roi
from qiqa.measure.insert_values import insert_means
from qiqa.measure.insert_view import InsertView
from qiqa.measure.outcome import Outcome, finish, not_measured

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "inserts"
ALGORITHM = "adc_dependence/1"
NAMES = (
    ("adc_b_dependence", "adc_b_dependence", "%", None),
    ("adc_position_dependence", "adc_position_dependence", "%", None),
)
_FLOOR = 4.5
"""Signal over noise SD from which a magnitude counts as signal."""
_RADIUS_MM = 60.0
"""Distance from the isocenter at which the position dependence is stated: the outer ring."""
_APART_MM = 15.0
_CONFOUNDED = (
    "position, local temperature and direction cannot be told apart with one ring of each content"
)
_UNWEIGHTED = 50.0
"""Largest b-value that counts as none [s/mm²]."""


def measure(view: InsertView, siblings: tuple[InsertView, ...]) -> Outcome:  # noqa: ARG001
    """Measure how ADC depends on the b-value [%] and on the distance from the isocenter [%]."""
    if view.quantity != "adc" or view.pose.labels == "unresolved":
        return Outcome()
    found = [_over_b(view, insert) for insert in view.pose.inserts]
    for name in dict.fromkeys(item.group for item in view.pose.inserts):
        found += _over_position(view, name)
    return Outcome(measurements=tuple(found))


def _over_b(view: InsertView, insert: InsertPosition) -> Measurement:
    """Return the range of two-point ADC over the b-values that stand out of the noise [%]."""
    name = f"adc_b_dependence_{insert.label}"
    try:
        value, budget = _range_over_b(view, insert)
        plain = finish(view, name, "adc_b_dependence", "%", value, budget, algorithm=ALGORITHM)
    except NotMeasurable as reason:
        plain = not_measured(view, name, "adc_b_dependence", "%", reason.message)
    return dataclasses.replace(plain, insert=insert.label, reference=None)


def _range_over_b(view: InsertView, insert: InsertPosition) -> tuple[float, tuple[BudgetLine, ...]]:
    assert view.maps is not None  # noqa: S101 - its quantity says so
    roi = insert_roi(view, insert)
    b = np.asarray(view.series.header.encoding.values)
    signal = view.series.signal[roi.index].astype(np.float64)
    mean = signal.mean(axis=0)
    error = signal.std(axis=0, ddof=1) / math.sqrt(roi.n_voxels)
    low = b <= _UNWEIGHTED
    if not low.any():
        raise NotMeasurable("there is no image without diffusion weighting")
    s0, u0 = float(mean[low].mean()), float(error[low].mean())
    floor = _FLOOR * (view.maps.noise_sd or 0.0)
    used = ~low & (mean > floor) & (mean > 0)
    values = np.unique(b[used])
    if values.size < 2:
        raise NotMeasurable(
            f"{values.size} b-values above {_UNWEIGHTED:g} stand out of the noise, 2 are needed"
        )
    adc, u = [], []
    for one in values:
        at = used & (b == one)
        adc.append(math.log(s0 / float(mean[at].mean())) / one)
        u.append(math.hypot(u0 / s0, float((error[at] / mean[at]).mean())) / one)
    center = float(np.mean(adc))
    if not center > 0:
        raise NotMeasurable("the signal does not fall with b")
    high, least = int(np.argmax(adc)), int(np.argmin(adc))
    limit = math.log(s0 / floor) / center if floor > 0 and s0 > floor else math.inf
    reach = "" if math.isinf(limit) else f"; the noise floor is reached at b = {limit:.0f} s/mm²"
    each = ", ".join(f"{1e6 * a:.0f} at {v:.0f}" for v, a in zip(values, adc, strict=True))
    return 100 * (adc[high] - adc[least]) / center, (
        BudgetLine(
            name="noise of two means",
            standard_uncertainty=100 * math.hypot(u[high], u[least]) / center,
            degrees_of_freedom=float(roi.n_voxels - 1),
            evaluation="A",
            note=f"two-point ADC in µm²/s: {each}{reach}",
        ),
    )


def _over_position(view: InsertView, name: str) -> list[Measurement]:
    """Return how much ADC departs at 60 mm, from inserts of one content at several distances.

    ADC = a (1 + c (r / 60 mm)²): gradients are weaker or stronger away from the isocenter, and b
    goes with their square. Composition is held fixed; temperature that differs over the phantom,
    and direction, are not: with one ring of each content they cannot be told from position.
    """
    group = view.phantom.find_group(name)
    content = dict(zip(group.labels, group.contents, strict=True))
    means = insert_means(view)
    found = []
    for value in sorted(set(group.contents)):
        inserts = [
            i for i in view.pose.inserts if content.get(i.label) == value and i.label in means
        ]
        r = np.array([_distance_mm(view, insert) for insert in inserts])
        if r.size < 3 or np.ptp(r) < _APART_MM:
            continue
        adc = np.array([means[insert.label][0] for insert in inserts])
        design = np.column_stack([np.ones(r.size), (r / _RADIUS_MM) ** 2])
        (a, slope), *_ = np.linalg.lstsq(design, adc, rcond=None)
        rest = adc - design @ np.array([a, slope])
        dof = r.size - 2
        covariance = np.linalg.inv(design.T @ design) * float(rest @ rest) / dof
        shown = ", ".join(f"{i.label} {x:.0f} mm" for i, x in zip(inserts, r, strict=True))
        plain = finish(
            view, f"adc_position_dependence_{name}", "adc_position_dependence", "%",
            100 * float(slope / a),
            (
                BudgetLine(
                    name="scatter about the parabola",
                    standard_uncertainty=100 * math.sqrt(covariance[1, 1]) / abs(float(a)),
                    degrees_of_freedom=float(dof),
                    evaluation="A",
                    note=f"{shown}; {1e6 * float(a):.0f} µm²/s at the isocenter",
                ),
            ),
            algorithm=ALGORITHM,
            assumptions=(_CONFOUNDED,),
        )  # fmt: skip
        found.append(dataclasses.replace(plain, reference=None))
    return found


def _distance_mm(view: InsertView, insert: InsertPosition) -> float:
    """Return the distance from the isocenter, the origin of the scanner's coordinates."""
    world = view.series.header.affine @ np.array([*insert.center_voxel, 1.0])
    return float(np.linalg.norm(world[:3]))
