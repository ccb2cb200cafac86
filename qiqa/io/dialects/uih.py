"""United Imaging (UIH)."""

from __future__ import annotations

import dataclasses
import math

from qiqa.io.dialects import Mosaic
from qiqa.io.dialects.generic import on_image_axes
from qiqa.io.facts import when
from qiqa.io.header import Header
from qiqa.io.plane import Reading

__all__ = ["matches", "mosaic", "refine"]

_CREATOR = "Image Private Header"


def matches(header: Header) -> bool:
    """Say whether it is an image of a United Imaging scanner."""
    maker = (header.text("Manufacturer") or "").upper()
    return maker.startswith("UIH") or "UNITED IMAGING" in maker


def _slices(header: Header) -> tuple[Header, ...]:
    tag = header.private(_CREATOR, 0x0065, 0x51)
    return header.items(tag) if tag is not None else ()


def mosaic(header: Header) -> Mosaic | None:
    """Return the tile grid of a VFRAME image; its private items hold each slice's position."""
    if "VFRAME" not in header.texts("ImageType"):
        return None
    tag = header.private(_CREATOR, 0x0065, 0x50)
    count = header.whole(tag, "DS") if tag is not None else None
    found = [item.numbers("ImagePositionPatient") for item in _slices(header)]
    positions = tuple((p[0], p[1], p[2]) for p in found if len(p) == 3)
    if not count or count != len(positions):
        return None
    columns = math.ceil(math.sqrt(count))
    return Mosaic(n_tiles=count, grid=(math.ceil(count / columns), columns), positions=positions)


def refine(header: Header, reading: Reading) -> Reading:
    """Add diffusion as applied (not as prescribed), acquisition time and coil elements.

    (0065,xx09) is the b-value with imaging gradients, (0065,xx0A) the nominal one; maps must be
    fitted with the first. Directions (0065,xx37) run along row, column and slice normal.
    """
    tag = header.private(_CREATOR, 0x0065, 0x00)
    if tag is None:
        return reading
    b_value = header.number(tag | 0x09, "FD")
    stored = header.numbers(tag | 0x37, "FD")
    direction = on_image_axes(header, *stored) if len(stored) == 3 else None
    acquisition = reading.acquisition
    moments = [when(item) for item in _slices(header)]
    known = [moment for moment in moments if moment is not None]
    return dataclasses.replace(
        reading,
        b_value=reading.b_value if b_value is None else b_value,
        direction=direction or reading.direction,
        acquisition=dataclasses.replace(
            acquisition,
            acquired_at=acquisition.acquired_at or min(known, default=None),
            coil_elements=acquisition.coil_elements or header.text(tag | 0x03),
        ),
    )
