"""Tables and maps corrected value by value: what is taken off, what is refused, and why."""

import csv
import datetime as dt
import json
import math

import nibabel
import numpy as np
import pytest

from qiqa.core.calibration import CALIBRATION_SCHEMA, CalibrationSet, ScannerCalibration
from qiqa.core.errors import ReadError, UsageError
from qiqa.workflows.calibrating import calibrate_map, calibrate_table

UNIT = "mm²/s"
AT = dt.datetime(2025, 3, 1)


def calibration(**more):
    """Return one that reads 4 % high, known to 0.5 %, from day to day to 0.3 %."""
    given = {
        "scanner": "S1", "epoch": "V1", "name": "adc", "quantity": "adc", "unit": UNIT,
        "bias_unit": "%", "basis": "stated", "coefficients": (4.0,), "covariance": ((0.25,),),
        "degrees_of_freedom": 4.0, "evidence": (), "center": 1.2, "half_width": 0.8, "low": 0.4,
        "high": 2.0, "misfit_sd": 0.0, "exam_sd": 0.3, "reference_u": math.nan, "reach_mm": 60.0,
        "first": dt.datetime(2025, 1, 1), "last": dt.datetime(2025, 6, 1), "exams": 5,
        "phantom_units": (),
    }  # fmt: skip
    return ScannerCalibration(**{**given, **more})


def the_set(*calibrations):
    return CalibrationSet(
        schema=CALIBRATION_SCHEMA, made_at=AT, source="t", valid_days=90.0,
        calibrations=calibrations or (calibration(),),
    )  # fmt: skip


# --- tables ---------------------------------------------------------------------------------

GOOD = {
    "participant": "P1", "scanner": "S1", "acquired_at": "2025-03-01", "software": "V1",
    "name": "adc", "quantity": "adc", "value": "1.04", "unit": UNIT,
    "standard_uncertainty": "0.052", "distance_mm": "30",
}  # fmt: skip


@pytest.fixture
def corrected(tmp_path, phantom_rounds):
    """Return a function that writes rows, calibrates them and returns counts and rows."""

    def call(*rows, calibrations=None, **more):
        path = phantom_rounds.write_rows([dict(row) for row in rows], tmp_path / "v.csv")
        out = tmp_path / "out.csv"
        done = calibrate_table(calibrations or the_set(), path, out, **more)
        with out.open(encoding="utf-8-sig", newline="") as file:
            return done, list(csv.DictReader(file))

    return call


def test_a_value_and_its_uncertainty_by_hand(corrected):
    done, (row,) = corrected(GOOD)
    assert done.corrected == 1
    assert float(row["value"]) == pytest.approx(1.0)
    assert float(row["value_uncalibrated"]) == 1.04
    assert float(row["correction"]) == pytest.approx(-0.04)
    assert row["refused"] == ""
    # 5 % of the value itself, and of the bias: 0.25 = 0.5**2 of the curve, 0.3 from day to day
    expected = math.hypot(0.052 / 1.04, 1.0 / 1.04 * math.hypot(0.5, 0.3) / 100)
    assert float(row["standard_uncertainty"]) == pytest.approx(expected)
    assert row["participant"] == "P1"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scanner": "S2"}, "no phantom was measured on S2 for adc"),
        ({"software": "V2"}, "no phantom of S1 since its settings are 'V2'"),
        ({"name": "t1", "quantity": "t1"}, "no phantom was measured on S1 for t1"),
        ({"unit": "µm²/s"}, "the value is in 'µm²/s', the calibration in 'mm²/s'"),
        ({"acquired_at": "2025-08-31"}, "the nearest phantom is of 2025-06-01, more than 90 days"),
        ({"acquired_at": "2024-10-01"}, "the nearest phantom is of 2025-01-01, more than 90 days"),
        ({"acquired_at": "soon"}, "it has no date"),
        ({"value": ""}, "it has no value"),
        ({"value": "2.01"}, "2.01 mm²/s is outside what the phantom covers (0.4 to 2)"),
        ({"distance_mm": "61"}, "it lies 61 mm from isocenter, the phantom reached 60 mm"),
        ({"distance_mm": ""}, "it is not stated how far from isocenter it was measured"),
    ],
)
def test_what_it_does_not_reach_is_empty_with_the_reason(corrected, change, reason):
    done, rows = corrected({**GOOD, **change}, GOOD)
    assert (done.corrected, sum(done.refused.values())) == (1, 1)
    assert rows[0]["refused"].startswith(reason)
    assert rows[0]["value"] == rows[0]["standard_uncertainty"] == rows[0]["correction"] == ""
    shown = rows[0]["value_uncalibrated"]
    assert shown == change.get("value", "1.04")
    assert rows[1]["refused"] == ""


def test_the_last_day_of_validity_is_valid(corrected):
    done, _ = corrected({**GOOD, "acquired_at": "2025-08-30"})
    assert done.corrected == 1


def test_at_isocenter_needs_no_distance(corrected):
    done, _ = corrected({**GOOD, "distance_mm": ""}, at_isocenter=True)
    assert done.corrected == 1


def test_a_value_of_another_name_takes_the_phantom_of_its_quantity(corrected):
    done, (row,) = corrected({**GOOD, "name": "adc_tumor"})
    assert done.corrected == 1
    assert float(row["value"]) == pytest.approx(1.0)


def test_where_the_scanner_moved_the_exams_before_a_value_count(corrected):
    moved = calibration(epoch="V1; moved 2025-04-01", coefficients=(-4.0,),
                        first=dt.datetime(2025, 4, 1))  # fmt: skip
    before = calibration(last=dt.datetime(2025, 3, 15))
    _, rows = corrected(
        GOOD, {**GOOD, "acquired_at": "2025-05-01"}, calibrations=the_set(before, moved)
    )
    assert [float(r["value"]) for r in rows] == pytest.approx([1.04 / 1.04, 1.04 / 0.96])


def test_what_was_calibrated_is_not_calibrated_again(corrected, tmp_path):
    corrected(GOOD)
    with pytest.raises(UsageError, match="were calibrated before"):
        calibrate_table(the_set(), tmp_path / "out.csv", tmp_path / "twice.csv")
    assert not (tmp_path / "twice.csv").exists()


def test_order_of_rows_does_not_matter(corrected):
    rows = [{**GOOD, "participant": f"P{i}", "value": str(0.5 + 0.1 * i)} for i in range(6)]
    _, one = corrected(*rows)
    _, other = corrected(*reversed(rows))
    assert one == other[::-1]


# --- maps -----------------------------------------------------------------------------------

AFFINE = np.array([[-10.0, 0, 0, 30], [0, 10, 0, 0], [0, 0, 20, 0], [0, 0, 0, 1]])


@pytest.fixture
def mapped(tmp_path):
    """Return a function that writes a map, calibrates it and returns counts and images."""

    def call(values, *, unit=UNIT, calibrations=None, u_percent=math.nan, file="c.nii.gz", **more):
        source = tmp_path / "adc.nii.gz"
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), source)
        if unit is not None:
            (tmp_path / "adc.json").write_text(json.dumps({"Units": unit}), encoding="utf-8")
        use = {"scanner": "S1", "epoch": "V1", "name": "adc", "at": AT, **more}
        counts = calibrate_map(
            calibrations or the_set(), source, tmp_path / file, u_percent=u_percent, **use
        )
        stem, dot, rest = file.partition(".")
        return (
            counts,
            nibabel.load(tmp_path / file),
            nibabel.load(tmp_path / f"{stem}_u{dot}{rest}"),
        )

    return call


def at(image, *millimeter):
    """Return the voxel of an image at a place in the room."""
    i, j, k, _ = np.rint(np.linalg.inv(image.affine) @ (*millimeter, 1)).astype(int)
    return float(image.dataobj[i, j, k])


@pytest.mark.parametrize("file", ["c.nii.gz", "c.nii"])
def test_each_voxel_by_range_and_reach(mapped, file):
    values = np.full((8, 1, 1), 1.04)
    values[1], values[2], values[3] = 0.0, np.nan, 3.0  # air, no fit, outside the phantom's range
    counts, image, u = mapped(values, file=file, u_percent=5.0)
    # x = 30, 20, 10, 0, -10, ..., -40: all within 60 mm
    assert counts == (5, 1)
    assert at(image, 30, 0, 0) == pytest.approx(1.0)
    assert math.isnan(at(image, 20, 0, 0))
    assert math.isnan(at(image, 10, 0, 0))
    assert math.isnan(at(image, 0, 0, 0))
    expected = math.hypot(0.05, 1.0 / 1.04 * math.hypot(0.5, 0.3) / 100)
    assert at(u, 30, 0, 0) == pytest.approx(expected, rel=1e-6)
    assert math.isnan(at(u, 0, 0, 0))
    assert np.array_equal(np.isnan(image.get_fdata()), np.isnan(u.get_fdata()))


def test_voxels_beyond_the_inserts_are_not_a_number(mapped):
    reached = the_set(calibration(reach_mm=25.0))
    counts, image, _ = mapped(np.full((8, 3, 2), 1.04), calibrations=reached)
    for x in range(-40, 31, 10):
        for y in (0, 10, 20):
            for z in (0, 20):
                inside = math.hypot(x, y, z) <= 25.0
                assert math.isfinite(at(image, x, y, z)) is inside, (x, y, z)
    assert sum(counts) == 48


def test_a_reach_that_is_not_known_is_isocenter_only(mapped):
    counts, image, _ = mapped(np.full((8, 1, 1), 1.04),
                              calibrations=the_set(calibration(reach_mm=math.nan)))  # fmt: skip
    assert counts == (1, 7)
    assert at(image, 0, 0, 0) == pytest.approx(1.0)


def test_without_a_sidecar_the_unit_is_the_calibrations(mapped, tmp_path):
    counts, _, _ = mapped(np.full((8, 1, 1), 1.04), unit=None)
    assert counts == (8, 0)
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scanner": "S9"}, "no phantom was measured on S9 for adc"),
        ({"epoch": "V9"}, "no phantom of S1 since its settings are 'V9'"),
        ({"name": "t1"}, "no phantom was measured on S1 for t1"),
        ({"at": dt.datetime(2030, 1, 1)}, "the nearest phantom is of 2025-06-01"),
        ({"unit": "ms"}, "the value is in 'ms'"),
    ],
)
def test_no_calibration_no_map(mapped, tmp_path, change, said):
    with pytest.raises(UsageError, match=said):
        mapped(np.full((8, 1, 1), 1.04), **change)
    assert not list(tmp_path.glob("c*"))


def test_what_is_no_map_is_refused(tmp_path):
    (tmp_path / "x.nii").write_text("no image", encoding="utf-8")
    use = {"scanner": "S1", "epoch": "V1", "name": "adc", "at": AT, "u_percent": math.nan}
    with pytest.raises(ReadError, match="is no NIfTI image"):
        calibrate_map(the_set(), tmp_path / "x.nii", tmp_path / "c.nii", **use)
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 2, 3)), AFFINE), tmp_path / "four.nii")
    with pytest.raises(ReadError, match="holds 3 volumes"):
        calibrate_map(the_set(), tmp_path / "four.nii", tmp_path / "c.nii", **use)
