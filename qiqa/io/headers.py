"""From a stack of planes to the SeriesHeader that the rest of qiqa sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding, Severity
from qiqa.core.series import Encoding, SeriesHeader
from qiqa.io.plane import Plane, Vector
from qiqa.io.stacking import Stack

__all__ = ["affine_of", "consistency", "series_header", "to_ras"]

_NO_DIRECTION = (0.0, 0.0, 0.0)


def to_ras(vector: Vector) -> Vector:
    """Turn DICOM patient axes (left, posterior, head) into right, anterior, head."""
    x, y, z = vector
    return (-x, -y, z)


def affine_of(stack: Stack) -> NDArray[np.float64]:
    """Return voxel indices (i, j, k) to RAS+ mm, shape (4, 4).

    The step along k is taken from the first and the last position, so that rounding of the
    printed positions does not add up; where slices are missing it is the regular spacing.
    """
    first, last = stack.volumes[0][0], stack.volumes[0][-1]
    if stack.spacing_mm is None:
        thickness = first.reading.acquisition.slice_thickness_mm or 1.0
        step = np.multiply(first.normal, thickness)
    else:
        rise = last.height - first.height
        steps = max(round(rise / stack.spacing_mm), 1)
        if abs(rise - steps * stack.spacing_mm) > 0.25 * stack.spacing_mm:
            steps = len(stack.heights) - 1
        step = np.subtract(last.position, first.position) / steps
    affine = np.eye(4)
    affine[:3, 0] = np.multiply(first.row, first.spacing[1])
    affine[:3, 1] = np.multiply(first.column, first.spacing[0])
    affine[:3, 2] = step
    affine[:3, 3] = first.position
    affine[:2] *= -1.0
    return affine


def series_header(stack: Stack, copy: str | None) -> SeriesHeader:
    """Return the header of a stack."""
    first = stack.volumes[0][0]
    origin, acquisition = first.origin, first.reading.acquisition
    moments = [
        plane.reading.acquisition.acquired_at
        for volume in stack.volumes
        for plane in volume
        if plane.reading.acquisition.acquired_at is not None
    ]
    affine = affine_of(stack)
    affine.flags.writeable = False
    spacing = (
        round(float(np.linalg.norm(affine[:3, 2])), 6) if stack.spacing_mm is not None else None
    )
    shape = (first.columns, first.rows, len(stack.heights), len(stack.volumes))
    return SeriesHeader(
        series_uid=origin.series_uid,
        study_uid=origin.study_uid,
        frame_of_reference_uid=origin.frame_of_reference_uid,
        description=origin.description,
        modality=origin.modality,
        scanner=origin.scanner,
        acquisition=dataclasses.replace(
            acquisition,
            acquired_at=min(moments, default=None),
            slice_spacing_mm=spacing,
        ),
        affine=affine,
        shape=shape,
        encoding=_encoding(stack),
        frames=tuple(tuple(plane.source for plane in volume) for volume in stack.volumes),
        slice_positions_mm=stack.heights,
        dialect=origin.dialect,
        derived=first.reading.derived,
        component=first.reading.component,
        copy=copy,
    )


def _encoding(stack: Stack) -> Encoding:
    directions = None
    if stack.axis == "b_value":
        found = [volume[0].reading.direction for volume in stack.volumes]
        if any(direction is not None for direction in found):
            directions = tuple(_NO_DIRECTION if d is None else to_ras(d) for d in found)
    return Encoding(
        name=stack.axis,
        values=stack.values,
        unit=stack.unit,
        directions=directions,
        tr_ms=_tr_ms(stack),
    )


def _tr_ms(stack: Stack) -> tuple[float, ...] | None:
    """Return the repetition time of each volume where it was set to differ [ms]."""
    if stack.axis not in ("inversion_time", "repetition_time"):
        return None
    found = []
    for volume in stack.volumes:
        here = {plane.reading.acquisition.tr_ms for plane in volume}
        value = here.pop()
        if here or value is None:
            return None
        found.append(value)
    return tuple(found) if len(set(found)) > 1 else None


_COMPARED: tuple[tuple[str, str, Callable[[Plane], object]], ...] = (
    ("repetition time", "repetition_time", lambda p: p.reading.acquisition.tr_ms),
    ("echo time", "echo_time", lambda p: p.reading.acquisition.te_ms),
    ("inversion time", "inversion_time", lambda p: p.reading.acquisition.ti_ms),
    ("flip angle", "flip_angle", lambda p: p.reading.acquisition.flip_angle_deg),
    ("slice thickness", "", lambda p: p.reading.acquisition.slice_thickness_mm),
    ("serial number", "", lambda p: p.origin.scanner.serial_number),
    ("receive coil", "", lambda p: p.reading.acquisition.coil),
)


def consistency(stack: Stack) -> list[Finding]:
    """Return what differs between planes of one stack and should not."""
    planes = [plane for volume in stack.volumes for plane in volume]
    findings = []
    own = {stack.axis} if _tr_ms(stack) is None else {stack.axis, "repetition_time"}
    for name, axis, value_of in _COMPARED:
        values = sorted({str(value_of(plane)) for plane in planes})
        if axis not in own and len(values) > 1:
            shown = ", ".join(values[:5])
            findings.append(_inconsistent(planes[0], f"{name} differs between images: {shown}"))
    off = _off_line_mm(stack)
    if off > 0.1:
        findings.append(_inconsistent(planes[0], f"slices are shifted sideways by {off:.2f} mm"))
    return findings


def _inconsistent(plane: Plane, text: str) -> Finding:
    return Finding(
        code="inconsistent_slices",
        severity=Severity.WARNING,
        message=text,
        where=plane.origin.description or plane.source.path,
        series_uid=plane.origin.series_uid,
    )


def _off_line_mm(stack: Stack) -> float:
    """Return how far positions lie off the straight line from the first to the last."""
    positions = np.array([plane.position for plane in stack.volumes[0]])
    if len(positions) < 3:
        return 0.0
    along = positions[-1] - positions[0]
    along = along / np.linalg.norm(along)
    relative = positions - positions[0]
    aside = relative - np.outer(relative @ along, along)
    return float(np.linalg.norm(aside, axis=1).max())
