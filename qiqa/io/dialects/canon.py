"""Canon (formerly Toshiba)."""

from __future__ import annotations

import dataclasses
import re

from qiqa.io.dialects.generic import unit
from qiqa.io.header import Header
from qiqa.io.plane import Reading

__all__ = ["matches", "refine"]

_COMMENT = re.compile(r"b=(\d+(?:\.\d+)?)\(\s*([-+.\d]+)\s*,\s*([-+.\d]+)\s*,\s*([-+.\d]+)\s*\)")


def matches(header: Header) -> bool:
    """Say whether it is an image of a Canon or Toshiba scanner."""
    maker = (header.text("Manufacturer") or "").upper()
    return maker.startswith(("CANON", "TOSHIBA"))


def refine(header: Header, reading: Reading) -> Reading:
    """Add diffusion from the image comment, acceleration, and distortion correction.

    Version 6.0 writes directions only as text, `b=1500(0.445,0.000,0.895)`, along row, column
    and slice normal.
    """
    b_value, direction = reading.b_value, reading.direction
    found = _COMMENT.search(header.text("ImageComments") or "")
    orientation = header.numbers("ImageOrientationPatient")
    if found and direction is None and len(orientation) == 6:
        try:
            value, *along = (float(text) for text in found.groups())
        except ValueError:
            return reading
        b_value = value if b_value is None else b_value
        row, column = orientation[:3], orientation[3:]
        normal = (
            row[1] * column[2] - row[2] * column[1],
            row[2] * column[0] - row[0] * column[2],
            row[0] * column[1] - row[1] * column[0],
        )
        axes = zip(row, column, normal, strict=True)
        direction = unit(tuple(sum(a * x for a, x in zip(along, axis, strict=True)) for axis in axes))
    acquisition = reading.acquisition
    corrected = "GDC" in header.texts("ImageType")
    return dataclasses.replace(
        reading,
        b_value=b_value,
        direction=direction,
        acquisition=dataclasses.replace(
            acquisition,
            reconstruction=dataclasses.replace(
                acquisition.reconstruction, distortion_correction="GDC" if corrected else None
            ),
        ),
    )
