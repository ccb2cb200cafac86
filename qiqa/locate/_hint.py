"""How to place the phantom better next time, in words a technologist can act on."""

from __future__ import annotations

import numpy as np

from qiqa.core.pose import PhantomPose
from qiqa.core.series import SeriesHeader

__all__ = ["positioning_hint"]

ROTATION_DEG = 1.0
TILT_DEG = 1.0
SHIFT_MM = 2.0
OFF_CENTER_MM = 10.0


def _towards(direction: np.ndarray) -> str:
    """Return the patient-related word for a RAS direction."""
    words = (("right", "left"), ("front", "back"), ("head", "feet"))
    axis = int(np.argmax(np.abs(direction)))
    return words[axis][0] if direction[axis] > 0 else words[axis][1]


def positioning_hint(pose: PhantomPose, header: SeriesHeader) -> str | None:
    """Return what to change at the next set-up, or None where nothing needs mending."""
    parts = []
    turn = (pose.rotation_deg + 45) % 90 - 45
    if abs(turn) >= ROTATION_DEG:
        way = "clockwise" if turn > 0 else "counterclockwise"
        parts.append(f"rotated {abs(turn):.1f}° {way}")
    for angle, name in zip(pose.tilt_deg, ("sideways", "up or down"), strict=True):
        if abs(angle) >= TILT_DEG:
            parts.append(f"axis tilted {abs(angle):.1f}° {name}")
    shift = pose.offset_mm[2]
    if abs(shift) >= SHIFT_MM:
        sign = -1.0 if pose.reversed_order else 1.0
        word = _towards(header.affine[:3, 2] * sign * np.sign(shift))
        back = _towards(-header.affine[:3, 2] * sign * np.sign(shift))
        parts.append(
            f"slices lie {abs(shift):.1f} mm too far to the {word}: move the stack to the {back}"
        )
    for axis in (0, 1):
        offset = pose.offset_mm[axis]
        if abs(offset) >= OFF_CENTER_MM:
            word = _towards(header.affine[:3, axis] * np.sign(offset))
            parts.append(f"phantom {abs(offset):.0f} mm too far to the {word}")
    return "; ".join(parts) if parts else None
