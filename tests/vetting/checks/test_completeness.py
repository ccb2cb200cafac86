"""Missing attributes are counted and named."""

from __future__ import annotations

import dataclasses

from qiqa.core.vetting import SeriesFacts
from qiqa.vetting.checks import completeness

SETTINGS = {one.name: one.default for one in completeness.CHECK.settings}
MR = SeriesFacts(
    path="a",
    series_uid="1.2",
    patient_hash="0123456789abcdef",
    scanner="SIEMENS 1",
    attributes={
        "Modality": ("MR",),
        "Manufacturer": ("SIEMENS",),
        "Rows": (128.0,),
        "Columns": (128.0,),
        "MagneticFieldStrength": (3.0,),
        "SoftwareVersions": ("VA30",),
        "RepetitionTime": (2000.0,),
        "EchoTime": (20.0,),
        "SliceThickness": (3.0,),
        "StudyDate": ("20260101",),
    },
)


def seen(facts):
    return {one.code: one for one in completeness.look(facts, SETTINGS)}


def without(*keywords):
    kept = {k: v for k, v in MR.attributes.items() if k not in keywords}
    return dataclasses.replace(MR, attributes=kept)


def test_complete():
    assert seen(MR) == {}


def test_missing_attributes_are_named():
    found = seen(without("EchoTime", "SoftwareVersions"))["missing_attribute"]
    assert found.value == 2
    assert found.evidence == "not stated: SoftwareVersions, EchoTime"


def test_a_map_need_not_say_how_it_was_acquired():
    derived = without("EchoTime", "SoftwareVersions")
    derived = dataclasses.replace(
        derived, attributes={**derived.attributes, "ImageType": ("DERIVED\\PRIMARY\\ADC",)}
    )
    assert seen(derived) == {}


def test_nobody_nowhere_never():
    nobody = dataclasses.replace(without("StudyDate"), patient_hash="", scanner="")
    assert set(seen(nobody)) == {"missing_date", "missing_patient", "missing_scanner"}


def test_empty_header():
    found = seen(SeriesFacts(path="a", series_uid="1"))
    assert found["missing_attribute"].value == 4


def test_a_nifti_file_without_a_sidecar_is_not_asked_what_it_cannot_state():
    """Modality and grid stand in its name and header."""
    grid = {k: MR.attributes[k] for k in ("Modality", "Rows", "Columns", "SliceThickness")}
    alone = dataclasses.replace(MR, series_uid="nifti:a.nii", attributes=grid)
    found = seen(alone)
    assert "no_acquisition" in found
    assert "missing_attribute" not in found
    # a sidecar states something, and so has to state what the purpose needs
    beside = dataclasses.replace(alone, attributes={**grid, "EchoTime": (20.0,)})
    assert "RepetitionTime" in seen(beside)["missing_attribute"].evidence
    assert "no_acquisition" not in seen(beside)
    # DICOM that was stripped is no NIfTI
    assert "missing_attribute" in seen(dataclasses.replace(alone, series_uid="1.2"))
