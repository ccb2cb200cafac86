"""Whether the phantom lay still between the stacks of one exam."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding, Severity
from qiqa.core.scanner import is_placeholder
from qiqa.measure import StackView

__all__ = ["moved"]

SHIFT_MM = 5.0
"""A phantom that lies in its holder moves by less between two series; positions of slices and
of the table are repeated to better than a millimeter."""
TURN_DEG = 3.0


def moved(views: tuple[StackView, ...]) -> list[Finding]:
    """Return a finding for every pair of stacks between which the phantom moved.

    Centers and turns are compared in scanner coordinates, so stacks that differ in position,
    angulation or voxel size compare rightly. Stacks with different frames of reference are not
    compared: their coordinates have nothing to do with each other.
    """
    stacks = [view for view in views if view.pose.kind == "axial_stack"]
    found = []
    for one, other in itertools.combinations(stacks, 2):
        if not _may_share_frame(one, other):
            continue
        shift_mm, turn_deg = _difference(one, other)
        if shift_mm > SHIFT_MM or turn_deg > TURN_DEG:
            found.append(_finding(one, other, shift_mm, turn_deg))
    return found


def _may_share_frame(one: StackView, other: StackView) -> bool:
    a = one.series.header.frame_of_reference_uid
    b = other.series.header.frame_of_reference_uid
    return is_placeholder(a) or is_placeholder(b) or a == b


def _difference(one: StackView, other: StackView) -> tuple[float, float]:
    """Return how far the center [mm] and the axes [degree] of the phantom are apart."""
    a, b = _phantom_to_world(one), _phantom_to_world(other)
    stack = one.phantom.stack
    middle_z_mm = (stack.z_mm(1) + stack.z_mm(stack.n_slices)) / 2
    center = np.array([0.0, 0.0, middle_z_mm, 1.0])
    shift_mm = float(np.linalg.norm((a @ center - b @ center)[:3]))
    turn = _axes(a).T @ _axes(b)
    cosine = (float(np.trace(turn)) - 1) / 2
    return shift_mm, math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))


def _phantom_to_world(view: StackView) -> NDArray[np.float64]:
    world: NDArray[np.float64] = view.series.header.affine @ view.pose.phantom_to_voxel
    return world


def _axes(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest orthonormal axes: without scale, shear and wrong gradients."""
    u, _, vh = np.linalg.svd(matrix[:3, :3])
    nearest: NDArray[np.float64] = u @ vh
    return nearest


def _finding(one: StackView, other: StackView, shift_mm: float, turn_deg: float) -> Finding:
    names = [f"{v.role} ({v.series.header.description or 'no name'})" for v in (one, other)]
    return Finding(
        code="phantom_moved",
        severity=Severity.WARNING,
        message=f"the phantom lies {shift_mm:.1f} mm and {turn_deg:.1f} degrees apart in "
        f"{names[0]} and {names[1]}",
        where=other.series.header.description or other.role,
        hint="was it moved or the exam interrupted? Values that need both series may be wrong",
        series_uid=other.series.header.series_uid,
    )
