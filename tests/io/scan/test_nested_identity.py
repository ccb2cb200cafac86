"""Persons inside of sequences are found at all levels; what names nobody there is not accused."""

import io

import pydicom
import pytest
from pydicom.dataset import Dataset

from qiqa.io.scan.identity import CODES


@pytest.fixture(autouse=True)
def _plants_may_be_malformed():
    with pydicom.config.disable_value_validation():
        yield


def item(**attributes):
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


@pytest.fixture
def seen(scan, codes, tmp_path):
    """Return a function from a data set to what is said of persons, however it is written."""

    def run(ds, syntax="1.2.840.10008.1.2.1", undefined=False):
        for element in ds.iterall():
            if element.VR == "SQ":
                element.is_undefined_length = undefined
                for one in element.value:
                    one.is_undefined_length_sequence_item = undefined
        ds.file_meta.TransferSyntaxUID = syntax
        target = io.BytesIO()
        pydicom.dcmwrite(target, ds, enforce_file_format=True)
        (tmp_path / "x").write_bytes(target.getvalue())
        series, notes = scan(tmp_path)
        found = [o for facts in series.values() for o in codes(facts).values()]
        found += [o for note in notes for o in note.observations]
        return {one.code: one.evidence for one in found if one.code in CODES}

    return run


PLANTS = {
    "PatientName in ReferencedPatientSequence": {
        "ReferencedPatientSequence": [item(PatientName="Quellbrunn^Hermine")]
    },
    "PatientID in OtherPatientIDsSequence": {
        "OtherPatientIDsSequence": [item(PatientID="MRN887766")]
    },
    "RequestingPhysician in RequestAttributesSequence": {
        "RequestAttributesSequence": [item(), item(RequestingPhysician="Meier^Ada")]
    },
    "AccessionNumber in RequestAttributesSequence": {
        "RequestAttributesSequence": [item(AccessionNumber="A2026-0815")]
    },
    "PatientBirthDate in OriginalAttributesSequence": {
        "OriginalAttributesSequence": [
            item(ModifiedAttributesSequence=[item(PatientBirthDate="19561204")])
        ]
    },
    "PersonName in ContentSequence": {
        "ContentSequence": [item(ContentSequence=[item(PersonName="Huber^X")])]
    },
}


@pytest.mark.parametrize("undefined", [False, True], ids=["sized", "open"])
@pytest.mark.parametrize("syntax", ["", ".1", ".2", ".1.99"])
@pytest.mark.parametrize("evidence", PLANTS)
def test_planted_at_any_level_however_written(seen, make, evidence, syntax, undefined):
    ds = make(PatientID="sub-01", **PLANTS[evidence])
    if syntax == ".2":
        ds["PixelData"].VR = "OW"
    assert seen(ds, f"1.2.840.10008.1.2{syntax}", undefined) == {"identity_in_header": evidence}


def test_in_a_private_sequence(seen, make):
    ds = make(PatientID="sub-01")
    block = ds.private_block(0x0029, "ACME 1", create=True)
    block.add_new(0x40, "SQ", [item(PatientName="Quellbrunn^Hermine")])
    found = seen(ds)
    assert found["identity_in_header"] == "PatientName in group 0029"
    assert "identity_in_private" in found


def test_in_the_groups_of_frames(seen, make):
    groups = [
        item(FrameContentSequence=[item(FrameComments="first")]),
        item(FrameContentSequence=[item(FrameComments="asked by Mrs. Quellbrunn")]),
    ]
    ds = make(PatientID="sub-01", NumberOfFrames=2, PerFrameFunctionalGroupsSequence=groups)
    ds.PixelData = ds.PixelData * 2
    found = seen(ds)
    assert found == {"identity_in_text": "FrameComments in PerFrameFunctionalGroupsSequence"}


def test_in_what_a_report_says(seen, make):
    said = [item(ContentSequence=[item(TextValue="seen with Mrs. Quellbrunn")])]
    ds = make(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", ContentSequence=said)
    del ds.PixelData
    assert seen(ds) == {"identity_in_text": "TextValue in ContentSequence"}


def test_a_name_inside_is_looked_for_elsewhere(seen, make):
    """What an anonymizer forgot in a sequence names the patient of texts too."""
    inside = [item(PatientName="Quellbrunn^Hermine")]
    ds = make(PatientName="sub-01", PatientID="sub-01", ReferencedPatientSequence=inside)
    ds.SeriesDescription = "t1 quellbrunn"
    assert seen(ds)["identity_in_text"] == "SeriesDescription"


@pytest.mark.parametrize(
    "attributes",
    [
        {"RequestAttributesSequence": [item(RequestedProcedureDescription="MR Head")]},
        {"ReferencedPatientSequence": [item(PatientName="sub-01", PatientID="sub-01")]},
        {"OtherPatientIDsSequence": [item(PatientID="sub-01"), item(PatientID="REMOVED")]},
        {"OtherPatientIDsSequence": [item(PatientID="8817231")], "DeidentificationMethod": "CTP"},
        {"RequestAttributesSequence": [item(AccessionNumber="0000")]},
        {"IconImageSequence": [item(Rows=2, Columns=2, PixelData=b"Meier^Ada", BitsAllocated=8)]},
    ],
)
def test_what_names_nobody(seen, make, attributes):
    assert seen(make(PatientID="sub-01", **attributes)) == {}
