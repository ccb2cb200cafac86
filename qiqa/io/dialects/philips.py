"""Philips, classic and enhanced.

Signal is the floating point value FP = DV / (RS * SS) wherever the scale slope SS is stated
(DV = SV * RS + RI): rescale slopes RS differ between slices and series, so that only FP
compares. Where an anonymizer took SS away, signal is the displayed value DV. Maps with a
physical unit (Hz, ms, ...) are never divided: for them the real-world mapping is the value.
"""

from __future__ import annotations

import dataclasses

from qiqa.io.dialects import Scale, generic
from qiqa.io.dialects.generic import unit
from qiqa.io.header import Header
from qiqa.io.plane import Reading

__all__ = ["matches", "refine", "scale"]

_IMAGING = "Philips Imaging DD 001"
_MR = "Philips MR Imaging DD 001"
_MR5 = "Philips MR Imaging DD 005"
_PSEUDO_ZERO = 1.0
"""b-values below it number the b = 0 images of multi-b0 schemes [s/mm²]."""


def matches(header: Header) -> bool:
    """Say whether it is an image of a Philips scanner."""
    return "PHILIPS" in (header.text("Manufacturer") or "").upper()


def _per_image(header: Header) -> Header | None:
    """Return the private item (2005,xx0F) that holds what a classic image would."""
    tag = header.private(_MR5, 0x2005, 0x0F)
    items = header.items(tag) if tag is not None else ()
    return items[0] if items else None


def _scale_slope(header: Header) -> float | None:
    for place in (header, _per_image(header)):
        tag = None if place is None else place.private(_MR, 0x2005, 0x0E)
        value = None if place is None or tag is None else place.number(tag, "FL")
        if value is not None and value > 0:
            return value
    return None


def scale(header: Header) -> Scale:
    """Return the scale to floating point values, or to real-world values for maps."""
    plain = generic.scale(header)
    for mapping in header.items("RealWorldValueMappingSequence"):
        units = mapping.items("MeasurementUnitsCodeSequence")
        code = units[0].text("CodeValue") if units else None
        slope, intercept = (
            mapping.number("RealWorldValueSlope"),
            mapping.number("RealWorldValueIntercept"),
        )
        if code not in (None, "1") and slope is not None and intercept is not None:
            return Scale(slope=slope, intercept=intercept, meaning=f"real world value, {code}")
    scale_slope = _scale_slope(header)
    if scale_slope is None or plain.slope == 0.0:
        return plain
    return Scale(
        slope=1.0 / scale_slope,
        intercept=plain.intercept / (plain.slope * scale_slope),
        meaning="philips_fp",
    )


def refine(header: Header, reading: Reading) -> Reading:
    """Add diffusion from private attributes where the public ones are missing."""
    b_value, direction = reading.b_value, reading.direction
    private = header.private(_IMAGING, 0x2001, 0x03)
    if b_value is None and private is not None:
        b_value = header.number(private, "FL")
    axes = header.private(_MR, 0x2005, 0xB0)
    if direction is None and axes is not None:
        stored = [header.number(axes + step, "FL") for step in range(3)]
        # (right-left, anterior-posterior, feet-head) is already DICOM's left-posterior-head
        direction = unit(tuple(value for value in stored if value is not None))
    if b_value is not None and b_value < _PSEUDO_ZERO:
        b_value, direction = 0.0, None
    isotropic = reading.isotropic or (bool(b_value) and direction is None)
    return dataclasses.replace(reading, b_value=b_value, direction=direction, isotropic=isotropic)
