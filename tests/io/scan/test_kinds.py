"""What lies beside images is called what it is, and never unreadable."""

import io
import zipfile

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from qiqa.io.scan.stack import load_stack
from qiqa.vetting.checks import geometry

DICOMDIR = "1.2.840.10008.1.3.10"
STORAGE = "1.2.840.10008.5.1.4.1.1"


def written(ds, **options):
    target = io.BytesIO()
    pydicom.dcmwrite(target, ds, **options)
    return target.getvalue()


def index(*records, held=DICOMDIR):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.file_meta.MediaStorageSOPClassUID = held
    ds.file_meta.MediaStorageSOPInstanceUID = "2.25.5"
    if records:
        ds.DirectoryRecordSequence = list(records)
    return ds


def full_index():
    ds = index(Dataset())
    ds.FileSetID = "DISC"
    ds.FileSetConsistencyFlag = 0
    return ds


@pytest.mark.parametrize(
    "ds",
    [index(), full_index(), index(Dataset(), held=f"{STORAGE}.4")],
    ids=["bare", "full", "odd"],
)
def test_an_index_is_an_index(ds, tmp_path, scan):
    (tmp_path / "DICOMDIR").write_bytes(written(ds, enforce_file_format=True))
    series, (note,) = scan(tmp_path)
    assert not series
    assert (note.kind, note.observations) == ("DICOMDIR", ())


def test_an_index_that_names_patients_says_so(tmp_path, scan):
    record = Dataset()
    record.PatientName, record.PatientID = "Quellbrunn^Hermine", "ZX-4711"
    (tmp_path / "DICOMDIR").write_bytes(written(index(record), enforce_file_format=True))
    _, (note,) = scan(tmp_path)
    (seen,) = note.observations
    assert seen.evidence == "PatientName in DirectoryRecordSequence"


@pytest.mark.parametrize(
    ("storage", "kind"),
    [
        (f"{STORAGE}.88.11", "structured report"),
        (f"{STORAGE}.88.67", "structured report"),
        (f"{STORAGE}.88.59", "key object selection"),
        (f"{STORAGE}.11.1", "presentation state"),
        (f"{STORAGE}.481.2", "RT dose"),
        (f"{STORAGE}.481.3", "RT structure set"),
        (f"{STORAGE}.481.5", "RT plan"),
        (f"{STORAGE}.66.4", "segmentation"),
        (f"{STORAGE}.66.1", "registration"),
        (f"{STORAGE}.66", "raw data"),
        (f"{STORAGE}.104.1", "encapsulated document"),
        (f"{STORAGE}.4.2", "MR spectroscopy"),
        ("1.3.12.2.1107.5.9.1", "private data of Siemens"),
        ("1.2.840.113619.4.30", "private data of GE"),
        ("1.3.46.670589.11.0.0.12.4", "private data of Philips"),
        ("1.2.3.4", "DICOM object without pixels"),
    ],
)
def test_objects_that_are_no_images(make, tmp_path, scan, storage, kind):
    ds = make(SOPClassUID=storage)
    if kind not in ("segmentation", "RT dose"):  # they have pixels and a place
        del ds.PixelData
    (tmp_path / "x").write_bytes(written(ds, enforce_file_format=True))
    series, notes = scan(tmp_path)
    assert ([*series], [(note.kind, note.observations) for note in notes]) == ([], [(kind, ())])


def test_files_of_other_kinds(tmp_path, scan):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a", b"x")
    files = {
        ".DS_Store": "file of the operating system",
        "Thumbs.db": "file of the operating system",
        "._image.dcm": "file of the operating system",
        "b0.bval": "sidecar",
        "b0.bvec": "sidecar",
        "b0.json": "sidecar",
        "scan.PAR": "Philips PAR/REC, not read",
        "scan.REC": "Philips PAR/REC, not read",
        "x.ExamCard": "protocol of Philips",
        "x.hdr": "pair of .hdr and .img, not read",
        "x.img": "pair of .hdr and .img, not read",
        "slice_012.PNG": "PNG picture, not read",
        "slice_012.jpeg": "JPEG picture, not read",
        "slice.tif": "TIFF picture, not read",
        "file1000001.h5": "HDF5, not read",
        "volume.npz": "NumPy array, not read",
        "x.tar.xz": "archive, not read",
        "x.tar.gz": "archive, not read",
        "notes": "not DICOM",
        "P12345.7": "not DICOM",
    }
    for name in files:
        (tmp_path / name).write_bytes(b"hello, nothing of DICOM")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    series, notes = scan(tmp_path)
    assert not series
    found = {note.path: note.kind for note in notes}
    assert found == {**files, "outer.zip: inner.zip": "archive, not read"}
    assert not [note for note in notes if note.observations]


def test_a_name_makes_no_image_something_else(make, tmp_path, scan):
    (tmp_path / "x.json").write_bytes(written(make(), enforce_file_format=True))
    series, notes = scan(tmp_path)
    assert (list(series), notes) == (["1.2.3"], [])


@pytest.mark.parametrize(
    ("storage", "kind"),
    [
        (f"{STORAGE}.1", "projection image"),  # computed radiography
        (f"{STORAGE}.1.1", "projection image"),  # digital, for presentation
        (f"{STORAGE}.1.2.1", "projection image"),  # mammography, for processing
        (f"{STORAGE}.12.1", "projection image"),  # angiography
        (f"{STORAGE}.6.1", "ultrasound"),
        (f"{STORAGE}.3.1", "ultrasound"),
        (f"{STORAGE}.77.1.4", "photograph"),
    ],
)
def test_images_that_are_no_sections(make, tmp_path, scan, codes, storage, kind):
    """They lack a place by nature: nobody is told that it is missing."""
    ds = make(SOPClassUID=storage)
    del ds.ImagePositionPatient, ds.ImageOrientationPatient
    (tmp_path / "x").write_bytes(written(ds, enforce_file_format=True))
    series, notes = scan(tmp_path)
    (facts,) = series.values()
    assert not notes
    assert [(o.code, o.evidence) for o in facts.observations if o.code == "no_section"] == [
        ("no_section", kind)
    ]
    assert "not_an_image" not in codes(facts)
    settings = {one.name: one.default for one in geometry.CHECK.settings}
    assert not [o for o in geometry.look(facts, settings) if o.code == "no_position"]
    assert load_stack(facts, tmp_path) == (None, ())
