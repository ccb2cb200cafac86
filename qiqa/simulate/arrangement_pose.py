"""Where an arrangement lies in the scanner and how the slices cut it."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Group
from qiqa.core.errors import UsageError
from qiqa.simulate.arrangement_spec import ArrangementSpec

__all__ = ["Geometry", "geometry_of", "rotation"]

Matrix = NDArray[np.float64]
_PLANES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}
"""Directions of rows and columns (LPS) as scanners show them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Geometry:
    """Phantom to scanner to image."""

    turn: Matrix
    """(3, 3) phantom to scanner (LPS), determinant -1 where mirrored."""
    shift_mm: Matrix
    frame: Matrix
    """(3, 3), columns: along rows, along columns, slice normal, in LPS."""
    center_mm: Matrix
    """Center of the field of the middle of the stack, stated, in LPS."""
    stretch: Matrix
    """(3, 3) diagonal: apparent over true position."""

    @property
    def scale(self) -> Matrix:
        """Apparent over true length along the three axes of the image."""
        return np.diag(self.frame.T @ self.stretch @ self.frame).copy()

    def scanner_mm(self, point_mm: Matrix) -> Matrix:
        """Return true scanner positions of phantom points, both (n, 3)."""
        result: Matrix = point_mm @ self.turn.T + self.shift_mm
        return result

    def image_mm(self, point_mm: Matrix) -> Matrix:
        """Return apparent positions in the image's frame of phantom points, both (n, 3)."""
        apparent = self.scanner_mm(point_mm) @ self.stretch
        result: Matrix = (apparent - self.center_mm) @ self.frame
        return result

    def direction(self, axis: tuple[float, float, float]) -> Matrix:
        """Return a direction of the phantom in the image's frame; unit vector."""
        turned = self.frame.T @ self.turn @ np.array(axis)
        result: Matrix = turned / np.linalg.norm(turned)
        return np.where(np.abs(result) < 1e-12, 0.0, result)


def rotation(degrees: tuple[float, float, float]) -> Matrix:
    """Return the rotation about x, then y, then z."""
    result = np.eye(3)
    for index, angle in enumerate(np.radians(degrees)):
        one, two = [(1, 2), (2, 0), (0, 1)][index]
        step = np.eye(3)
        step[one, one] = step[two, two] = np.cos(angle)
        step[one, two], step[two, one] = -np.sin(angle), np.sin(angle)
        result = step @ result
    return result


def _frame(name: str) -> Matrix:
    rows, columns = (np.array(v, dtype=float) for v in _PLANES[name])
    return np.stack([rows, columns, np.cross(rows, columns)], axis=1)


def _oriented(spec: ArrangementSpec, axis: Matrix) -> Matrix:
    """Return the image's frame for a group whose normal is `axis` in the scanner."""
    if spec.orientation in _PLANES:
        return _frame(spec.orientation)
    nearest = max((_frame(n) for n in _PLANES), key=lambda f: abs(float(f[:, 2] @ axis)))
    if spec.orientation == "plate":
        return nearest
    normal = nearest[:, 2]
    goal = axis if axis @ normal > 0 else -axis
    cross = np.cross(normal, goal)
    skew = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    result: Matrix = (np.eye(3) + skew + skew @ skew / (1 + normal @ goal)) @ nearest
    return result


def geometry_of(spec: ArrangementSpec, group: Group) -> Geometry:
    """Return where everything is.

    A volume is centered on the isocenter; slices go through the middle of the group.

    Raises
    ------
    UsageError
        If slices would run along the tubes of the group.
    """
    turn = rotation(spec.rotation_deg) @ np.diag([-1.0 if spec.mirrored else 1.0, 1.0, 1.0])
    shift = np.array(spec.translation_mm)
    axis = turn @ np.array(group.axis)
    frame = _frame("axial") if spec.kind == "volume" and spec.orientation == "plate" else (
        _oriented(spec, axis / np.linalg.norm(axis))
    )  # fmt: skip
    normal, center = frame[:, 2], np.zeros(3)
    if spec.kind != "volume":
        if group.shape == "tube" and abs(float(normal @ axis)) < 0.5:
            raise UsageError(
                "slices would run along the tubes",
                where="ArrangementSpec.orientation",
                hint="turn the phantom by less than 60 degrees, or take 'plate' or 'oblique'",
            )
        middle = turn @ np.mean(group.centers_mm, axis=0) + shift
        center = normal * (float(normal @ middle) + spec.slice_offset_mm)
    stretch = np.diag(1 + np.array(spec.gradient_error_percent) / 100)
    return Geometry(turn=turn, shift_mm=shift, frame=frame, center_mm=center, stretch=stretch)
