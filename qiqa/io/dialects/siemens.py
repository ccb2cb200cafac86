"""Siemens, classic objects (syngo MR V, D, E; and XA exported as classic)."""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.scanner import Reconstruction
from qiqa.io.dialects import Mosaic
from qiqa.io.dialects._csa import csa_numbers
from qiqa.io.dialects.generic import unit
from qiqa.io.header import Header
from qiqa.io.plane import Reading

__all__ = ["image_flags", "matches", "mosaic", "refine"]

_HEADER = "SIEMENS MR HEADER"
_LEARNED = {"DRB": "Deep Resolve Boost", "DRG": "Deep Resolve Gain", "DRS": "Deep Resolve Sharp"}


def matches(header: Header) -> bool:
    """Say whether it is a classic image of a Siemens scanner."""
    maker = (header.text("Manufacturer") or "").upper()
    return "SIEMENS" in maker and "PerFrameFunctionalGroupsSequence" not in header


def image_flags(flags: tuple[str, ...], reconstruction: Reconstruction) -> Reconstruction:
    """Return the reconstruction state that the values of Image Type spell out.

    NORM: intensity normalization; DIS2D, DIS3D: distortion correction; ND: none; FIL: filter.
    Siemens writes NORM whenever it normalizes, so its absence says `none`.
    """
    spread = {part for flag in flags for part in flag.replace("/", "_").split("_")}
    distortion = {"DIS2D": "2D", "DIS3D": "3D", "ND": "none"}
    found = [distortion[flag] for flag in ("DIS3D", "DIS2D", "ND") if flag in spread]
    filters = sorted(flag for flag in spread if flag.startswith("FIL"))
    learned = [name for flag, name in _LEARNED.items() if flag in spread]
    return dataclasses.replace(
        reconstruction,
        intensity_normalization="NORM" if "NORM" in spread else "none",
        distortion_correction=found[0] if found else None,
        image_filter=" ".join(filters) or None,
        learned=", ".join(learned) or None,
    )


def refine(header: Header, reading: Reading) -> Reading:
    """Add diffusion, coil elements, table position and reconstruction state."""
    acquisition = reading.acquisition
    flags = header.texts("ImageType")
    b_value, direction = reading.b_value, reading.direction
    tag = header.private(_HEADER, 0x0019, 0x0C)
    if b_value is None and tag is not None:
        b_value = header.number(tag, "IS")
        direction = unit(header.numbers(tag + 2, "FD"))
    table = header.private(_HEADER, 0x0019, 0x13)
    position = header.numbers(table, "SL") if table is not None else ()
    text = header.private(_HEADER, 0x0051, 0x0F)
    coil = header.text(text) if text is not None else None
    pat = header.text(text + 2) if text is not None else None
    return dataclasses.replace(
        reading,
        b_value=b_value,
        direction=direction,
        acquisition=dataclasses.replace(
            acquisition,
            coil=acquisition.coil or coil,
            coil_elements=coil or acquisition.coil_elements,
            table_position_mm=position[2] if len(position) == 3 else None,
            acceleration=acquisition.acceleration or _parallel(pat),
            transmit_gain=_transmitter(header),
            reconstruction=image_flags(flags, acquisition.reconstruction),
        ),
    )


def _parallel(text: str | None) -> float | None:
    """Return the in-plane factor from `p2` or `p2 s3`."""
    for part in (text or "").split():
        if part[:1] == "p" and part[1:].isdigit():
            return float(part[1:])
    return None


def _transmitter(header: Header) -> str | None:
    values = csa_numbers(_image_csa(header), "TransmitterCalibration")
    return f"{values[0]:g} V" if values else None


def _image_csa(header: Header) -> bytes:
    tag = header.private("SIEMENS CSA HEADER", 0x0029, 0x10)
    return (header.raw(tag) or b"") if tag is not None else b""


def mosaic(header: Header) -> Mosaic | None:
    """Return the tile grid of a mosaic: the smallest square that holds all slices."""
    if "MOSAIC" not in header.texts("ImageType"):
        return None
    csa = _image_csa(header)
    count, normal = (
        csa_numbers(csa, "NumberOfImagesInMosaic"),
        csa_numbers(csa, "SliceNormalVector"),
    )
    spacing = header.number("SpacingBetweenSlices") or header.number("SliceThickness")
    side = math.ceil(math.sqrt(count[0])) if count else 0
    if not side or spacing is None or len(normal) != 3:
        return None
    return Mosaic(
        n_tiles=int(count[0]),
        grid=(side, side),
        spacing_mm=spacing,
        normal=(normal[0], normal[1], normal[2]),
    )
