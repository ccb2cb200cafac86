"""Canon (formerly Toshiba)."""

from __future__ import annotations

import dataclasses
import re

from qiqa.io.dialects.generic import on_image_axes
from qiqa.io.header import Header
from qiqa.io.plane import Reading

__all__ = ["matches", "refine"]

_COMMENT = re.compile(r"b=(\d+(?:\.\d+)?)\(\s*([-+.\d]+)\s*,\s*([-+.\d]+)\s*,\s*([-+.\d]+)\s*\)")


def matches(header: Header) -> bool:
    """Say whether it is an image of a Canon or Toshiba scanner."""
    maker = (header.text("Manufacturer") or "").upper()
    return maker.startswith(("CANON", "TOSHIBA"))


def refine(header: Header, reading: Reading) -> Reading:
    """Add diffusion directions from the image comment, and distortion correction.

    Version 6.0 writes directions only as text, `b=1500(0.445,0.000,0.895)`, against the phase
    encoding axis, against the frequency axis, and along the slice normal. That holds where
    phase runs along columns; for rows no data were at hand and the direction stays unknown.
    """
    b_value, direction = reading.b_value, reading.direction
    found = _COMMENT.search(header.text("ImageComments") or "")
    if found:
        try:
            stated, phase, frequency, through = (float(text) for text in found.groups())
        except ValueError:
            return reading
        b_value = stated if b_value is None else b_value
        if direction is None and header.text("InPlanePhaseEncodingDirection") == "COL":
            direction = on_image_axes(header, -frequency, -phase, through)
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
