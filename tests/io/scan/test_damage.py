"""Damage, packing and what is no image: said, never raised."""

import gzip
import importlib.resources
import io
import json
import tomllib
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qiqa.io.dicomfile import NotDicom, open_header
from qiqa.io.scan import checks
from qiqa.io.scan.attributes import ATTRIBUTES
from qiqa.io.scan.listing import Chunk, list_files
from qiqa.io.scan.quick import FIRST_READ
from qiqa.io.scan.record import wanted_tags
from qiqa.io.scan.scanning import scan_chunk
from qiqa.io.sources import Archives, blob_at
from qiqa.io.tags import TAGS


def as_bytes(ds):
    target = io.BytesIO()
    ds.save_as(target, enforce_file_format=True)
    return target.getvalue()


def test_damage_is_told_from_what_is_no_image(make, tmp_path, scan, codes):
    good = as_bytes(make())
    at = good.index(b"\xe0\x7f\x10\x00")
    report = make(series="9", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    capture = make(series="7", SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    bare = make(series="5")
    del bare.PixelData
    files = {
        "a_good": good,
        "b_short": good[:-10],
        "c_header": good[: at - 27],
        "d_empty": b"",
        "e_text": b"hello",
        "f_report": as_bytes(report),
        "g_capture": as_bytes(capture),
        "h_bare": as_bytes(bare),
        "i_scout": as_bytes(make(series="6", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])),
        "j_lone": as_bytes(make(series="")),
        "k_dicm": good[:140],
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    series, notes = scan(tmp_path)
    main = codes(series["1.2.3"])["truncated"]
    assert (main.value, main.where) == (2, "b_short")
    assert "38 of 48 bytes" in main.evidence
    assert [one.pixel_offset > 0 for one in series["1.2.3"].instances] == [True, False, False]
    assert {note.path: note.kind for note in notes} == {
        "d_empty": "unreadable",
        "e_text": "not DICOM",
        "f_report": "structured report",
        "j_lone": "image without a series UID",
        "k_dicm": "unreadable",
    }
    assert codes(series["7"])["not_an_image"].evidence == "secondary capture"
    assert "no_pixels" in codes(series["5"])
    assert "localizer" in codes(series["6"])


def test_compressed_pixels_without_an_end(make, tmp_path, scan, codes):
    ds = make()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.5"
    ds.PixelData = pydicom.encaps.encapsulate([b"\x00" * 40, b"\x01" * 30])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    data = as_bytes(ds)
    for name, part in (("whole", data), ("cut", data[:-12]), ("padded", data + bytes(20))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_bytes(part)
        (facts,) = scan(tmp_path / name)[0].values()
        assert ("truncated" in codes(facts)) == (name == "cut")


def test_packed_files(make, tmp_path, scan, codes):
    data = as_bytes(make())
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("f/1", data)
    (tmp_path / "b.gz").write_bytes(gzip.compress(as_bytes(make(series="2"))))
    (tmp_path / "c.gz").write_bytes(gzip.compress(as_bytes(make(series="3")))[:-30])
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(80 << 20))
    series, notes = scan(tmp_path)
    assert series["1.2.3"].path == "a.zip: f/1"
    assert series["1.2.3"].number("EchoTime") == 20
    assert codes(series["2"]) == {}
    assert any(note.path == "c.gz" and note.kind == "unreadable" for note in notes)
    (bomb,) = [note for note in notes if note.path == "bomb"]
    assert "would unpack" in bomb.observations[0].evidence


def test_nifti_is_a_series_of_its_own(tmp_path, scan, codes):
    folder = tmp_path / "sub-07" / "anat"
    folder.mkdir(parents=True)
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([2.0, 2.0, 3.0, 1.0]))
    nibabel.save(image, folder / "sub-07_T1w.nii")
    (folder / "sub-07_T1w.json").write_text(
        json.dumps({"EchoTime": 0.01, "RepetitionTime": 2.0, "Manufacturer": "ACME"}), "utf-8"
    )
    data = (folder / "sub-07_T1w.nii").read_bytes()
    (folder / "sub-07_T2w.nii").write_bytes(data[:-20])
    series, notes = scan(tmp_path)
    facts = series["nifti:sub-07/anat/sub-07_T1w.nii"]
    assert (facts.number("EchoTime"), facts.number("RepetitionTime")) == (10.0, 2000.0)
    assert len(facts.patient_hash) == 16
    assert facts.instances[0].frames == 6
    short = series["nifti:sub-07/anat/sub-07_T2w.nii"]
    assert short.patient_hash == facts.patient_hash
    assert "truncated" in codes(short)
    assert [note.kind for note in notes] == ["sidecar"]


def test_what_cannot_be_opened_is_noted(tmp_path, key):
    result = scan_chunk(tmp_path, Chunk(files=("gone", ".")), key)
    assert [note.kind for note in result.notes] == ["unreadable", "unreadable"]
    result = scan_chunk(tmp_path, Chunk(files=("m",), archive="gone.zip"), key)
    assert result.notes[0].path == "gone.zip: m"


def test_a_reader_that_fails_costs_one_file(make, save, key, monkeypatch):
    from qiqa.io.scan import scanning

    folder = save([make(i, i) for i in range(3)])
    names = sorted(path.name for path in folder.iterdir())
    real = scanning.quick_record

    def fails(file, size, head, quick):
        if b"1.9.1." in head:
            raise ZeroDivisionError
        return real(file, size, head, quick)

    monkeypatch.setattr(scanning, "quick_record", fails)
    result = scan_chunk(folder, Chunk(files=tuple(names)), key)
    assert len(result.series[0].instances) == 2
    assert result.notes[0].observations[0].evidence == "cannot be read: ZeroDivisionError"


def test_a_long_header_is_read_on(make, save, scan):
    ds = make()
    ds.private_block(0x0029, "ACME", create=True).add_new(0x10, "OB", bytes(5 * FIRST_READ))
    (facts,) = scan(save([ds]))[0].values()
    assert facts.number("Rows") == 4
    assert facts.instances[0].pixel_offset > 5 * FIRST_READ


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cut=st.one_of(st.none(), st.integers(0, 1400)),
    flips=st.lists(st.tuples(st.integers(0, 1400), st.integers(0, 255)), max_size=6),
)
def test_hostile_headers_give_an_answer(make, tmp_path, key, cut, flips):
    data = bytearray(as_bytes(make(PatientName="A^Bcdef", PatientID="12345")))
    for at, value in flips:
        data[at % len(data)] = value
    (tmp_path / "x").write_bytes(bytes(data[:cut]))
    result = scan_chunk(tmp_path, Chunk(files=("x",)), key)
    assert len(result.notes) + sum(len(s.instances) for s in result.series) == 1
    assert result == scan_chunk(tmp_path, Chunk(files=("x",)), key) or has_nan(result)


def has_nan(result):
    return any(np.isnan(one.axis).any() for facts in result.series for one in facts.instances)


def test_hostile_real_headers_give_an_answer(scans, tmp_path, key):
    rng = np.random.default_rng(4)
    names = ["phantoms/acr_large/GE/0.dcm", "phantoms/acr_large/PhilipsAchieva/0.dcm"]
    for name in names:
        data = np.frombuffer((scans / name).read_bytes(), np.uint8)[:20_000]
        for _ in range(40):
            copy = data.copy()
            copy[rng.integers(0, 12_000, rng.integers(1, 30))] = rng.integers(0, 256)
            (tmp_path / "x").write_bytes(copy[: rng.integers(200, len(copy))].tobytes())
            result = scan_chunk(tmp_path, Chunk(files=("x",)), key)
            assert len(result.notes) + sum(len(s.instances) for s in result.series) == 1


def test_codes_are_listed_once():
    listed = [reason.code for check in checks() for reason in check.reasons]
    assert len(set(listed)) == len(listed)
    assert [check.name for check in checks()] == ["identity", "readable", "stack"]


def test_every_code_has_a_rule_or_is_shown_only_and_stands_on_its_page():
    text = importlib.resources.files("qiqa.vetting.policies").joinpath("default.toml")
    rules = tomllib.loads(text.read_text("utf-8"))["rules"]
    pages = Path(__file__).resolve().parents[3] / "docs" / "vetting"
    for check in checks():
        page = (pages / f"{check.name}.md").read_text("utf-8")
        for reason in check.reasons:
            assert f"`{reason.code}`" in page
            assert (reason.code in rules) == (reason.code != "several_stacks")
            assert reason.code not in rules or rules[reason.code]["owner"] == "qiqa"


def test_nothing_identifying_is_wanted_by_name():
    wanted = {k for k, (tag, _) in TAGS.items() if tag in wanted_tags()} & ATTRIBUTES
    assert wanted.isdisjoint({"PatientName", "PatientID", "PatientBirthDate", "InstitutionName"})


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_file_is_lost(scans, scan):
    root = scans / "phantoms" / "misc"
    listed = [name for chunk in list_files(root) for name in chunk.files]
    series, notes = scan(root)
    counted = sum(len(facts.instances) for facts in series.values()) + len(notes)
    assert counted == len(listed)


def test_careful_reader_judges_what_is_dicom(tmp_path):
    (tmp_path / "x").write_bytes(b"\x00" * 200)
    with Archives() as archives, pytest.raises(NotDicom):
        open_header(blob_at(str(tmp_path / "x")), archives)
