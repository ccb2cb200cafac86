"""Every row has the fields of the schema; a series key joins only what may be compared."""

import dataclasses
import json
import math

import pytest

from qiqa.core.measurement import Assessment, Interval, Measurement, Verdict
from qiqa.core.rows import COLUMNS, assessment_row, series_key
from qiqa.core.scanner import Acquisition, Reconstruction, Scanner

SCANNER = Scanner(manufacturer="Philips Medical Systems", serial_number="34037")
ACQUISITION = Acquisition(coil="Head 8", reconstruction=Reconstruction(image_filter="M"))
KEY = {
    "scanner": SCANNER,
    "acquisition": ACQUISITION,
    "protocol_family": "acr_mri_large",
    "role": "T1",
    "phantom_unit": "J1",
    "name": "piu",
    "insert": None,
    "slice_number": 7,
}


def test_columns_are_unique_and_typed():
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert {column.type for column in COLUMNS} == {"text", "number", "integer", "json"}


def test_row_of_a_measured_value():
    measurement = Measurement(
        name="piu",
        quantity="piu",
        unit="%",
        value=90.0,
        standard_uncertainty=0.5,
        degrees_of_freedom=math.inf,
        interval=Interval(low=89.0, high=math.inf, kind="discrete"),
        assumptions=("angle set by hand",),
    )
    item = Assessment(
        measurement=measurement,
        verdict=Verdict.PASS,
        rule="uniformity",
        tolerance=(87.5, math.inf),
        action=(85.0, math.inf),
    )
    row = assessment_row(item, "key")
    assert list(row) == [column.name for column in COLUMNS]
    assert row["interval"] == [89.0, None]
    assert row["interval_kind"] == "discrete"
    assert row["degrees_of_freedom"] is None  # infinite
    assert row["limits"] == {
        "rule": "uniformity",
        "tolerance": [87.5, None],
        "action": [85.0, None],
        "source": None,
        "confidence": None,
    }
    assert row["verdict"] == "pass"
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_row_of_what_could_not_be_measured_says_why():
    measurement = Measurement(name="psg", quantity="psg", unit="%", reason="no background")
    row = assessment_row(Assessment(measurement=measurement, verdict=Verdict.NOT_EVALUATED), None)
    assert (row["value"], row["interval"], row["limits"]) == (None, None, None)
    assert row["reason"] == "no background"
    assert row["series_key"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"scanner": Scanner(manufacturer="Philips", serial_number="2")},
        {"acquisition": dataclasses.replace(ACQUISITION, coil="Head 16")},
        {"acquisition": dataclasses.replace(ACQUISITION, reconstruction=Reconstruction())},
        {"protocol_family": "acr_mri_medium"},
        {"role": "T2"},
        {"phantom_unit": None},
        {"name": "psg"},
        {"insert": "vial"},
        {"slice_number": 1},
    ],
)
def test_series_key_separates_what_must_not_share_a_chart(change):
    assert series_key(**{**KEY, **change}) != series_key(**KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"scanner": dataclasses.replace(SCANNER, model="Ingenia", station="MR1", site="x")},
        {"acquisition": dataclasses.replace(ACQUISITION, software="R5", transmit_gain="3")},
    ],
)
def test_series_key_goes_on_over_an_upgrade(change):
    assert series_key(**{**KEY, **change}) == series_key(**KEY)


def test_unknown_scanner_shares_no_chart():
    assert series_key(**{**KEY, "scanner": Scanner(manufacturer="Philips")}) is None
