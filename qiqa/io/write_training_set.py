"""One series of a made-up training set as DICOM files, faults of headers and files included."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qiqa.core.training_set import PlannedScanner, PlannedSeries

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["write_planned_series"]

FloatArray = NDArray[np.float64]

_TIMES = {"t1w": (600.0, 10.0), "t2w": (4000.0, 90.0), "adc": (5000.0, 65.0)}
"""Repetition and echo time [ms]."""
_OPTIONAL = ("RepetitionTime", "EchoTime", "SliceThickness", "SoftwareVersions")
_ROOT = "2.25.99"


def write_planned_series(
    folder: Path, series: PlannedSeries, scanner: PlannedScanner, image: FloatArray
) -> list[Path]:
    """Write the slices of one series, a file each.

    Parameters
    ----------
    folder
        Where; a folder for the series is made in it.
    series
        What it is, and what is wrong with it.
    scanner
        Who made it.
    image
        (i, j, k): stored as whole numbers after its scale; ADC in 1e-6 mm²/s.
    """
    rng = np.random.default_rng([series.image_seed, 4])
    place = folder / _folder(series, scanner)
    place.mkdir(parents=True, exist_ok=True)
    order = list(range(image.shape[2]))
    if _has(series, "slices_missing"):
        _take_out(order, 1 + int(2 * series.dose("slices_missing")), rng)
    template = _dataset(series, scanner, image, rng)
    off = _off(series, scanner, len(order), rng)
    written = []
    for count, k in enumerate(order):
        _set_slice(template, image, k, off[count] if count < len(off) else 0.0, scanner)
        written.append(_save(template, place, series, k))
    if _has(series, "slices_repeated"):
        k = order[len(order) // 2]
        _set_slice(template, image, k, 0.0, scanner)
        template.SOPInstanceUID = f"{template.SOPInstanceUID}9"
        template.file_meta.MediaStorageSOPInstanceUID = template.SOPInstanceUID
        written.append(_save(template, place, series, 900 + k))
    _damage(written, series, rng)
    return written


def _has(series: PlannedSeries, kind: str) -> bool:
    return any(fault.kind == kind for fault in series.faults)


def _folder(series: PlannedSeries, scanner: PlannedScanner) -> Path:
    site = scanner.site.replace(" ", "_")
    person = f"{site}/{series.patient_id}"
    return Path(person) / f"{series.number:06d}_{series.contrast}"


def _take_out(order: list[int], count: int, rng: np.random.Generator) -> None:
    inner = order[1:-1]
    for k in rng.choice(inner, min(count, len(inner)), replace=False).tolist():
        order.remove(k)


def _off(
    series: PlannedSeries, scanner: PlannedScanner, count: int, rng: np.random.Generator
) -> list[float]:
    """Return how far each slice is off its place [mm]."""
    off = [0.0] * count
    if _has(series, "spacing"):
        share = 0.03 + 0.37 * series.dose("spacing")
        off[int(rng.integers(1, count - 1))] = share * scanner.spacing_mm
    return off


def _dataset(
    series: PlannedSeries, scanner: PlannedScanner, image: FloatArray, rng: np.random.Generator
) -> Dataset:
    """Return what all slices of the series have in common."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = MRImageStorage
    ds.SOPClassUID = MRImageStorage
    ds.SpecificCharacterSet = "ISO_IR 192"
    derived = series.contrast == "adc"
    ds.ImageType = ["DERIVED", "PRIMARY", "ADC"] if derived else ["ORIGINAL", "PRIMARY", "M"]
    ds.Modality = "MR"
    day = series.date.strftime("%Y%m%d")
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = day
    ds.StudyTime = ds.AcquisitionTime = "101500"
    _identify(ds, series)
    ds.Manufacturer, ds.ManufacturerModelName = scanner.manufacturer, scanner.model
    ds.InstitutionName, ds.DeviceSerialNumber = scanner.site, scanner.serial
    ds.SoftwareVersions, ds.MagneticFieldStrength = scanner.software, scanner.field_t
    ds.ProtocolName = ds.SeriesDescription = {"t1w": "T1 axial", "t2w": "T2 axial"}.get(
        series.contrast, "ADC map"
    )
    ds.StudyInstanceUID, ds.SeriesInstanceUID = series.study_uid, series.series_uid
    ds.FrameOfReferenceUID = f"{_ROOT}.{series.person_seed}.{series.date.toordinal()}"
    ds.BodyPartExamined, ds.PatientPosition = "HEAD", "HFS"
    ds.ScanningSequence, ds.SequenceVariant, ds.MRAcquisitionType = "SE", "SK", "2D"
    ds.EchoTrainLength, ds.NumberOfAverages, ds.PixelBandwidth, ds.FlipAngle = 1, 1, 200, 90
    ds.InPlanePhaseEncodingDirection = "COL"
    times = 1.0 + (0.05 + 0.55 * series.dose("protocol")) * _has(series, "protocol")
    ds.RepetitionTime, ds.EchoTime = (_digits(t * times) for t in _TIMES[series.contrast])
    ds.SliceThickness = _digits(scanner.thickness_mm)
    ds.SpacingBetweenSlices = _digits(scanner.spacing_mm)
    ds.ImagesInAcquisition = image.shape[2]
    ds.AcquisitionNumber = 1
    _pixels(ds, series, scanner, image)
    if _has(series, "attributes"):
        for keyword in _OPTIONAL[: 1 + int(3 * series.dose("attributes"))]:
            delattr(ds, keyword)
    if _has(series, "identity_private"):
        block = ds.private_block(0x0029, "ACME HEADER", create=True)
        block.add_new(0x10, "LO", f"ref {series.patient.replace('^', ' ')} {rng.integers(99)}")
    return ds


def _identify(ds: Dataset, series: PlannedSeries) -> None:
    """Write a pseudonym, or who it is where that is the fault."""
    left_in = _has(series, "identity")
    hidden = _has(series, "identity_private") or _has(series, "identity_path")
    ds.PatientID = series.patient_id
    ds.PatientName = series.patient if left_in or hidden else series.patient_id
    ds.PatientBirthDate = series.birth_date.strftime("%Y%m%d") if left_in else ""
    ds.PatientSex = series.sex
    ds.PatientAge = f"{(series.date - series.birth_date) // dt.timedelta(days=365):03d}Y"
    ds.PatientIdentityRemoved = "YES" if not (left_in or hidden) else "NO"
    ds.DeidentificationMethod = "pseudonyms of a made-up set"


def _pixels(ds: Dataset, series: PlannedSeries, scanner: PlannedScanner, image: FloatArray) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Columns, ds.Rows = image.shape[:2]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    voxel = scanner.matrix * scanner.voxel_mm / image.shape[0]
    if _has(series, "copy_cropped"):
        voxel = scanner.voxel_mm
    ds.PixelSpacing = [_digits(voxel)] * 2
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    slope = scanner.slope if series.contrast != "adc" else 1.0
    ds.RescaleIntercept, ds.RescaleSlope = 0, _digits(slope)
    if series.contrast == "adc":
        ds.RescaleType = "10^-6 mm2/s"
        if _has(series, "map_unit"):
            # values become 1e-3 mm²/s, or lose their slope, and the header says what it said
            ds.RescaleSlope = 0.001 if series.dose("map_unit") < 0.75 else 0.1


def _set_slice(
    ds: Dataset, image: FloatArray, k: int, off_mm: float, scanner: PlannedScanner
) -> None:
    from pydicom.uid import UID

    half = -0.5 * scanner.matrix * scanner.voxel_mm
    z = (k - (image.shape[2] - 1) / 2) * scanner.spacing_mm + off_mm
    ds.ImagePositionPatient = [_digits(half), _digits(half), _digits(z)]
    ds.SliceLocation = _digits(z)
    ds.InstanceNumber = k + 1
    ds.SOPInstanceUID = UID(f"{ds.SeriesInstanceUID[:40]}.{k + 1}")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    slope = 1.0 if "ADC" in ds.ImageType else float(ds.RescaleSlope)
    stored = np.clip(np.round(image[:, :, k].T / slope), 0, 4095).astype("<u2")
    ds.PixelData = stored.tobytes()


def _digits(value: float) -> str:
    """Return a number as DICOM's decimal string holds it."""
    return f"{value:.8g}"


def _save(ds: Dataset, place: Path, series: PlannedSeries, k: int) -> Path:
    who = series.patient.replace("^", "_") + "_" if _has(series, "identity_path") else ""
    path = place / f"{who}IM{k + 1:04d}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def _damage(written: list[Path], series: PlannedSeries, rng: np.random.Generator) -> None:
    """Cut or overwrite one file."""
    path = written[int(rng.integers(len(written)))]
    if _has(series, "truncated"):
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * (0.95 - 0.35 * series.dose("truncated")))])
    if _has(series, "unreadable"):
        data = path.read_bytes()
        path.write_bytes(data[:200] + rng.bytes(len(data) - 200))
