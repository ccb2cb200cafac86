"""Where the phantom lies in the scanner, and which plane and ray belong to a pixel.

Scanner coordinates are those of the patient in DICOM (x left, y posterior, z head) for a
head-first supine exam, in mm from the isocenter. The isocenter is the center of the field of
view and of the stack.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import CylinderPhantom
from qiqa.simulate.spec import AcrSpec

__all__ = ["Placement", "Plane", "axial_plane", "place", "sagittal_plane"]

Matrix = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Rigid transform: phantom point p is at `turn @ (p - anchor_mm) + center_mm`."""

    turn: Matrix
    """(3, 3), orthogonal; its determinant is -1 where the image is mirrored."""
    anchor_mm: Matrix
    """Point of the phantom (on its axis) that lies in the middle slice."""
    center_mm: Matrix
    """Where that is in the scanner."""

    def to_phantom(self, point_mm: Matrix) -> Matrix:
        """Return phantom coordinates of a point of the scanner, both (3,)."""
        result: Matrix = self.turn.T @ (point_mm - self.center_mm) + self.anchor_mm
        return result


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """A slice: true scanner position of the center of the field, and steps of 1 apparent mm.

    `right`, `down` are how far one goes in the scanner for 1 mm in the image; they differ from
    unit vectors where a gradient is mis-set. `normal` is a unit vector.
    """

    center_mm: Matrix
    right: Matrix
    down: Matrix
    normal: Matrix


def place(phantom: CylinderPhantom, spec: AcrSpec) -> Placement:
    """Return where the phantom lies."""
    stack = phantom.stack
    middle = (stack.z_mm(1) + stack.z_mm(stack.n_slices)) / 2
    flip = np.diag([1.0, 1.0, 1.0])
    if spec.reversed_order:
        flip = np.diag([-1.0, 1.0, -1.0]) @ flip
    if spec.mirrored:
        flip = np.diag([-1.0, 1.0, 1.0]) @ flip
    angle = math.radians(spec.rotation_deg)
    in_plane = np.array(
        [
            [math.cos(angle), -math.sin(angle), 0.0],
            [math.sin(angle), math.cos(angle), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    return Placement(
        turn=in_plane @ flip @ _tilt(spec.tilt_deg),
        anchor_mm=np.array([0.0, 0.0, middle + spec.displacement_mm]),
        center_mm=np.array([*spec.center_offset_mm, 0.0]),
    )


def _tilt(tilt_deg: tuple[float, float]) -> Matrix:
    """Return the smallest rotation that takes z to the direction of slopes `tilt_deg`."""
    x, y = (math.tan(math.radians(angle)) for angle in tilt_deg)
    axis = np.array([x, y, 1.0]) / math.sqrt(x * x + y * y + 1)
    cross = np.array([-axis[1], axis[0], 0.0])
    skew = np.array([[0.0, 0.0, cross[1]], [0.0, 0.0, -cross[0]], [-cross[1], cross[0], 0.0]])
    result: Matrix = np.eye(3) + skew + skew @ skew / (1 + axis[2])
    return result


def _true_per_apparent(spec: AcrSpec) -> Matrix:
    return 1 / (1 + np.array(spec.gradient_error_percent) / 100)


def stated_z_mm(phantom: CylinderPhantom, index: int) -> float:
    """Return the stated scanner z of slice `index` (from 0, feet to head) [mm]."""
    stack = phantom.stack
    return (index - (stack.n_slices - 1) / 2) * stack.spacing_mm


def axial_plane(phantom: CylinderPhantom, spec: AcrSpec, index: int) -> Plane:
    """Return the plane of slice `index` (from 0, feet to head), where it truly lies."""
    scale = _true_per_apparent(spec)
    first = stated_z_mm(phantom, 0)
    z = first + (stated_z_mm(phantom, index) - first) * spec.spacing_scale
    return Plane(
        center_mm=np.array([0.0, 0.0, z * scale[2]]),
        right=np.array([scale[0], 0.0, 0.0]),
        down=np.array([0.0, scale[1], 0.0]),
        normal=np.array([0.0, 0.0, 1.0]),
    )


def sagittal_plane(spec: AcrSpec) -> Plane:
    """Return the plane of the localizer: through the phantom's center, head up, anterior left."""
    scale = _true_per_apparent(spec)
    return Plane(
        center_mm=np.array([spec.center_offset_mm[0], 0.0, 0.0]),
        right=np.array([0.0, scale[1], 0.0]),
        down=np.array([0.0, 0.0, -scale[2]]),
        normal=np.array([1.0, 0.0, 0.0]),
    )
