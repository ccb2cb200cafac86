"""What stands for what was taken out: dates, ages, UIDs, scanners, words, codes."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import struct
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom import DataElement, Dataset
from pydicom.uid import MRImageStorage

from qiqa.core.pseudonyms import PseudonymKey, pseudonym, uid_pseudonym, unshift
from qiqa.io.deid.acceptance import Refusal
from qiqa.io.deid.csa import cleaned_csa
from qiqa.io.deid.rules import CODES, load_rules
from qiqa.io.deid.values import age, moved
from qiqa.io.deid.wording import clean_description, diffusion_comment
from qiqa.io.dialects._csa import csa_numbers


def date(text):
    return dt.datetime.strptime(text[:8], "%Y%m%d").date()


def test_dates_move_together_and_times_stay(person, deidentified, key):
    item = Dataset()
    item.FrameAcquisitionDateTime = "20260304101500.25+0100"
    frame = Dataset()
    frame.FrameContentSequence = [item]
    ds = person(
        PerFrameFunctionalGroupsSequence=[frame],
        AcquisitionDateTime="20260304101500",
        SeriesDate="2026.03.04",
        DateOfLastCalibration="20260101",
        ContentDate="",
    )
    cleaned, got = deidentified(ds)
    nested = got.PerFrameFunctionalGroupsSequence[0].FrameContentSequence[0]
    told = {
        got.StudyDate, got.AcquisitionDate, got.SeriesDate, got.AcquisitionDateTime[:8],
        nested.FrameAcquisitionDateTime[:8],
    }  # fmt: skip
    assert len(told) == 1
    assert unshift(date(told.pop()), got.PatientID, key) == dt.date(2026, 3, 4)
    assert nested.FrameAcquisitionDateTime[8:] == "101500.25"  # where it was made is not told
    assert (got.StudyTime, got.AcquisitionTime) == ("101112.5", "101500")
    assert got.ContentDate == ""
    # the same day for everybody: it would give the shift away
    assert "DateOfLastCalibration" not in got
    assert got.LongitudinalTemporalInformationModified == "MODIFIED"
    assert cleaned.tally.shifted == 5


def test_visits_of_one_participant_keep_their_distance_and_others_move_elsewhere(
    person, deidentified
):
    days = [
        date(deidentified(person(StudyDate=day, PatientID=who))[1].StudyDate)
        for who, day in (("A", "20260101"), ("A", "20260415"), ("B", "20260101"))
    ]
    assert (days[1] - days[0]).days == 104
    assert days[2] != days[0]


def test_what_a_phantom_is_called_stays_in_descriptions_and_a_person_is_no_phantom(
    person, deidentified
):
    ds = person(PatientName="ACR phantom Hermine", SeriesDescription="ACR t1 Hermine")
    _, got = deidentified(ds, phantom=True)
    assert (got.SeriesDescription, got.QualityControlSubject) == ("ACR t1", "YES")
    assert deidentified(ds)[1].SeriesDescription == "t1"
    with pytest.raises(Refusal) as refused:
        deidentified(person(QualityControlSubject="NO"), phantom=True)
    assert refused.value.code == "person"


def test_phantom_dates_stay_unless_asked(person, deidentified, key):
    ds = person(PatientName="ACR phantom", PatientID="QC")
    cleaned, got = deidentified(ds, phantom=True)
    assert (got.StudyDate, got.AcquisitionDate) == ("20260304", "20260304")
    assert "113106" in cleaned.codes
    assert "113107" not in cleaned.codes
    assert got.LongitudinalTemporalInformationModified == "UNMODIFIED"
    cleaned, got = deidentified(ds, phantom=True, shift=True)
    assert "113107" in cleaned.codes
    assert got.StudyDate != "20260304"
    # by the scanner's pseudonym, so that all phantoms of one scanner move together
    assert unshift(date(got.StudyDate), cleaned.scanner, key) == dt.date(2026, 3, 4)


@pytest.mark.parametrize(
    ("stated", "born", "examined", "expected"),
    [
        ("", "19561204", "20260304", "069Y"),
        ("", "19561204", "20261203", "069Y"),
        ("", "19561204", "20261204", "070Y"),
        ("", "19360303", "20260304", "090Y"),
        ("", "19360305", "20260304", "089Y"),
        ("", "19100101", "20260304", "090Y"),
        ("047Y", "", "", "047Y"),
        ("093Y", "19561204", "20260304", "090Y"),
        ("018M", "", "", "018M"),
        ("030M", "", "", "002Y"),
        ("", "20250204", "20260304", "013M"),
        ("", "", "20260304", ""),
        ("Anon", "Anon", "20260304", ""),
        ("", "20270101", "20260304", ""),
    ],
)
def test_ages(stated, born, examined, expected):
    assert age(stated, born, examined) == expected


def test_the_age_replaces_the_date_of_birth(person, deidentified):
    _, got = deidentified(person())
    assert (got.PatientAge, got.PatientBirthDate, got.PatientSex) == ("069Y", "", "F")
    assert "PatientAge" not in deidentified(person(PatientBirthDate=""))[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260304", "20260224"),
        ("2026-03-04", "20260224"),
        ("20260304101500.123456+0100", "20260224101500.123456"),
        ("202603", ""),
        ("00010101", ""),
        ("20260230", ""),
        ("Hermine", ""),
    ],
)
def test_moving_a_date(text, expected):
    assert moved(text, 8) == expected


def test_uids_are_replaced_alike_everywhere_and_registered_ones_stay(person, deidentified, key):
    reference = Dataset()
    reference.ReferencedSOPClassUID = MRImageStorage
    reference.ReferencedSOPInstanceUID = "1.9.8.7"
    ds = person(ReferencedImageSequence=[reference], FrameOfReferenceUID="1.2.3.4")
    _, got = deidentified(ds)
    _, other = deidentified(person(SOPInstanceUID="1.9.8.7"))
    kept = got.ReferencedImageSequence[0]
    assert kept.ReferencedSOPInstanceUID == other.SOPInstanceUID == uid_pseudonym("1.9.8.7", key)
    assert kept.ReferencedSOPClassUID == got.SOPClassUID == MRImageStorage
    assert got.FrameOfReferenceUID == uid_pseudonym("1.2.3.4", key)
    assert got.file_meta.MediaStorageSOPInstanceUID == got.SOPInstanceUID


def test_the_same_key_gives_the_same_bytes_and_another_none_of_them(person, deidentified):
    first, _ = deidentified(person())
    again, _ = deidentified(person())
    assert first.content == again.content
    other, got = deidentified(person(), with_key=PseudonymKey(b"B" * 32))
    assert first.participant != other.participant
    assert not set(first.parts) & set(other.parts)
    assert got.StudyDate != deidentified(person())[1].StudyDate


def test_a_scanner_keeps_one_pseudonym_that_histories_give_too(person, deidentified, key):
    cleaned, got = deidentified(person(StationName="MRC46229", InstitutionName="Mercy"))
    other, _ = deidentified(person(PatientID="other", z_mm=5.0))
    assert cleaned.scanner == other.scanner == pseudonym("ACME 77", key).replace("S", "ACME S", 1)
    assert got.DeviceSerialNumber == cleaned.scanner.split()[1]
    assert (got.StationName, got.InstitutionName) == ("REMOVED", "REMOVED")
    assert got.ManufacturerModelName == "One"


def test_the_scanner_of_a_known_maker_is_the_same_text(person, deidentified, key):
    ds = person(Manufacturer="SIEMENS", DeviceSerialNumber="46229")
    assert deidentified(ds)[0].scanner == pseudonym("SIEMENS 46229", key)


def test_an_emptied_serial_number_makes_no_scanner(person, deidentified):
    cleaned, got = deidentified(person(DeviceSerialNumber="ANONYMIZED"))
    assert cleaned.scanner is None
    assert got.DeviceSerialNumber == "REMOVED"


def test_who_was_anonymized_before_is_told_apart_by_study(person, deidentified):
    one, _ = deidentified(person(PatientID="ANONYMIZED", PatientName="Anon"))
    two, _ = deidentified(
        person(PatientID="ANONYMIZED", PatientName="Anon", StudyInstanceUID="1.3")
    )
    assert one.participant != two.participant


def test_words_that_stay():
    words = load_rules().words

    def clean(text, *identity):
        return clean_description(text, words, frozenset(identity))

    assert clean("ep2d_diff_1_TRACEW") == ("ep2d diff 1 TRACEW", 0)
    assert clean("ACR AxT1 SCIC 5mm") == ("ACR AxT1 SCIC 5mm", 0)
    assert clean("T1-VIR-1500ms b1000 TE90") == ("T1 VIR 1500ms b1000 TE90", 0)
    assert clean("t2 Dr. Meier 12.03.1956 head") == ("t2 head", 3)
    assert clean("19561204 4711 sag") == ("sag", 2)
    assert clean("t1 sag", "sag") == ("t1", 1)
    assert clean("SagittalSmith T1") == ("T1", 1)


def test_all_words_are_in_lower_case_and_safe_numbers_short():
    for word in load_rules().words:
        assert word == word.casefold()
        assert not word.isdigit()


def test_canon_comments_keep_the_direction_alone():
    comment = "Hermine b=1500(0.445,0.000,0.895) Quellbrunn"
    assert diffusion_comment(comment) == "b=1500(0.445,0.000,0.895)"
    assert diffusion_comment("Hermine") == ""


def siemens_block(tags):
    """Return a CSA header as Siemens writes it: name -> texts of its items."""
    made = b"SV10\x04\x03\x02\x01" + struct.pack("<II", len(tags), 77)
    for name, items in tags.items():
        made += name.encode().ljust(64, b"\x00") + struct.pack("<i", len(items))
        made += b"LO\x00\x00" + struct.pack("<iii", 0, len(items), 77)
        for item in items:
            text = item.encode() + b"\x00"
            made += struct.pack("<4i", len(text), len(text), 77, len(text))
            made += text.ljust((len(text) + 3) // 4 * 4, b"\x00")
    return made


def test_a_siemens_block_is_built_from_its_numbers_alone():
    block = siemens_block({
        "PatientName": ["Hermine"],
        "NumberOfImagesInMosaic": ["36"],
        "SliceNormalVector": ["0.1", "0.2", "-0.97"],
        "TransmitterCalibration": ["Hermine"],
    })  # fmt: skip
    names = ("NumberOfImagesInMosaic", "SliceNormalVector", "TransmitterCalibration", "Nothing")
    cleaned = cleaned_csa(block, names)
    assert csa_numbers(cleaned, "NumberOfImagesInMosaic") == (36.0,)
    assert csa_numbers(cleaned, "SliceNormalVector") == (0.1, 0.2, -0.97)
    assert csa_numbers(cleaned, "TransmitterCalibration") == ()
    assert b"Hermine" not in cleaned
    assert cleaned_csa(b"Hermine", names) == b""


def test_private_numbers_that_qiqa_needs_stay_in_their_blocks(person, deidentified):
    ds = person(Manufacturer="GE MEDICAL SYSTEMS")
    ds.add(DataElement(0x00430010, "LO", "Somebody else"))
    ds.add(DataElement(0x00431039, "IS", ["1", "2"]))
    ds.add(DataElement(0x00430011, "LO", "GEMS_PARM_01"))
    ds.add(DataElement(0x00431139, "IS", ["1000000050", "8", "0", "0"]))
    ds.add(DataElement(0x0043112D, "SH", "p+"))
    ds.add(DataElement(0x0043116F, "DS", ["1", "2", "3"]))
    cleaned, got = deidentified(ds)
    assert list(got[0x00431139].value) == [1000000050, 8, 0, 0]
    assert got[0x0043112D].value == "p+"
    assert got[0x00430011].value == "GEMS_PARM_01"
    assert [tag for tag in (0x00430010, 0x00431039, 0x0043116F) if tag in got] == []
    assert (cleaned.tally.private_kept, cleaned.tally.private_removed) == (2, 2)


def test_it_says_what_was_done_in_the_codes_of_the_standard(person, deidentified):
    cleaned, got = deidentified(person())
    assert got.PatientIdentityRemoved == "YES"
    items = got.DeidentificationMethodCodeSequence
    assert [i.CodeValue for i in items] == ["113100", "113105", "113107", "113108", "113111"]
    assert {i.CodeValue: i.CodeMeaning for i in items}.items() <= CODES.items()
    assert {i.CodingSchemeDesignator for i in items} == {"DCM"}
    assert tuple(i.CodeValue for i in items) == cleaned.codes
    assert all(len(text) <= 64 for text in got.DeidentificationMethod)


def test_the_codes_are_those_of_pydicoms_dictionary():
    from pydicom.sr.codedict import codes

    # an independent copy of PS3.16
    for value, meaning in CODES.items():
        name = next(n for n in codes.cid7050.dir() if getattr(codes.cid7050, n).value == value)
        assert getattr(codes.cid7050, name).meaning.replace(" with ", " ") == meaning


@pytest.mark.parametrize("program", ["dcmdump", "dciodvfy"])
def test_other_programs_read_it(person, deidentified, encoded, tmp_path, program):
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")

    def said(name, content):
        (tmp_path / name).write_bytes(content)
        run = subprocess.run([found, str(tmp_path / name)], capture_output=True, check=False)
        text = (run.stdout + run.stderr).decode("latin-1")
        return run.returncode, {line for line in text.splitlines() if line.startswith("Error")}

    ds = person()
    before, after = said("in.dcm", encoded(ds)), said("out.dcm", deidentified(ds)[0].content)
    assert after[1] <= before[1]
    if program == "dcmdump":
        assert after[0] == 0


def test_implicit_and_big_endian_files_come_out_explicit(person, deidentified):
    plain, _ = deidentified(person())
    for implicit, little, syntax in (
        (True, True, "1.2.840.10008.1.2"),
        (False, False, "1.2.840.10008.1.2.2"),
    ):
        ds = person()
        ds.file_meta.TransferSyntaxUID = syntax
        if not little:
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").byteswap().tobytes()
        target = io.BytesIO()
        pydicom.dcmwrite(target, ds, implicit_vr=implicit, little_endian=little)
        got = deidentified(target.getvalue())[0]
        assert got.content == plain.content
