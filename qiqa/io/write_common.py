"""What classic and enhanced MR objects share: who, when, which scanner, pixels, safe files."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import OutputError
from qiqa.core.series import Series
from qiqa.io.write_vendor import VendorStyle

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = [
    "COMMENT",
    "Stored",
    "base_dataset",
    "decimal",
    "derive_uid",
    "geometry",
    "save",
    "stored_slice",
]

COMMENT = "Simulated by qiqa. Not a patient, not a scanner."
_IMPLEMENTATION = "QIQA_SIM"


def derive_uid(*parts: str) -> str:
    """Return the UID that belongs to `parts`: the same parts give the same UID."""
    value = hashlib.sha256("/".join(parts).encode("utf-8")).digest()[:16]
    return f"2.25.{int.from_bytes(value, 'big')}"


def geometry(series: Series) -> tuple[NDArray[np.float64], list[float], list[float]]:
    """Return the affine in LPS, ImageOrientationPatient and PixelSpacing (between rows first)."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ series.header.affine
    size = np.linalg.norm(lps[:3, :3], axis=0)
    row, column = lps[:3, 0] / size[0], lps[:3, 1] / size[1]
    if np.dot(np.cross(row, column), lps[:3, 2]) <= 0:
        raise OutputError(
            "slices do not follow the cross product of the row and column directions",
            where=series.header.key,
            hint="reverse the slices and the third column of the affine",
        )
    # Rounding in place of -0 and 1e-17, which some readers compare with 0.
    orientation = [float(v) + 0.0 for v in np.round(np.concatenate((row, column)), 12)]
    return lps, orientation, [float(size[1]), float(size[0])]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """Pixels of one slice as stored, and the slope back to the signal."""

    pixels: NDArray[np.uint16]
    """(rows, columns)."""
    slope: float

    @property
    def scale_slope(self) -> float:
        """Philips' scale slope: stored over it can be compared between slices and series."""
        return 1 / (100 * self.slope)


def decimal(value: float) -> object:
    """Return a number as the decimal string nearest to it that DICOM's 16 characters hold."""
    from pydicom.valuerep import DSfloat

    return DSfloat(value, auto_format=True)


def stored_slice(series: Series, k: int, style: VendorStyle) -> Stored:
    """Return one slice as unsigned integers; signal = slope x stored.

    With a slope a slice (Philips) the range of the stored bits is used in full, and the signal
    comes back within half a slope; otherwise exactly.

    Raises
    ------
    OutputError
        If the signal is negative, or not a whole number of the series' quantization steps, or
        too large for the pixel type.
    """
    signal = np.asarray(series.signal[:, :, k, 0], dtype=np.float64).T
    where = f"{series.header.key} slice {k}"
    if not np.all(np.isfinite(signal)) or signal.min() < 0:
        raise OutputError("signal has negative or missing values", where=where)
    most = 2**style.bits_stored - 1 if style.bits_stored < 16 else 2**15 - 1
    if style.rescales:
        # 10 digits, so that the decimal string in the file is the very number used here.
        slope = float(f"{max(float(signal.max()), 1e-6) / most:.10g}")
        return Stored(
            pixels=np.minimum(np.rint(signal / slope), most).astype(np.uint16), slope=slope
        )
    counts = signal / series.quantization
    if np.abs(counts - np.rint(counts)).max() > 1e-3:
        raise OutputError(
            f"signal is not a multiple of its quantization {series.quantization}",
            where=where,
            hint="round the signal, or write with style 'philips', which has a slope a slice",
        )
    if counts.max() > most:
        raise OutputError(f"signal reaches {counts.max():.0f}, stored can be {most}", where=where)
    return Stored(pixels=np.rint(counts).astype(np.uint16), slope=series.quantization)


def _date(value: dt.datetime | None) -> str:
    return value.strftime("%Y%m%d") if value else ""


def _time(value: dt.datetime | None) -> str:
    return value.strftime("%H%M%S.%f") if value else ""


def base_dataset(series: Series, style: VendorStyle, series_number: int) -> Dataset:
    """Return the patient, study, series, frame of reference and equipment modules."""
    from pydicom import Dataset

    header, acquisition = series.header, series.header.acquisition
    when = acquisition.acquired_at
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.InstanceCreationDate, ds.InstanceCreationTime = _date(when), _time(when)
    ds.StudyDate, ds.StudyTime = _date(when), _time(when)
    ds.SeriesDate, ds.SeriesTime = _date(when), _time(when)
    ds.AcquisitionDate, ds.AcquisitionTime = _date(when), _time(when)
    ds.ContentDate, ds.ContentTime = _date(when), _time(when)
    ds.AccessionNumber = ""
    ds.Modality = "MR"
    ds.Manufacturer = style.manufacturer
    ds.ManufacturerModelName = style.model
    ds.ReferringPhysicianName = ""
    ds.InstitutionName = header.scanner.site or "SIMULATED"
    ds.StationName = header.scanner.station or "SIMULATED"
    ds.SoftwareVersions = list(style.software)
    ds.DeviceSerialNumber = header.scanner.serial_number or "SIM0001"
    ds.StudyDescription = "QA phantom, simulated"
    ds.SeriesDescription = header.description or "simulated"
    ds.ProtocolName = header.description or "simulated"
    ds.PatientName = "QIQA^PHANTOM"
    ds.PatientID = "QIQA-SIMULATED"
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.Laterality = ""
    ds.PatientPosition = acquisition.patient_position or "HFS"
    ds.StudyInstanceUID = header.study_uid or derive_uid(header.series_uid, "study")
    ds.SeriesInstanceUID = header.series_uid
    ds.FrameOfReferenceUID = header.frame_of_reference_uid or derive_uid(header.series_uid, "frame")
    ds.PositionReferenceIndicator = ""
    ds.StudyID = "1"
    ds.SeriesNumber = series_number
    ds.AcquisitionNumber = 1
    ds.ImageComments = COMMENT
    return ds


def save(ds: Dataset, path: Path) -> None:
    """Write a dataset with its file header; a file of that name appears whole or not at all.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(derive_uid("qiqa", "implementation"))
    meta.ImplementationVersionName = _IMPLEMENTATION
    ds.file_meta = meta
    part = path.with_name(f"{path.name}.part")
    try:
        ds.save_as(part, enforce_file_format=True)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", where=str(path)) from error
    finally:  # also when interrupted; gone already where the move succeeded
        part.unlink(missing_ok=True)
