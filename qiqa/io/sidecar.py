"""What stands beside a NIfTI image: BIDS JSON (seconds, megahertz) and FSL gradient tables."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.scanner import Acquisition, Reconstruction, Scanner
from qiqa.io.facts import moment_of, named
from qiqa.io.header import clean

__all__ = ["Sidecar", "read_sidecar"]

_AXES = (
    ("echo_time", "ms", "EchoTime", 1e3),
    ("inversion_time", "ms", "InversionTime", 1e3),
    ("flip_angle", "degree", "FlipAngle", 1.0),
)
_TR_AFTER_PREPARATION = ("RepetitionTimePreparation", "RepetitionTime", "RepetitionTimeExcitation")
_TR_OF_EXCITATIONS = ("RepetitionTimeExcitation", "RepetitionTime", "RepetitionTimePreparation")
"""BIDS keys of the repetition time, the best first. With an inversion it is the time between two
preparations that the signal depends on, else the time between two excitations."""
_COMPONENTS = {
    **dict.fromkeys(("P", "PHASE"), "phase"),
    **dict.fromkeys(("R", "REAL"), "real"),
    **dict.fromkeys(("I", "IMAGINARY"), "imaginary"),
    **{name: name.lower() for name in ("ADC", "FA", "COLFA", "TRACEW", "TENSOR")},
}
"""What ImageType says a converted image shows, as the readers of DICOM name it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sidecar:
    """Values of a BIDS JSON by key, checked for type when asked for."""

    values: dict[str, Any]
    b_values: tuple[float, ...] = ()
    directions: tuple[tuple[float, float, float], ...] | None = None
    """RAS unit vectors."""

    def text(self, *keys: str) -> str | None:
        """Return the first text found under `keys`, cleaned; None for placeholders."""
        for key in keys:
            value = self.values.get(key)
            if isinstance(value, list):
                value = "\\".join(str(part) for part in value)
            found = named(clean(str(value))) if isinstance(value, str | int) else None
            if found:
                return found
        return None

    def numbers(self, key: str, factor: float = 1.0) -> tuple[float, ...]:
        """Return the numbers under `key`, one or several."""
        value = self.values.get(key)
        items = value if isinstance(value, list) else [value]
        found = [float(x) for x in items if isinstance(x, int | float) and math.isfinite(x)]
        return tuple(x * factor for x in found) if len(found) == len(items) else ()

    def number(self, key: str, factor: float = 1.0) -> float | None:
        """Return the first number under `key`."""
        found = self.numbers(key, factor)
        return found[0] if found else None

    @property
    def axes(self) -> tuple[tuple[str, str, tuple[float, ...]], ...]:
        """Name, unit and values of everything that may tell volumes apart."""
        stated = (
            (name, unit, self.numbers(key, factor))
            for name, unit, key, factor in _AXES
            if isinstance(self.values.get(key), list)
        )
        last = () if len(set(self.tr_ms)) < 2 else (("repetition_time", "ms", self.tr_ms),)
        return (("b_value", "s/mm²", self.b_values), *stated, *last)

    @property
    def tr_ms(self) -> tuple[float, ...]:
        """Repetition time or times [ms], of preparations where the image has an inversion time."""
        prepared = self.values.get("InversionTime") is not None
        keys = _TR_AFTER_PREPARATION if prepared else _TR_OF_EXCITATIONS
        return next((found for key in keys if (found := self.numbers(key, 1e3))), ())

    @property
    def component(self) -> str:
        """What kind of image it is; `magnitude` where nothing else is stated."""
        flags = self.values.get("ImageType")
        words = [str(flag) for flag in flags] if isinstance(flags, list) else []
        return next((_COMPONENTS[word] for word in words[2:] if word in _COMPONENTS), "magnitude")

    @property
    def derived(self) -> bool:
        """True for images that the scanner computed from others."""
        flags = self.values.get("ImageType")
        return isinstance(flags, list) and flags[:1] == ["DERIVED"]

    @property
    def study_uid(self) -> str | None:
        """Study, where the converter kept it."""
        return self.text("StudyInstanceUID")

    @property
    def description(self) -> str | None:
        """Name of the series."""
        return self.text("SeriesDescription", "ProtocolName")

    @property
    def modality(self) -> str | None:
        """DICOM modality."""
        return self.text("Modality")

    @property
    def scanner(self) -> Scanner:
        """What the sidecar says about the scanner."""
        return Scanner(
            manufacturer=self.text("Manufacturer"),
            model=self.text("ManufacturersModelName"),
            serial_number=self.text("DeviceSerialNumber"),
            station=self.text("StationName"),
            site=self.text("InstitutionName"),
            field_strength_t=self.number("MagneticFieldStrength"),
        )

    def acquisition(
        self, matrix: tuple[int, int], size_mm: tuple[float, float, float], n_slices: int
    ) -> Acquisition:
        """Return what the sidecar says about the acquisition."""
        date_time = self.text("AcquisitionDateTime")
        moment = None
        if date_time and "T" in date_time:
            moment = moment_of(*date_time.split("T", 1))
        kind = self.text("ScanningSequence")
        name = self.text("SequenceName", "PulseSequenceName") or ""
        echo_train = self.number("EchoTrainLength")
        frequency = self.number("ImagingFrequency", 1e6)
        stated = None if frequency is None else repr(self.values["ImagingFrequency"])
        digits = len(stated.partition(".")[2]) if stated and "e" not in stated else None
        return Acquisition(
            acquired_at=moment,
            software=self.text("SoftwareVersions"),
            coil=self.text("ReceiveCoilName"),
            coil_elements=self.text("ReceiveCoilActiveElements"),
            sequence=f"{kind or ''} {name.lstrip('*')}".strip() or None,
            spin_echo=None if kind is None else "SE" in kind and "GR" not in kind,
            tr_ms=next(iter(self.tr_ms), None),
            te_ms=self.number("EchoTime", 1e3),
            ti_ms=self.number("InversionTime", 1e3),
            flip_angle_deg=self.number("FlipAngle"),
            echo_train_length=None if echo_train is None else int(echo_train),
            averages=self.number("NumberOfAverages"),
            slice_thickness_mm=self.number("SliceThickness"),
            slice_spacing_mm=size_mm[2] if n_slices > 1 else None,
            matrix=matrix,
            fov_mm=(matrix[0] * size_mm[0], matrix[1] * size_mm[1]),
            phase_encode_direction=self._phase_encode(),
            pixel_bandwidth_hz=self.number("PixelBandwidth"),
            acceleration=self.number("ParallelReductionFactorInPlane"),
            center_frequency_hz=frequency,
            center_frequency_resolution_hz=None if digits is None else 10.0 ** (6 - digits),
            patient_position=self.text("PatientPosition"),
            reconstruction=self._reconstruction(),
        )

    def _phase_encode(self) -> str | None:
        stated = self.text("InPlanePhaseEncodingDirectionDICOM")
        axis = self.text("PhaseEncodingDirection", "PhaseEncodingAxis") or ""
        return stated or {"i": "ROW", "j": "COL"}.get(axis[:1])

    def _reconstruction(self) -> Reconstruction:
        flags = self.values.get("ImageType")
        words = {str(flag) for flag in flags} if isinstance(flags, list) else set()
        distortion = {"DIS2D": "2D", "DIS3D": "3D", "ND": "none"}
        found = [distortion[flag] for flag in ("DIS3D", "DIS2D", "ND") if flag in words]
        return Reconstruction(
            intensity_normalization="NORM" if "NORM" in words else None,
            distortion_correction=found[0] if found else None,
        )


def read_sidecar(files: dict[str, bytes], affine: NDArray[np.float64]) -> Sidecar:
    """Return what the files beside an image say; damaged ones say nothing.

    `affine` is that of the image as stored: FSL directions are parts along its axes, with the
    first one turned where the axes are right-handed
    (https://fsl.fmrib.ox.ac.uk/fsl/docs, FDT, bvecs).
    """
    try:
        values = json.loads(files.get("json", b"{}").decode("utf-8", "replace"))
    except (json.JSONDecodeError, RecursionError):
        values = {}
    b_values = _table(files.get("bval", b""))
    vectors = _table(files.get("bvec", b""))
    directions = None
    if b_values and len(vectors) == 3 * len(b_values):
        parts = np.reshape(vectors, (3, -1))
        if float(np.linalg.det(affine[:3, :3])) > 0:
            parts = parts * np.array([[-1.0], [1.0], [1.0]])
        axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        world = (axes @ parts).T
        directions = tuple((float(x), float(y), float(z)) for x, y, z in world)
    return Sidecar(values if isinstance(values, dict) else {}, b_values, directions)


def _table(text: bytes) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.decode("ascii").split())
    except ValueError:
        return ()
    return values if all(math.isfinite(value) for value in values) else ()
