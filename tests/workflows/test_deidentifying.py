"""A folder in, a folder out: resumable, no bad file ends it, and the numbers stay the numbers."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import shutil
import subprocess
import zipfile

import numpy as np
import pydicom
import pytest

from qiqa.core.errors import OutputError, ReadError, UsageError
from qiqa.core.pseudonyms import PseudonymKey, pseudonym, uid_pseudonym
from qiqa.io import load, read
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.io.deid.files import DeidOptions, clean_file
from qiqa.io.deid.journal import JOURNAL_NAME
from qiqa.io.keyfile import is_private, key_from, make_key
from qiqa.workflows import deidentifying
from qiqa.workflows.deidentifying import check_places, deidentify
from qiqa.workflows.weekly_qc import QcRequest, run_qc

KEY = PseudonymKey(b"another key that is long enough.")
PHANTOM = DeidOptions(phantom=True)


def image(number):
    """Return a small image of a person."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID = pydicom.uid.MRImageStorage
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.9.{number}", "1.2", "1.2.3"
    ds.PatientName, ds.PatientID = "Quellbrunn^Hermine", "ZX-4711"
    ds.PatientBirthDate, ds.StudyDate, ds.Modality = "19561204", "20260304", "MR"
    ds.Manufacturer, ds.DeviceSerialNumber = "SIEMENS", "46229"
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 4, 6, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = np.full((4, 6), 100 + number, np.uint16).tobytes()
    return ds


@pytest.fixture
def originals(tmp_path):
    """Return a folder with four images of a person, named after her."""
    home = tmp_path / "in" / "Quellbrunn Hermine"
    home.mkdir(parents=True)
    for number in range(4):
        image(number).save_as(home / f"hermine{number}.dcm", enforce_file_format=True)
    return tmp_path / "in"


def rows(out):
    with (out / JOURNAL_NAME).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def snapshot(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.dcm")}


def test_originals_stay_and_neither_names_nor_log_tell_anything(originals, tmp_path):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in originals.rglob("*.dcm")}
    out = tmp_path / "out"
    done = deidentify([originals], out, KEY, DeidOptions())
    assert (done.written, done.refused, done.not_dicom) == (4, [], 0)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in originals.rglob("*.dcm")} == before
    names = " ".join(p.relative_to(out).as_posix() for p in out.rglob("*"))
    for word in ("ermine", "uellbrunn", "4711", "1956"):
        assert word not in names
        assert word not in (out / JOURNAL_NAME).read_text(encoding="utf-8")
    assert {row["outcome"] for row in rows(out)} == {"written"}
    assert not list(out.rglob("*.part"))
    for row in rows(out):
        ds = pydicom.dcmread(out / row["output"])
        assert (out / row["output"]).stem == ds.SOPInstanceUID
        assert row["codes"].split()[0] == "113100"


def test_a_bad_file_does_not_take_the_others_down(originals, tmp_path):
    good = next(originals.rglob("hermine0.dcm")).read_bytes()
    (originals / "notes.txt").write_text("Hermine came late", encoding="utf-8")
    (originals / "cut.dcm").write_bytes(good[:300])
    (originals / "noise.dcm").write_bytes(
        bytes(128) + b"DICM" + np.random.default_rng(1).bytes(999)
    )
    (originals / "bomb.gz").write_bytes(b"\x1f\x8b" + b"broken")
    ds = pydicom.dcmread(next(originals.rglob("hermine1.dcm")))
    ds.BurnedInAnnotation = "YES"
    ds.save_as(originals / "burned.dcm")
    out = tmp_path / "out"
    done = deidentify([originals], out, KEY, DeidOptions())
    assert (done.written, done.not_dicom) == (4, 1)
    named = {error.where.rpartition("/")[2] for error in done.refused}
    assert named == {"cut.dcm", "noise.dcm", "bomb.gz", "burned.dcm"}
    reasons = sorted(row["reason"] for row in rows(out) if row["outcome"] == "refused")
    assert reasons == ["burned_in", "unreadable", "unreadable"]
    assert "burned.dcm" not in (out / JOURNAL_NAME).read_text(encoding="utf-8")


def test_it_goes_on_where_it_was_interrupted(originals, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    deidentify([originals], whole, KEY, DeidOptions())
    out = tmp_path / "out"
    deidentify([next(originals.rglob("hermine0.dcm"))], out, KEY, DeidOptions())
    log = out / JOURNAL_NAME
    log.write_bytes(log.read_bytes() + b"qiqa.deidentification/1,qiqa 0.1")  # the power went
    seen = []
    monkeypatch.setattr(deidentifying, "clean_file", lambda *a: seen.append(a[1]) or clean_file(*a))
    done = deidentify([originals], out, KEY, DeidOptions())
    assert (done.written, done.unchanged, len(seen)) == (3, 1, 3)
    assert snapshot(out) == snapshot(whole)
    # what was lost or changed since is made again
    victim = next(out.rglob("*.dcm"))
    content = victim.read_bytes()
    victim.unlink()
    done = deidentify([originals], out, KEY, DeidOptions())
    assert (done.written, done.unchanged, victim.read_bytes()) == (1, 3, content)


def test_one_folder_is_made_with_one_key_and_one_way(originals, tmp_path):
    out = tmp_path / "out"
    deidentify([originals], out, KEY, DeidOptions())
    for key, options in ((PseudonymKey(b"B" * 32), DeidOptions()), (KEY, PHANTOM)):
        with pytest.raises(UsageError, match="another key, other options"):
            deidentify([originals], out, key, options)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / JOURNAL_NAME).write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no log"):
        deidentify([originals], tmp_path / "mine", KEY, DeidOptions())


def test_copies_are_one_and_contradicting_copies_are_refused(originals, tmp_path):
    first = next(originals.rglob("hermine0.dcm"))
    shutil.copy(first, originals / "z copy.dcm")
    ds = pydicom.dcmread(first)
    ds.PixelData = bytes(len(ds.PixelData))
    ds.save_as(originals / "zz other.dcm")
    out = tmp_path / "out"
    done = deidentify([originals], out, KEY, DeidOptions())
    assert (done.written, done.unchanged) == (4, 1)  # the copy has the same bytes
    assert [error.code for error in done.refused] == ["uid_conflict"]
    assert done.refused[0].where.endswith("zz other.dcm")
    ds = pydicom.dcmread(first)
    ds.PatientComments = "Somebody"  # another file, the same image
    ds.save_as(originals / "zz other.dcm")
    assert deidentify([originals], out, KEY, DeidOptions()).duplicates == 1


def test_archives_and_packed_files_give_the_same(originals, tmp_path):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    deidentify([originals], plain, KEY, DeidOptions())
    files = sorted(originals.rglob("*.dcm"))
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for file in files[:2]:
            archive.write(file, f"Hermine/{file.name}")
    for file in files[2:]:
        (tmp_path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    sources = [tmp_path / "in.zip", *sorted(tmp_path.glob("*.gz"))]
    deidentify(sources, packed, KEY, DeidOptions())
    assert snapshot(packed) == snapshot(plain)


def test_places_that_would_send_too_much_are_refused(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    check_places([source], out, tmp_path / "key")
    with pytest.raises(UsageError, match="the key lies inside"):
        check_places([source], out, out / "key")
    for output in (source, source / "out", tmp_path):
        with pytest.raises(UsageError, match="inside"):
            check_places([source], output, tmp_path.parent / "key")
    with pytest.raises(ReadError, match="no such"):
        check_places([tmp_path / "nowhere"], out, tmp_path / "key")


def test_a_key_is_made_for_its_owner_alone_and_read_again(tmp_path):
    path = tmp_path / "key"
    made = make_key(path)
    assert len(made.secret) == 64
    assert is_private(path)
    assert key_from(path).secret == made.secret
    with pytest.raises(OutputError, match="cannot be written"):
        make_key(path)
    path.chmod(0o644)
    assert not is_private(path)
    path.write_bytes(b"x" * 31 + b"\n")
    with pytest.raises(UsageError, match="31 bytes, at least 32") as refused:
        key_from(path)
    assert refused.value.where == str(path)
    with pytest.raises(UsageError, match="cannot be read"):
        key_from(tmp_path / "none")


# --- real scans --------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["Siemens2", "PhilipsAchieva"])
def test_a_real_exam_measures_the_same(real_data, tmp_path, folder):
    source = real_data(f"phantoms/acr_large/{folder}")
    deidentify([source], tmp_path / "out", KEY, PHANTOM)

    def measured(folder):
        request = QcRequest(
            paths=(folder,),
            phantom=load_phantom("acr_large"),
            protocol=load_protocol("acr_large_2022"),
        )
        return run_qc(request, now=dt.datetime(2026, 1, 6, 9, tzinfo=dt.UTC), user="tester")

    before, after = measured(source), measured(tmp_path / "out")
    values = [
        [(m.name, m.insert, m.slice, m.value, m.standard_uncertainty) for m in _measurements(r)]
        for r in (before, after)
    ]
    assert len(values[0]) > 15
    assert repr(values[0]) == repr(values[1])  # NaN is NaN
    assert after.scanner.identity == pseudonym(before.scanner, KEY) != before.scanner.identity
    assert after.acquired_at == before.acquired_at


def _measurements(result):
    return [assessment.measurement for assessment in result.assessments]


SETS = (
    "vendors/dcm_qa_ge", "vendors/dcm_qa_mosaic", "vendors/dcm_qa_uih",
    "vendors/dcm_qa_xa30/In/25_asl_2d_tra",
    "vendors/dcm_qa_enh", "phantoms/acr_large/PhilipsAchieva",
)  # fmt: skip


@pytest.mark.parametrize("folder", SETS)
def test_vendors_private_numbers_read_the_same(real_data, tmp_path, folder):
    source = real_data(folder)
    done = deidentify([source], tmp_path / "out", KEY, PHANTOM)
    assert {error.code for error in done.refused} <= {"object_not_taken"}
    before, after = read([source]).headers, read([tmp_path / "out"]).headers
    pairs = {(uid_pseudonym(h.series_uid, KEY), h.component, h.shape): h for h in before}
    assert len(after) == len(before) == len(pairs)
    for header in after:
        original = pairs[header.series_uid, header.component, header.shape]
        assert header.encoding == original.encoding
        assert header.acquisition == original.acquisition
        assert np.array_equal(header.affine, original.affine)
        assert header.scanner.identity == pseudonym(original.scanner, KEY)
        assert header.scanner.site is None
        assert np.array_equal(load(header).signal, load(original).signal)


@pytest.mark.parametrize("folder", [*SETS[:5], "phantoms/diffusion/03001_ep2d_diff_1_TRACEW"])
def test_other_programs_find_no_more_faults_than_before(real_data, tmp_path, folder):
    programs = [shutil.which(name) for name in ("dciodvfy", "dcmdump")]
    if None in programs:
        pytest.skip("dciodvfy or dcmdump is not installed")
    source = next(p for p in sorted(real_data(folder).rglob("*")) if _is_image(p))
    deidentify([source], tmp_path / "out", KEY, DeidOptions())
    (made,) = (tmp_path / "out").rglob("*.dcm")

    def faults(path):
        run = subprocess.run([programs[0], "-new", str(path)], capture_output=True, check=False)
        text = (run.stdout + run.stderr).decode("latin-1")
        lines = (line.split("Module=")[0] for line in text.splitlines() if "Error" in line)
        return {line.replace(" ", "") for line in lines}

    assert faults(made) <= faults(source)
    dump = subprocess.run([programs[1], "+E", str(made)], capture_output=True, check=False)
    assert (dump.returncode, dump.stderr) == (0, b"")


def _is_image(path):
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM" and path.name != "DICOMDIR"


def test_dates_of_participants_move_by_one_shift_in_all_series(real_data, tmp_path):
    source = real_data("vendors/dcm_qa_ge")
    deidentify([source], tmp_path / "out", KEY, DeidOptions())
    before = {uid_pseudonym(h.series_uid, KEY): h for h in read([source]).headers}
    moved = {
        before[h.series_uid].acquisition.acquired_at - h.acquisition.acquired_at
        for h in read([tmp_path / "out"]).headers
    }
    assert len(moved) == 1
    assert moved.pop() % dt.timedelta(days=1) == dt.timedelta()
