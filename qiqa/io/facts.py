"""What headers state in the standard's own attributes, the same for every vendor."""

from __future__ import annotations

import datetime as dt

from qiqa.core.scanner import Acquisition, Reconstruction, Scanner, is_placeholder
from qiqa.io.header import Header

__all__ = ["acquisition_of", "moment_of", "named", "scanner_of", "when"]

_HIGHEST_MHZ = 2000.0
"""No scanner has a field of 47 T; larger values are in Hz."""
_FIRST_MRI_YEAR = 1977
"""Earlier dates (0001-01-01, 1900-01-01) are placeholders."""


def named(text: str | None) -> str | None:
    """Return an identity text, or None for a placeholder left by an anonymizer."""
    return None if text is None or is_placeholder(text) else text


def scanner_of(header: Header) -> Scanner:
    """Return what the header says about the scanner."""
    return Scanner(
        manufacturer=named(header.text("Manufacturer")),
        model=named(header.text("ManufacturerModelName")),
        serial_number=named(header.text("DeviceSerialNumber")),
        station=named(header.text("StationName")),
        site=named(header.text("InstitutionName")),
        field_strength_t=_field_strength(header),
    )


def _field_strength(header: Header) -> float | None:
    value = header.number("MagneticFieldStrength")
    if value is None or value <= 0:
        return None
    return value / 1e4 if value > 100 else value  # some old writers print gauss


def when(header: Header) -> dt.datetime | None:
    """Return when the plane was acquired: the most specific date that is no placeholder.

    Offsets from UTC are left out, since most scanners state none: times are the scanner's.
    """
    for keyword in ("AcquisitionDateTime", "FrameAcquisitionDateTime"):
        text = header.text(keyword)
        moment = moment_of(text[:8], text[8:].split("+")[0].split("-")[0]) if text else None
        if moment is not None:
            return moment
    for kind in ("Acquisition", "Series", "Content", "Study"):
        moment = moment_of(header.text(f"{kind}Date"), header.text(f"{kind}Time"))
        if moment is not None:
            return moment
    return None


def moment_of(date: str | None, time: str | None) -> dt.datetime | None:
    """Return a DICOM or ISO date and time; None where malformed or a placeholder."""
    digits = (date or "").replace(".", "").replace("-", "")
    clock = (time or "").replace(":", "")
    whole, _, fraction = clock.partition(".")
    try:
        if int(digits[:4]) < _FIRST_MRI_YEAR:
            return None
        return dt.datetime(
            int(digits[:4]),
            int(digits[4:6]),
            int(digits[6:8]),
            int(whole[0:2] or 0),
            int(whole[2:4] or 0),
            min(int(whole[4:6] or 0), 59),
            int(f"{fraction:0<6}"[:6] or 0),
        )
    except ValueError:
        return None


def acquisition_of(header: Header) -> Acquisition:
    """Return the acquisition as standard attributes state it; vendors' modules refine it."""
    rows, columns = header.whole("Rows"), header.whole("Columns")
    spacing = header.numbers("PixelSpacing")
    frequency, resolution = _center_frequency(header)
    encode = _phase_encode(header)
    matrix = (columns, rows) if columns and rows else None
    acquired = _matrix_acquired(header)
    fov = None
    if matrix and len(spacing) == 2:
        fov = (matrix[0] * spacing[1], matrix[1] * spacing[0])
    return Acquisition(
        acquired_at=when(header),
        software=_software(header),
        coil=named(header.text("ReceiveCoilName")),
        coil_elements=_coil_elements(header),
        sequence=_sequence(header),
        spin_echo=_spin_echo(header),
        tr_ms=_positive(header.number("RepetitionTime")),
        te_ms=_positive(_first(header, "EffectiveEchoTime", "EchoTime")),
        ti_ms=_positive(_first(header, "InversionTimes", "InversionTime")),
        flip_angle_deg=header.number("FlipAngle"),
        echo_train_length=header.whole("EchoTrainLength"),
        averages=_positive(header.number("NumberOfAverages")),
        slice_thickness_mm=_positive(header.number("SliceThickness")),
        matrix=matrix,
        matrix_acquired=acquired,
        fov_mm=fov,
        phase_encode_direction=encode,
        pixel_bandwidth_hz=_positive(header.number("PixelBandwidth")),
        acceleration=_positive(header.number("ParallelReductionFactorInPlane")),
        center_frequency_hz=frequency,
        center_frequency_resolution_hz=resolution,
        patient_position=header.text("PatientPosition"),
        reconstruction=Reconstruction(interpolation=_interpolated(matrix, acquired, encode)),
    )


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _first(header: Header, *keywords: str) -> float | None:
    values = (header.number(keyword) for keyword in keywords)
    return next((value for value in values if value is not None), None)


def _software(header: Header) -> str | None:
    """Return the most detailed of the versions listed (`5.7.1`, `5.7.1.2` -> `5.7.1.2`)."""
    versions = [v for v in header.texts("SoftwareVersions") if v and not is_placeholder(v)]
    return max(versions, key=len) if versions else None


def _sequence(header: Header) -> str | None:
    kind = "\\".join(value for value in header.texts("ScanningSequence") if value)
    kind = kind or {"SPIN": "SE", "GRADIENT": "GR", "BOTH": "GR\\SE"}.get(
        header.text("EchoPulseSequence") or "", ""
    )
    name = header.text("SequenceName") or header.text("PulseSequenceName") or ""
    return f"{kind} {name.lstrip('*')}".strip() or None


def _spin_echo(header: Header) -> bool | None:
    """Return None where only inversion or echo-planar readout is stated."""
    kinds = header.texts("ScanningSequence")
    if "GR" in kinds or "SE" in kinds:
        return "GR" not in kinds
    return {"SPIN": True, "GRADIENT": False, "BOTH": False}.get(
        header.text("EchoPulseSequence") or ""
    )


def _coil_elements(header: Header) -> str | None:
    used = [
        item.text("MultiCoilElementName")
        for item in header.items("MultiCoilDefinitionSequence")
        if item.text("MultiCoilElementUsed") != "NO"
    ]
    return ";".join(name for name in used if name) or None


def _phase_encode(header: Header) -> str | None:
    text = header.text("InPlanePhaseEncodingDirection") or ""
    return {"ROW": "ROW", "COL": "COL", "COLUMN": "COL"}.get(text)


def _matrix_acquired(header: Header) -> tuple[int, int] | None:
    """Return frequency and phase encoding steps.

    Acquisition Matrix (0018,1310) holds frequency rows, frequency columns, phase rows, phase
    columns, with zeros for the axis that does not apply.
    """
    matrix = header.numbers("AcquisitionMatrix")
    if len(matrix) == 4:
        frequency, phase = max(matrix[:2]), max(matrix[2:])
    else:
        frequency = header.number("MRAcquisitionFrequencyEncodingSteps") or 0.0
        phase = header.number("MRAcquisitionPhaseEncodingStepsInPlane") or 0.0
    return (int(frequency), int(phase)) if frequency > 0 and phase > 0 else None


def _interpolated(
    matrix: tuple[int, int] | None, acquired: tuple[int, int] | None, encode: str | None
) -> bool | None:
    """Say whether more pixels are stored along the frequency axis than were acquired."""
    if matrix is None or acquired is None or encode is None:
        return None
    columns, rows = matrix
    return (rows if encode == "ROW" else columns) > acquired[0]


def _center_frequency(header: Header) -> tuple[float | None, float | None]:
    """Return center frequency and the size of its last printed digit, both in Hz."""
    printed = header.printed("ImagingFrequency")
    value = header.number("ImagingFrequency")
    if value is None:
        value = header.number("TransmitterFrequency")
        printed = None if value is None else repr(value)
    if value is None or printed is None or value <= 0:
        return None, None
    mantissa, _, exponent = printed.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    try:
        power = int(exponent or 0)
    except ValueError:
        return None, None
    # the standard says MHz; some writers print Hz
    hertz = 1.0 if value > _HIGHEST_MHZ else 1e6
    return round(value * hertz, 3), hertz * 10.0 ** (power - decimals)
