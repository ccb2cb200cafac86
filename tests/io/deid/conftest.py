"""A key, and data sets as bytes of a file."""

from __future__ import annotations

import io

import pytest

from qiqa.core.pseudonyms import PseudonymKey
from qiqa.io.deid.files import DeidOptions, clean_file


@pytest.fixture(autouse=True)
def _plants_may_be_malformed():
    import pydicom

    with pydicom.config.disable_value_validation():
        yield


@pytest.fixture
def key():
    return PseudonymKey(b"a key for tests that is long enough.")


@pytest.fixture
def encoded():
    """Return a function from a data set to the bytes of its file."""
    import pydicom

    def write(ds, *, behind=b""):
        target = io.BytesIO()
        pydicom.dcmwrite(target, ds, enforce_file_format=True)
        return target.getvalue() + behind

    return write


@pytest.fixture
def deidentified(key, encoded):
    """Return a function from a data set to the result and its data set read back."""
    import pydicom

    def run(ds, *, phantom=False, shift=False, with_key=None):
        options = DeidOptions(phantom=phantom, shift_phantom_dates=shift)
        data = ds if isinstance(ds, bytes) else encoded(ds)
        cleaned = clean_file(data, "in.dcm", with_key or key, options)
        return cleaned, pydicom.dcmread(io.BytesIO(cleaned.content))

    return run


@pytest.fixture
def person(make):
    """Return a function that makes an image of a person; attributes can be added or changed."""

    def build(**attributes):
        values = {
            "PatientName": "Quellbrunn^Hermine",
            "PatientID": "ZX-4711",
            "PatientBirthDate": "19561204",
            "PatientSex": "F",
            "StudyDate": "20260304",
            "StudyTime": "101112.5",
            "AcquisitionDate": "20260304",
            "AcquisitionTime": "101500",
            **attributes,
        }
        z_mm = values.pop("z_mm", 0.0)
        return make(z_mm, **values)

    return build
