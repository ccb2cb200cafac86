"""Folders scanned in one call, and images of a person."""

from __future__ import annotations

import pytest

from qiqa.io.scan.gathering import merge
from qiqa.io.scan.listing import list_files
from qiqa.io.scan.scanning import scan_chunk

KEY = b"a key for tests that is long enough."


@pytest.fixture
def key():
    return KEY


@pytest.fixture(scope="session")
def scan():
    """Return a function from a folder to the facts of its series by UID, and the notes."""

    def run(root):
        parts, notes = {}, []
        for chunk in list_files(root):
            result = scan_chunk(root, chunk, KEY)
            notes += result.notes
            for facts in result.series:
                parts.setdefault(facts.series_uid, []).append(facts)
        return {uid: merge(found) for uid, found in sorted(parts.items())}, notes

    return run


@pytest.fixture
def person(make):
    """Return a function that makes an image of a person; attributes can be added or changed."""

    def build(number=1, **attributes):
        values = {
            "PatientName": "Quellbrunn^Hermine",
            "PatientID": "ZX-4711",
            "PatientBirthDate": "19561204",
            "PatientSex": "F",
            "StudyDate": "20260304",
            "AcquisitionDate": "20260304",
            "AcquisitionTime": "101500",
            **attributes,
        }
        return make(5.0 * number, number, **values)

    return build


@pytest.fixture
def codes():
    """Return a function from facts to their observations by code."""
    return lambda facts: {one.code: one for one in facts.observations}
