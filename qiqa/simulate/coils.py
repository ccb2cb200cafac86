"""Receive coils: smooth fields that the object is multiplied by."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.simulate.spec import AcrSpec

__all__ = ["receive_field", "sensitivities"]

_DISK_MM = math.sqrt(20000 / math.pi)
"""Radius of the 200 cm² disk in which shading is stated."""
_ELEMENT_SLOPE = 0.35
"""How much brighter one element of several is at the disk's edge on its own side."""
_LEAST = 0.05
"""The field does not fall below this part of its value in the center."""


def _field_shape(
    spec: AcrSpec, x_mm: NDArray[np.float32], y_mm: NDArray[np.float32]
) -> NDArray[np.float32]:
    angle = math.radians(spec.shading_direction_deg)
    slope = (x_mm * math.sin(angle) - y_mm * math.cos(angle)) / _DISK_MM
    bowl = (x_mm * x_mm + y_mm * y_mm) / _DISK_MM**2
    field = spec.shading_linear * slope + (1 - spec.shading_linear) * bowl
    return field.astype(np.float32)


def receive_field(
    spec: AcrSpec, x_mm: NDArray[np.float32], y_mm: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the receive field of all coils together, 1 in the isocenter.

    Its amplitude is solved so that (max - min) / (max + min) within the 200 cm² disk about the
    isocenter is `spec.shading_percent`.
    """
    if spec.shading_percent == 0:
        return np.ones(np.broadcast(x_mm, y_mm).shape, dtype=np.float32)
    loss = spec.shading_percent / 100
    line = np.linspace(-_DISK_MM, _DISK_MM, 401, dtype=np.float32)
    disk = line[None, :] ** 2 + line[:, None] ** 2 <= _DISK_MM**2
    inside = _field_shape(spec, line[None, :], line[:, None])[disk]
    low, high = float(inside.min()), float(inside.max())
    amplitude = 2 * loss / ((high - low) - loss * (high + low))
    field = 1 + np.float32(amplitude) * _field_shape(spec, x_mm, y_mm)
    floor: NDArray[np.float32] = np.maximum(field, np.float32(_LEAST))
    return floor


def sensitivities(
    spec: AcrSpec, x_mm: NDArray[np.float32], y_mm: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """Return the field of each coil; the root of the sum of their squares is `receive_field`."""
    field = receive_field(spec, x_mm, y_mm)
    if spec.n_coils == 1:
        return [field]
    elements = []
    for number in range(spec.n_coils):
        angle = 2 * math.pi * (number + 0.5) / spec.n_coils
        slope = (x_mm * math.sin(angle) - y_mm * math.cos(angle)) / _DISK_MM
        elements.append((1 + _ELEMENT_SLOPE * slope).astype(np.float32))
    total = np.sqrt(sum(element**2 for element in elements))
    return [(field * element / total).astype(np.float32) for element in elements]
