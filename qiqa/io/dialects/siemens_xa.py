"""Siemens XA, enhanced multi-frame objects."""

from __future__ import annotations

import dataclasses

from qiqa.io.dialects.siemens import image_flags
from qiqa.io.header import Header
from qiqa.io.plane import Reading

__all__ = ["matches", "refine"]

_FRAME = "SIEMENS MR SDI 02"


def matches(header: Header) -> bool:
    """Say whether it is an enhanced object of a Siemens scanner."""
    maker = (header.text("Manufacturer") or "").upper()
    return "SIEMENS" in maker and "PerFrameFunctionalGroupsSequence" in header


def refine(header: Header, reading: Reading) -> Reading:
    """Add what stands in the private groups.

    The public frame type says NONE where the private Image Type (0021,xx75) spells out NORM and
    DIS2D; coil elements are (0021,xx4F), the table position (0021,xx45).
    """
    acquisition = reading.acquisition
    reconstruction = acquisition.reconstruction
    frame = _group(header, _FRAME, 0xFE)
    if frame is None:
        return reading
    flags_tag, coil_tag, table_tag = (
        frame.private(_FRAME, 0x0021, offset) for offset in (0x75, 0x4F, 0x45)
    )
    flags = frame.texts(flags_tag) if flags_tag is not None else ()
    if flags:
        reconstruction = image_flags(flags, reconstruction)
    table = frame.numbers(table_tag, "SL") if table_tag is not None else ()
    coil = frame.text(coil_tag) if coil_tag is not None else None
    return dataclasses.replace(
        reading,
        acquisition=dataclasses.replace(
            acquisition,
            coil_elements=coil or acquisition.coil_elements,
            table_position_mm=table[2] if len(table) == 3 else None,
            reconstruction=reconstruction,
        ),
    )


def _group(header: Header, creator: str, offset: int) -> Header | None:
    tag = header.private(creator, 0x0021, offset)
    items = header.items(tag) if tag is not None else ()
    return items[0] if items else None
