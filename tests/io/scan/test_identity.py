"""Planted names are found wherever they stand; pseudonyms, phantoms and dummies are not accused."""

import io
import json

import nibabel
import numpy as np
import pydicom
import pytest

from qiqa.core.pseudonyms import PseudonymKey
from qiqa.io.deid.files import DeidOptions, clean_file
from qiqa.io.scan.identity import CODES
from qiqa.io.scan.persons import birth_day, name_words, personal, titled

KEY = PseudonymKey(b"another key for tests, long enough.")


@pytest.fixture(autouse=True)
def _plants_may_be_malformed():
    with pydicom.config.disable_value_validation():
        yield


@pytest.fixture
def seen(save, scan, codes, tmp_path):
    """Return a function from data sets to the observations on identity of their series."""

    def run(*datasets, folder="series"):
        save(datasets, folder)
        series, _ = scan(tmp_path)
        (facts,) = series.values()
        return {code: one for code, one in codes(facts).items() if code in CODES}

    return run


def in_private(ds, text):
    ds.private_block(0x0029, "ACME 1", create=True).add_new(
        0x20, "OB", b"\xff\x0a" + text + b"\x00a"
    )
    return ds


# --- planted ---------------------------------------------------------------------------------


def test_attributes_are_counted_and_never_quoted(seen, person):
    found = seen(person(OperatorsName="Huber^X", PatientAddress="Lindenweg 4, 1010 Wien"))
    one = found["identity_in_header"]
    assert one.evidence == "OperatorsName, PatientAddress, PatientBirthDate, PatientName"
    assert one.value == 4
    assert set(found) == {"identity_in_header"}
    assert not any(w in str(found) for w in ("Quellbrunn", "4711", "1956", "Lindenweg", "Huber"))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Quellbrunn^Hermine"),
        ("PatientName", "QUELLBRUNN HERMINE"),
        ("ReferringPhysicianName", "Meier^Ada"),
        ("PerformingPhysicianName", "Dr Meier"),
        ("PatientBirthDate", "19561204"),
        ("OtherPatientIDs", "MRN887766"),
        ("PatientTelephoneNumbers", "+43 1 234567"),
        ("AccessionNumber", "A2026-0815"),
        ("PatientMotherBirthName", "Brunner"),
    ],
)
def test_each_attribute_alone(seen, make, keyword, value):
    found = seen(make(PatientID="sub-01", PatientIdentityRemoved="NO", **{keyword: value}))
    assert found["identity_in_header"].evidence == keyword


@pytest.mark.parametrize("text", [b"quellbrunn", b"QUELLBRUNN^HERMINE", b"ZX-4711", b"19561204"])
def test_private_elements(seen, person, text):
    assert seen(in_private(person(), text))["identity_in_private"].evidence == "group 0029"


def test_one_file_of_many_with_a_name_in_a_private_element(seen, person):
    series = [person(i) for i in range(1, 9)]
    in_private(series[5], b"Hermine")
    assert seen(*series)["identity_in_private"].value == 1


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("SeriesDescription", "t1 quellbrunn"),
        ("ImageComments", "born 04.12.1956"),
        ("StudyDescription", "19561204 head"),
        ("PatientComments", "call Mrs. Meier first"),
        ("ProtocolName", "ax ZX-4711"),
    ],
)
def test_text(seen, person, keyword, text):
    assert seen(person(**{keyword: text}))["identity_in_text"].evidence == keyword


@pytest.mark.parametrize("folder", ["x/Quellbrunn_Hermine/1", "ZX-4711", "a/19561204_mr"])
def test_names_of_files(seen, person, folder):
    assert "identity_in_file_name" in seen(person(), folder=folder)


def test_a_claim_that_is_not_true(seen, person):
    found = seen(person(PatientIdentityRemoved="YES"))
    assert found["identity_claimed_removed"].evidence == "PatientBirthDate, PatientName"


# --- clean -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attributes",
    [
        {"PatientName": "sub-01", "PatientID": "sub-01"},
        {"PatientName": "ANONYMOUS", "PatientID": "TCGA-08-0244", "PatientBirthDate": ""},
        {"PatientName": "ADNI 003_S_1234", "PatientID": "003_S_1234"},
        {"PatientName": "ACR PHANTOM", "PatientID": "QA^Phantom", "OperatorsName": "QA"},
        {"PatientName": "REMOVED", "ReferringPhysicianName": "", "AccessionNumber": "0000"},
        {"PatientName": "Anon", "PatientBirthDate": "19000101", "PatientBirthTime": "000000"},
        {"PatientName": "P1", "PatientID": "P1", "PatientBirthDate": "19560101"},
        {"PatientName": "Doe", "PatientID": "DOE"},
        {"PatientName": "PHANTOM^QUALIBRESYS", "PatientBirthDate": "19860717"},
        {"QualityControlSubject": "YES", "PatientName": "Magnus^Test"},
        {"DeidentificationMethod": "CTP", "AccessionNumber": "2819497684894126"},
        {"AccessionNumber": "Anon.4C9DHB6", "OtherPatientIDs": "Anon.OR0BLJ8"},
        {"PatientIdentityRemoved": "YES", "AccessionNumber": "2819497684894126"},
        {
            "PatientIdentityRemoved": "YES",
            "LongitudinalTemporalInformationModified": "MODIFIED",
            "PatientBirthDate": "19530817",
        },
        {"SeriesDescription": "Dr Head MR Brain T1", "PatientName": "Head^Test", "PatientID": "7"},
        {"PatientName": "", "PatientID": "12345678", "SeriesDescription": "12345678"},
    ],
)
def test_pseudonyms_phantoms_and_dummies_are_not_accused(seen, make, attributes):
    assert seen(make(**{"PatientID": "1", **attributes})) == {}


def test_pseudonyms_may_stand_in_the_path(seen, make):
    ds = make(PatientName="sub-0815x", PatientID="sub-0815x")
    assert seen(ds, folder="sub-0815x/anat") == {}


def test_what_the_own_profile_leaves_is_not_accused(person, tmp_path, scan, codes):
    ds = in_private(person(AccessionNumber="A1234567", ImageComments="Mrs. Quellbrunn"), b"Hermine")
    target = io.BytesIO()
    pydicom.dcmwrite(target, ds, enforce_file_format=True)
    cleaned = clean_file(target.getvalue(), "x", KEY, DeidOptions())
    path = tmp_path.joinpath(*cleaned.parts)
    path.parent.mkdir(parents=True)
    path.write_bytes(cleaned.content)
    (facts,) = scan(tmp_path)[0].values()
    assert codes(facts) == {}
    assert len(facts.patient_hash) == 16


def test_sidecars_that_kept_the_patient(tmp_path, scan, codes):
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4))
    sidecars = {
        "named": {"PatientName": "Quellbrunn^Hermine", "PatientID": "4711", "EchoTime": 0.01},
        "clean": {"PatientName": "sub-1", "PatientID": "sub-1", "EchoTime": 0.01},
    }
    for name, values in sidecars.items():
        nibabel.save(image, tmp_path / f"{name}.nii")
        (tmp_path / f"{name}.json").write_text(json.dumps(values), "utf-8")
    series, _ = scan(tmp_path)
    named = codes(series["nifti:named.nii"])
    assert named["identity_in_header"].evidence == "PatientName"
    assert codes(series["nifti:clean.nii"]) == {}
    assert "Quellbrunn" not in repr(series)
    assert len({facts.patient_hash for facts in series.values()} - {""}) == 2


def test_letters_within_words_and_numbers_are_no_name(seen, person):
    rng = np.random.default_rng(8)
    noise = rng.integers(0, 256, 400_000, dtype=np.uint8).tobytes()
    ds = in_private(person(PatientName="Lang^Anne", PatientID="123456"), b"Langs xAnne 1234567")
    ds.private_block(0x0031, "ACME 2", create=True).add_new(0x20, "OB", noise)
    assert "identity_in_private" not in seen(ds)


def test_nothing_of_a_person_is_in_what_leaves_the_scan(person, save, scan):
    ds = in_private(person(InstitutionName="Elsewhere"), b"Hermine")
    series, notes = scan(save([ds]))
    text = repr((series, notes))
    for word in ("Quellbrunn", "Hermine", "4711", "19561204", "1956"):
        assert word not in text


# --- parts -----------------------------------------------------------------------------------


def test_attributes_are_those_of_the_standards_table():
    tables = personal()
    names = set(tables.names.values())
    assert {"PatientName", "OperatorsName", "ReferringPhysicianName", "PhysiciansOfRecord"} <= names
    others = set(tables.others.values())
    assert {"PatientBirthDate", "AccessionNumber", "PatientTelephoneNumbers"} <= others
    assert others.isdisjoint({"PatientID", "PatientAge", "PatientSize", "StudyDate", "StudyID"})
    assert {"ImageComments", "SeriesDescription", "ProtocolName"} <= set(tables.texts.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Quellbrunn^Hermine^^Dr", ("quellbrunn", "hermine")),
        ("Ng^Li", ()),
        ("MAP-C2 0012", ()),
        ("ANON^ANON", ()),
        ("山田^太郎=やまだたろう", ("やまだたろう",)),
    ],
)
def test_words_of_names(name, words):
    assert name_words(name, "77") == words


def test_days_of_birth():
    assert birth_day("1956.12.04") == "19561204"
    assert birth_day("19000704") == birth_day("19560101") == birth_day("none") == ""


def test_addresses_in_text():
    assert titled("T1 for Mrs. Quellbrunn")
    assert titled("DOB: 04.12.1956")
    assert not titled("Dr Head coil MR Brain T2 Ms")
