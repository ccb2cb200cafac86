"""Proton density of inserts, held to the bath around each of them.

A receive coil makes the same water brighter on one side than on the other, by tens of percent over
a plate. The bath is the same water everywhere: the signal of an insert over that of the bath at the
same place does not depend on the coil. The insert with the highest content sets the scale.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import CertificateError, NotMeasurable
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.core.phantom import ReferenceValue
from qiqa.core.pose import InsertPosition
from qiqa.measure._alike import alike
from qiqa.measure._insert_roi import insert_roi
from qiqa.measure.insert_view import InsertView
from qiqa.measure.outcome import Outcome, finish, not_measured

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "images"
ALGORITHM = "proton_density/1"
NAMES = (("pd", "pd", "%", None),)
_RING_MM = (2.0, 8.0)
"""From the wall of an insert: where its bath is looked at, clear of ringing and of neighbors."""
_LEAST_VOXELS = 40
_DARK = 0.6
"""Of the median of the ring: posts, plates and air are darker."""
_LEAST_BATH = 0.2
"""Of the brightest insert: below, there is no bath around."""
_ROOM_DEGC = 20.0
_SAID = "differences of T1 and T2 between the inserts are in it: acquire with long TR and short TE"


@dataclasses.dataclass(frozen=True, slots=True)
class _Seen:
    """Signal of an insert over that of the bath at its place."""

    ratio: float
    u_insert: float
    """Relative standard uncertainties."""
    u_bath: float


_LEAK = 0.01
"""Of the bath: standard uncertainty of what rings into the mean of an insert from around."""


def measure(view: InsertView, siblings: tuple[InsertView, ...]) -> Outcome:
    """Measure proton density [%] of every insert whose group has such contents.

    Of images of one acquisition the mean is taken; told once, on the last of them.
    """
    same = alike(view, siblings)
    if view.series.header.encoding.name != "none" or not same or same[-1] is not view:
        return Outcome()
    image = np.mean([other.series.signal.astype(np.float64) for other in same], axis=0)[..., 0]
    found: list[Measurement] = []
    for name in dict.fromkeys(item.group for item in view.pose.inserts):
        if "pd" in view.phantom.find_group(name).rising:
            inserts = [item for item in view.pose.inserts if item.group == name]
            found += _group(view, inserts, image)
    return Outcome(measurements=tuple(found))


def _group(
    view: InsertView, inserts: list[InsertPosition], image: NDArray[np.float64]
) -> list[Measurement]:
    group = view.group(inserts[0])
    highest = group.labels[int(np.argmax(group.contents))]
    seen: dict[str, _Seen] = {}
    failed: dict[str, str] = {}
    for insert in inserts:
        try:
            seen[insert.label] = _seen(view, insert, inserts, image)
        except NotMeasurable as error:
            failed[insert.label] = error.message
    known = {insert.label: _certified(view, insert) for insert in inserts}
    scale = known.get(highest)
    found = []
    for insert in inserts:
        name = f"pd_{insert.label}"
        if insert.label not in seen or highest not in seen or scale is None:
            why = failed.get(insert.label) or failed.get(highest)
            why = why or f"{highest}, which sets the scale, is not certified"
            plain = not_measured(view, name, "pd", "%", why)
        else:
            plain = _one(view, name, seen[insert.label], seen[highest], scale)
        found.append(dataclasses.replace(plain, insert=insert.label, reference=known[insert.label]))
    return found


def _one(
    view: InsertView, name: str, own: _Seen, highest: _Seen, scale: ReferenceValue
) -> Measurement:
    value = scale.value * own.ratio / highest.ratio
    of_scale = scale.standard_uncertainty / scale.value
    budget = (
        BudgetLine(
            name="spread of two means",
            standard_uncertainty=value * math.hypot(own.u_insert, highest.u_insert),
            evaluation="A",
        ),
        BudgetLine(
            name="bath around",
            standard_uncertainty=value * math.hypot(own.u_bath, highest.u_bath),
            note="what is left of a plane laid through the bath, of this insert and of the one "
            "that sets the scale",
        ),
        BudgetLine(
            name="ringing of the bath",
            standard_uncertainty=_LEAK * scale.value / highest.ratio,
            note=f"{100 * _LEAK:g} % of the bath",
        ),
        BudgetLine(
            name="insert that sets the scale",
            standard_uncertainty=value * of_scale if math.isfinite(of_scale) else 0.0,
            note=f"{scale.value:g} %",
        ),
    )
    return finish(
        view, name, "pd", "%", value, budget, algorithm=ALGORITHM, assumptions=(_SAID,)
    )  # fmt: skip


def _seen(
    view: InsertView,
    insert: InsertPosition,
    inserts: Sequence[InsertPosition],
    image: NDArray[np.float64],
) -> _Seen:
    """Return the signal of an insert over that of a plane through the bath around it.

    Raises
    ------
    NotMeasurable
        If too little of the insert or of its bath is seen.
    """
    roi = insert_roi(view, insert)
    if roi.solid:
        raise NotMeasurable("only in slices through the plane of the spheres")
    own = image[roi.index]
    sizes = view.series.header.voxel_size_mm
    radius = view.group(insert).outer_diameter_mm / 2
    i, j = np.meshgrid(*(np.arange(n) for n in image.shape[:2]), indexing="ij")
    x, y = (i - roi.center[0]) * sizes[0], (j - roi.center[1]) * sizes[1]
    away = np.hypot(x, y)
    ring = (away > radius + _RING_MM[0]) & (away < radius + _RING_MM[1])
    for other in inserts:
        if other is not insert:
            at = np.hypot(
                (i - other.center_voxel[0]) * sizes[0], (j - other.center_voxel[1]) * sizes[1]
            )
            ring &= at > radius + _RING_MM[0]
    signal = image[:, :, roi.slices[0]]
    if ring.sum() >= _LEAST_VOXELS:
        ring &= signal > _DARK * float(np.median(signal[ring]))
    brightest = float(np.percentile(image, 99.5))
    if ring.sum() < _LEAST_VOXELS or np.median(signal[ring]) < _LEAST_BATH * brightest:
        raise NotMeasurable(f"no bath is seen around {insert.label}")
    design = np.column_stack((np.ones(int(ring.sum())), x[ring], y[ring]))
    plane, *_ = np.linalg.lstsq(design, signal[ring], rcond=None)
    left = signal[ring] - design @ plane
    bath = float(plane[0])
    return _Seen(
        ratio=float(own.mean()) / bath,
        u_insert=float(own.std(ddof=1)) / math.sqrt(own.size) / float(own.mean()),
        # ringing and plates are no noise: neighbors go together, about as many as span the ring
        u_bath=float(left.std(ddof=3)) / bath / math.sqrt(_PATCHES),
    )


_PATCHES = 8.0


def _certified(view: InsertView, insert: InsertPosition) -> ReferenceValue | None:
    conditions = view.conditions
    degc = _ROOM_DEGC if conditions.temperature_degc is None else conditions.temperature_degc
    try:
        found = view.phantom.certified(
            insert.group, "pd", insert.label,
            serial=conditions.serial, field_t=conditions.field_strength_t, degc=degc,
        )  # fmt: skip
    except CertificateError:
        return None
    return found.reference
