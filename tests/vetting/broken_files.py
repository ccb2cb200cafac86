"""Files as they come: empty, cut, renamed, damaged, hostile. What each is, is said by its name."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless

FORMULA = "=cmd|' calc'!A0.dcm"
"""A path that a table calculator would run; beside the folder of the others."""
_DIRECTORY = "1.2.840.10008.1.3.10"


def dicom(number: int, *, syntax: str = ExplicitVRLittleEndian, rows: int = 32) -> bytes:
    """Return one slice of a series of its own."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = f"2.25.77{number}"
    one = Dataset()
    one.file_meta = meta
    one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, f"2.25.77{number}"
    one.StudyInstanceUID, one.SeriesInstanceUID = f"2.25.78{number}", f"2.25.79{number}"
    one.Modality, one.PatientID, one.PatientName = "MR", f"T{number}", f"T{number}"
    one.Manufacturer, one.DeviceSerialNumber = "SIM", "07"
    one.InstanceNumber, one.SeriesDescription = 1, "T1"
    one.ImagePositionPatient, one.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    one.PixelSpacing, one.SliceThickness = [1, 1], 5
    one.Rows = one.Columns = rows
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
    values = np.random.default_rng(number).integers(0, 4000, (rows, rows)).astype("<u2")
    one.PixelData = values.tobytes()
    one["PixelData"].VR = "OW"
    if syntax == RLELossless:
        one.compress(RLELossless)
    return _written(one)


def _written(one: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, one, enforce_file_format=True)
    return buffer.getvalue()


def _header_only(number: int) -> bytes:
    one = dcmread(io.BytesIO(dicom(number)))
    del one.PixelData
    return _written(one)


def _directory() -> bytes:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = _DIRECTORY
    one.file_meta.MediaStorageSOPInstanceUID = "2.25.5"
    one.FileSetID = "DISC"
    one.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    one.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    one.FileSetConsistencyFlag = 0
    one.DirectoryRecordSequence = []
    return _written(one)


def _bomb() -> bytes:
    """Return a zip archive of 100 kB with a member of 100 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.dcm", bytes(100_000_000))
    return buffer.getvalue()


def _nifti() -> bytes:
    import nibabel

    values = np.random.default_rng(2).integers(0, 3000, (16, 16, 8)).astype(np.int16)
    image = nibabel.Nifti1Image(values, np.eye(4))
    return gzip.compress(image.to_bytes())


def _damaged(content: bytes, seed: int) -> bytes:
    """Return it with the last half overwritten: the header stands, what is packed does not."""
    half = len(content) // 2
    return content[:half] + np.random.default_rng(seed).bytes(len(content) - half)


def contents() -> dict[bytes, bytes]:
    """Return name (as the file system holds it) -> content, all to be in one folder."""
    whole = dicom(1)
    made = {
        b"empty.dcm": b"",
        b"random.dcm": np.random.default_rng(3).bytes(5000),
        b"random behind preamble.dcm": bytes(128) + b"DICM" + np.random.default_rng(4).bytes(3000),
        b"text.dcm": b"this is a note\n",
        b"header only.dcm": _header_only(2),
        b"bomb.zip": _bomb(),
        b"no archive.zip": b"PK\x03\x04" + bytes(60),
        b"DICOMDIR": _directory(),
        b"cut.nii.gz": _nifti()[:-40],
        b"cut.nii": gzip.decompress(_nifti())[:-600],
        b"deflated, damaged.dcm": _damaged(dicom(3, syntax=DeflatedExplicitVRLittleEndian), 5),
        b"compressed, damaged.dcm": _damaged(dicom(4, syntax=RLELossless), 6),
        b"compressed, cut.dcm": dicom(5, syntax=RLELossless)[:-300],
        b"<script>alert(1)<.dcm": dicom(7)[:-100],
    }
    for at in (10, 131, 140, 300, len(whole) // 2, len(whole) - 3):
        made[b"cut at %d.dcm" % at] = dicom(10 + at)[:at]
    if os.name != "nt":
        made[b"two\nlines.dcm"] = dicom(8)[:-100]
        made[b"no utf8 \xff\xfe.dcm"] = dicom(9)[:-100]
    return made


def write_all(folder: Path) -> list[Path]:
    """Write all of them, and links that lead nowhere or round; return the files."""
    folder.mkdir(parents=True)
    made = []
    for name, content in contents().items():
        path = folder / os.fsdecode(name)
        try:
            path.write_bytes(content)
        except OSError:
            continue  # a file system that takes no such name
        made.append(path)
    if os.name != "nt":
        (folder.parent / FORMULA).write_bytes(dicom(6)[:-100])
        (folder / "round").symlink_to(folder, target_is_directory=True)
        (folder / "nowhere.dcm").symlink_to(folder / "gone.dcm")
    return made
