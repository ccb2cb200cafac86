"""Calibrations from JSON: whole, of this schema, or refused by name."""

import datetime as dt
import json
import math

import pytest

from qiqa.core.calibration import CALIBRATION_SCHEMA, CalibrationSet, ScannerCalibration
from qiqa.core.canonical import plain
from qiqa.core.errors import ReadError
from qiqa.harmonize.phantom.calibrated import Use, find
from qiqa.io.calibration_file import calibrations_of, read_json

ONE = ScannerCalibration(
    scanner="S1", epoch="V1", name="adc", quantity="adc", unit="mm²/s", bias_unit="%",
    basis="stated", coefficients=(1.5, -0.5), covariance=((0.04, 0.01), (0.01, 0.09)),
    degrees_of_freedom=3.0, evidence=((0, 9.5), (1, 8.0), (2, -1.25)), center=1.2, half_width=0.8,
    low=0.4, high=2.0, misfit_sd=0.3, exam_sd=math.nan, reference_u=0.5, reach_mm=60.0,
    first=dt.datetime(2025, 1, 2, 3, 4, 5), last=dt.datetime(2025, 6, 7), exams=4,
    phantom_units=("U1", "U2"),
)  # fmt: skip
SET = CalibrationSet(
    schema=CALIBRATION_SCHEMA,
    made_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    source="t.csv",
    valid_days=90.0,
    calibrations=(ONE,),
)


def test_there_and_back(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(plain(SET), allow_nan=False), encoding="utf-8")
    back = calibrations_of(read_json(path), str(path))
    assert math.isnan(back.calibrations[0].exam_sd)
    assert plain(back) == plain(SET)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"[1, 2]", "holds no model"),
        (b'{"a": 1}', "holds no model"),
    ],
)
def test_what_is_no_model(tmp_path, content, said):
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=said):
        read_json(path)


def test_no_file(tmp_path):
    with pytest.raises(ReadError, match="there is no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(ReadError, match="cannot be read"):
        read_json(tmp_path)


def test_another_schema_and_broken_content():
    with pytest.raises(ReadError, match=r"schema 'qiqa.calibration/9'; this version reads"):
        calibrations_of({**plain(SET), "schema": "qiqa.calibration/9"}, "c.json")
    for name in ("coefficients", "scanner", "first"):
        broken = plain(SET)
        del broken["calibrations"][0][name]
        with pytest.raises(ReadError, match=rf"is not whole: .*{name}"):
            calibrations_of(broken, "c.json")
    broken = plain(SET)
    broken["calibrations"][0]["low"] = "much"
    with pytest.raises(ReadError, match="low"):
        calibrations_of(broken, "c.json")


def test_calibrations_of_before_exams_were_kept_are_read():
    content = plain(SET)
    for name in ("reference_at", "reference_u_at", "exam_days"):
        del content["calibrations"][0][name]
    (one,) = calibrations_of(content, "c.json").calibrations
    assert one.exam_days == one.reference_at == ()
    at = dt.datetime(2025, 3, 20)  # farther than 90 days from no more than one of both ends
    use = Use(
        scanner="S1", epoch="V1", name="adc", quantity="", unit="mm²/s", at=at, distance_mm=0.0
    )
    assert find(SET, use) == one
