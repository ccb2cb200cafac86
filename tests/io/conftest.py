"""DICOM files made for tests, and the folder of real scans."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture(scope="session")
def scans() -> Path:
    root = os.environ.get("QIQA_REAL_DATA")
    if not root:
        pytest.skip("QIQA_REAL_DATA is not set")
    return Path(root)


@pytest.fixture
def make() -> Callable[..., Any]:
    """Return a function that makes a classic MR image as pydicom Dataset."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import MRImageStorage

    def build(
        z_mm: float = 0.0,
        number: int = 1,
        *,
        pixels: np.ndarray | None = None,
        series: str = "1.2.3",
        **attributes: Any,
    ) -> Dataset:
        values = np.full((4, 6), 100 + number, dtype=np.uint16) if pixels is None else pixels
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = _EXPLICIT
        ds.file_meta.MediaStorageSOPClassUID = MRImageStorage
        ds.SOPClassUID = MRImageStorage
        ds.SOPInstanceUID = f"1.9.{number}.{round(z_mm * 1000) + 10**6}"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.SeriesInstanceUID, ds.StudyInstanceUID = series, "1.2"
        ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "MR", "ACME", "One"
        ds.DeviceSerialNumber, ds.MagneticFieldStrength = "77", "1.5"
        ds.SeriesDescription, ds.InstanceNumber = "test", number
        ds.ImageType, ds.ScanningSequence = ["ORIGINAL", "PRIMARY", "M"], "SE"
        ds.RepetitionTime, ds.EchoTime, ds.FlipAngle, ds.SliceThickness = 500, 20, 90, 5
        ds.ImagePositionPatient = [-3.0, -2.0, z_mm]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing = [1.0, 1.0]
        ds.Rows, ds.Columns = values.shape
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.PixelData = values.tobytes()
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
        return ds

    return build


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes datasets to a folder under names that tell nothing."""

    def write(datasets: Any, folder: str = "series") -> Path:
        target = tmp_path / folder
        target.mkdir(parents=True, exist_ok=True)
        for index, ds in enumerate(datasets):
            ds.save_as(target / f"{(index * 7919) % 1000:04d}_{index}", enforce_file_format=True)
        return target

    return write
