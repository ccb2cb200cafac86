"""Labels that geometry left open are settled by values; labels that values contradict are told."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding, Severity
from qiqa.core.pose import PhantomPose
from qiqa.geometry.rigid import placed_alike
from qiqa.locate import choose_by_values, disorder
from qiqa.measure import InsertView, insert_means

__all__ = ["labeled"]

_SAME_PLACE_MM = 20.0
_SAME_TURN_DEG = 10.0


def labeled(views: Sequence[InsertView]) -> tuple[list[InsertView], list[Finding]]:
    """Return views whose labels are settled as far as they can be, and what is to be known."""
    settled = [view for view in views if view.pose.labels == "independent"]
    found = [_by_own_values(_by_others(view, settled)) for view in views]
    for kind in ("independent", "by_values"):
        known = [view for view in found if view.pose.labels == kind]
        found = [_by_others(view, known) for view in found]
    notes = [note for view in found for note in _contradictions(view)]
    for view in found:
        if view.pose.labels == "unresolved":
            notes.append(_open(view))
    return found, notes


def _by_own_values(view: InsertView) -> InsertView:
    """Choose among poses that fit alike the one in whose order the values run."""
    pose = view.pose
    if pose.labels != "unresolved" or view.maps is None:
        return view
    values = []
    for one in pose.alternatives:
        means = insert_means(dataclasses.replace(view.for_order, pose=one))
        values.append({label: mean for label, (mean, _) in means.items()})
    chosen, why = choose_by_values(pose.alternatives, view.phantom, view.quantity, tuple(values))
    if chosen is None:
        kept = dataclasses.replace(pose, evidence=(*pose.evidence, f"values do not tell: {why}"))
        return dataclasses.replace(view, pose=kept)
    return dataclasses.replace(view, pose=_chosen(pose.alternatives[chosen], why))


def _chosen(pose: PhantomPose, why: str) -> PhantomPose:
    return dataclasses.replace(
        pose, labels="by_values", evidence=(*pose.evidence, f"chosen by the values: {why}")
    )


def _by_others(view: InsertView, known: list[InsertView]) -> InsertView:
    """Choose the pose that agrees with a series of the same exam that is settled."""
    pose, header = view.pose, view.series.header
    if pose.labels != "unresolved":
        return view
    for other in known:
        frame = other.series.header.frame_of_reference_uid
        if frame is None or frame != header.frame_of_reference_uid:
            continue
        fitting = [
            one
            for one in pose.alternatives
            if placed_alike(
                _world(one, header.affine),
                _world(other.pose, other.series.header.affine),
                _SAME_TURN_DEG,
                _SAME_PLACE_MM,
            )
        ]
        if len(fitting) == 1:
            name = other.series.header.description or other.role
            if other.pose.labels == "independent":
                words = f"agrees with {name}"
                chosen = dataclasses.replace(
                    fitting[0], labels="independent", evidence=(*fitting[0].evidence, words)
                )
            else:
                chosen = _chosen(fitting[0], f"agrees with {name}, which its values settled")
            return dataclasses.replace(view, pose=chosen)
    return view


def _world(pose: PhantomPose, affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(affine @ pose.phantom_to_voxel)


def _contradictions(view: InsertView) -> list[Finding]:
    """Say which inserts have values out of the order of their contents."""
    if view.maps is None or view.pose.labels == "unresolved":
        return []
    means = insert_means(view.for_order)
    values = {label: mean for label, (mean, _) in means.items()}
    errors = {label: u for label, (_, u) in means.items()}
    notes = []
    for name in dict.fromkeys(item.group for item in view.pose.inserts):
        group = view.phantom.find_group(name)
        found = disorder(group, view.quantity, values, errors)
        if found is None:
            continue
        pairs = " and ".join(f"{a} and {b}" for a, b in found.exchanged)
        shown = ", ".join(f"{label} {values[label]:.4g}" for label in found.labels)
        unit = view.maps.parameters[0].unit
        what = f"{pairs} look exchanged" if pairs else "values contradict the labels"
        notes.append(
            Finding(
                code="inserts_exchanged" if pairs else "values_out_of_order",
                severity=Severity.WARNING,
                message=f"{what}: {view.quantity} of {group.title} should run in the order of "
                f"their contents, but reads {shown} {unit}",
                where=view.series.header.description,
                hint="look into the phantom; the labels stay those of the geometry and are not "
                "corrected",
                series_uid=view.series.header.series_uid,
            )
        )
    return notes


def _open(view: InsertView) -> Finding:
    return Finding(
        code="labels_unresolved",
        severity=Severity.WARNING,
        message=f"which insert is which is unresolved: {view.pose.symmetry}",
        where=view.series.header.description,
        hint="add another series of the same exam that shows more of the phantom",
        series_uid=view.series.header.series_uid,
    )
