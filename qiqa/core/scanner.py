"""Who made the image and how: the scanner, the acquisition, the reconstruction state."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

__all__ = ["Acquisition", "Reconstruction", "Scanner", "is_placeholder"]

_PLACEHOLDERS = re.compile(
    r"^(anon(ymi[sz]ed|ymous)?|unknown|none|null|n/?a|removed|deidentified|de-identified|xxx+|0+|-+)?$",
    re.IGNORECASE,
)


def is_placeholder(text: str | None) -> bool:
    """Say whether an identity field was emptied by an anonymizer and so means "unknown".

    >>> is_placeholder("ANONYMIZED"), is_placeholder("Anon"), is_placeholder("46229")
    (True, True, False)
    """
    return text is None or _PLACEHOLDERS.match(text.strip()) is not None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """One scanner. None means unknown, never a placeholder text."""

    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    station: str | None = None
    site: str | None = None
    field_strength_t: float | None = None
    """Field strength [T] as stated in the header."""
    given_name: str | None = None
    """Identity given by the user with --scanner; takes the place of an unknown serial number."""

    @property
    def identity(self) -> str | None:
        """Name that tells this scanner from all others, or None where nobody has said."""
        if self.given_name:
            return self.given_name
        if self.serial_number:
            maker = next(iter((self.manufacturer or "").split()), "?").upper()
            return f"{maker} {self.serial_number}"
        return None

    @property
    def label(self) -> str:
        """Words for a person: maker, model, field, serial number."""
        parts = [self.manufacturer, self.model]
        if self.field_strength_t is not None:
            parts.append(f"{self.field_strength_t:.3g} T")
        parts.append(
            self.given_name or (f"SN {self.serial_number}" if self.serial_number else "SN unknown")
        )
        return " ".join(part for part in parts if part)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """What the scanner did to the numbers after the acquisition. None means not stated."""

    intensity_normalization: str | None = None
    """`none`, or the vendor's name of the filter (NORM, SCIC, PURE, CLEAR, ...)."""
    distortion_correction: str | None = None
    """`none`, `2D`, `3D`, or the vendor's word where it does not say which."""
    image_filter: str | None = None
    interpolation: bool | None = None
    """True where the stored matrix is larger than the acquired one."""
    learned: str | None = None
    """Name of a learned reconstruction (Deep Resolve, AIR Recon DL, SmartSpeed, ...)."""
    combine_mode: str | None = None
    """How coil elements were combined (sum of squares, adaptive combine, ...)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """How and when a series was acquired. None means not stated in the header."""

    acquired_at: dt.datetime | None = None
    software: str | None = None
    coil: str | None = None
    coil_elements: str | None = None
    sequence: str | None = None
    """Sequence type and name, for instance `SE se2d1`."""
    spin_echo: bool | None = None
    tr_ms: float | None = None
    te_ms: float | None = None
    """Echo time [ms]; the first one where the series is encoded by echo time."""
    ti_ms: float | None = None
    flip_angle_deg: float | None = None
    echo_train_length: int | None = None
    averages: float | None = None
    slice_thickness_mm: float | None = None
    slice_spacing_mm: float | None = None
    """Distance between slice centers [mm], from the positions."""
    matrix: tuple[int, int] | None = None
    """Stored columns, rows."""
    matrix_acquired: tuple[int, int] | None = None
    """Acquired frequency, phase encoding steps."""
    fov_mm: tuple[float, float] | None = None
    phase_encode_direction: str | None = None
    """`ROW` or `COL`: the image axis along which phase was encoded."""
    pixel_bandwidth_hz: float | None = None
    acceleration: float | None = None
    center_frequency_hz: float | None = None
    center_frequency_resolution_hz: float | None = None
    """Last digit of the stated center frequency [Hz]."""
    transmit_gain: str | None = None
    table_position_mm: float | None = None
    patient_position: str | None = None
    temperature_degc: float | None = None
    reconstruction: Reconstruction = Reconstruction()
