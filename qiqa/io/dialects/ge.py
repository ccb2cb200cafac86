"""GE scanners, classic objects."""

from __future__ import annotations

import dataclasses

from qiqa.core.scanner import Acquisition, Reconstruction
from qiqa.io.dialects.generic import on_image_axes
from qiqa.io.header import Header
from qiqa.io.plane import Reading, Vector

__all__ = ["matches", "refine"]

_ACQUISITION = "GEMS_ACQU_01"
_PARAMETERS = "GEMS_PARM_01"
_COMPONENTS = {0: "magnitude", 1: "phase", 2: "real", 3: "imaginary"}
_B_BIAS = 1_000_000_000
"""Added to the b-value of multi-b scans in (0043,xx39), by GE's own rule (dcm2niix issue 602)."""


def matches(header: Header) -> bool:
    """Say whether it is an image of a GE scanner."""
    maker = (header.text("Manufacturer") or "").upper()
    return maker.startswith("GE ") or "GENERAL ELECTRIC" in maker or maker == "GE"


def refine(header: Header, reading: Reading) -> Reading:
    """Add diffusion, acceleration, transmit gain, kind of image and reconstruction state."""
    parameters = header.private(_PARAMETERS, 0x0043, 0x00)
    acquisition = header.private(_ACQUISITION, 0x0019, 0x00)
    b_value, direction = reading.b_value, reading.direction
    component = reading.component
    if parameters is not None:
        if b_value is None:
            b_value = _b_value(header.numbers(parameters | 0x39, "IS"))
        kind = header.whole(parameters | 0x2F, "SS")
        if component == "magnitude" and kind is not None:
            component = _COMPONENTS.get(kind, component)
    if direction is None and b_value and acquisition is not None:
        direction = _direction(header, acquisition)
    return dataclasses.replace(
        reading,
        b_value=b_value,
        direction=direction,
        component=component,
        acquisition=_acquisition(header, reading.acquisition, parameters, acquisition),
    )


def _acquisition(
    header: Header, plain: Acquisition, parameters: int | None, private: int | None
) -> Acquisition:
    gain = header.number(private | 0x94, "SS") if private is not None else None
    factors = header.numbers(parameters | 0x83, "DS") if parameters is not None else ()
    software = plain.software
    return dataclasses.replace(
        plain,
        software=None if software is None else software.removeprefix("MR Software release:"),
        transmit_gain=None if gain is None else f"{gain:g} (0.1 dB)",
        # ASSET stores the reciprocal of the in-plane factor first
        acceleration=plain.acceleration or (1.0 / factors[0] if factors and factors[0] else None),
        reconstruction=_reconstruction(header, plain.reconstruction, parameters),
    )


def _reconstruction(
    header: Header, plain: Reconstruction, parameters: int | None
) -> Reconstruction:
    """Read filter flags: `p` PURE and `s` SCIC in (0043,xx2D), and what the description says.

    GE writes nothing for images without intensity correction, so nothing found stays unknown.
    """
    mode = (header.text(parameters | 0x2D) or "") if parameters is not None else ""
    words = (header.text("SeriesDescription") or "").upper().replace("_", " ").split()
    flags = {"p": "PURE", "s": "SCIC"}
    name = flags.get(mode[:1]) or next((w for w in ("SCIC", "PURE") if w in words), None)
    filtered = "FILTERED_GEMS" in header.texts("ScanOptions")
    return dataclasses.replace(
        plain,
        intensity_normalization=name,
        image_filter="FILTERED_GEMS" if filtered else None,
    )


def _b_value(numbers: tuple[float, ...]) -> float | None:
    return numbers[0] % _B_BIAS if numbers and numbers[0] >= 0 else None


def _direction(header: Header, private: int) -> Vector | None:
    """Return the gradient direction, stored along frequency, phase and slice axes.

    The frequency axis is the row where phase runs along columns, and the other way round; the
    slice axis points against the normal of row and column. Phase along columns is checked
    against an independent converter; along rows no data were at hand.
    """
    frequency, phase, through = (header.number(private | at, "DS") for at in (0xBB, 0xBC, 0xBD))
    encode = header.text("InPlanePhaseEncodingDirection")
    if frequency is None or phase is None or through is None or encode is None:
        return None
    across, down = (phase, -frequency) if encode == "ROW" else (frequency, phase)
    return on_image_axes(header, across, down, -through)
