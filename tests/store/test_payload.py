"""The documented JSON of an exam is complete, stable and holds no NaN."""

import dataclasses
import json
import math

import numpy as np
import pytest

from qiqa.core.history import epoch_key
from qiqa.core.payload import result_payload
from qiqa.core.pose import PhantomPose
from qiqa.core.result import ExamSeries, Provenance, QcResult
from qiqa.core.rows import COLUMNS
from qiqa.core.scanner import Acquisition, Reconstruction


def test_keys_in_their_order(make_result):
    payload = result_payload(make_result())
    assert list(payload) == [
        "schema",
        "row_schema",
        "phantom",
        "scanner",
        "acquired_at",
        "protocol",
        "verdict",
        "series",
        "measurements",
        "findings",
        "entries",
        "provenance",
    ]
    assert payload["schema"] == "qiqa.qc/1"
    assert payload["row_schema"] == "qiqa.measurement/1"
    assert payload["phantom"]["variant"] == "grid"
    assert payload["phantom"]["unit"] == "J1234"
    assert payload["scanner"]["identity"] == "SIEMENS 26271"
    assert payload["protocol"]["edition"].endswith("October 2022")
    assert payload["acquired_at"] == "2024-05-06T07:15:12.500000"
    assert payload["verdict"] == "not_evaluated"  # slice thickness is an open question
    assert payload["entries"] == {"initials": "JD", "temperature": "21.5"}
    assert payload["findings"][0]["severity"] == "warning"
    assert payload["provenance"]["created_at"] == "2024-05-06T08:30:00+00:00"
    assert payload["provenance"]["versions"] == {"qiqa": "0.1.0", "numpy": "2.0.0"}


@pytest.mark.parametrize(
    ("noun", "found"),
    [
        (Provenance, lambda p: p["provenance"]),
        (ExamSeries, lambda p: p["series"][0]),
        (PhantomPose, lambda p: p["series"][0]["pose"]),
        (Acquisition, lambda p: p["series"][0]["acquisition"]),
    ],
)
def test_every_field_of_a_noun_is_there(make_result, noun, found):
    # other poses that fit alike are counted in words, in `symmetry`
    fields = {field.name for field in dataclasses.fields(noun)} - {"alternatives"}
    assert fields <= set(found(result_payload(make_result())))


def test_every_part_of_a_result_but_pictures_is_there(make_result):
    renamed = {"assessments": "measurements", "evidence": None, "phantom_unit": None}
    for field in dataclasses.fields(QcResult):
        key = renamed.get(field.name, field.name)
        assert key is None or key in result_payload(make_result())


def test_json_without_nan_and_without_other_types(make_result):
    result = make_result()
    lost = dataclasses.replace(
        result.series[0],
        pose=dataclasses.replace(
            result.series[0].pose, phantom_to_voxel=np.full((4, 4), np.nan), residual_mm=math.nan
        ),
    )
    payload = result_payload(dataclasses.replace(result, series=(lost,)))
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload
    assert payload["series"][0]["pose"]["phantom_to_voxel"] == [[None] * 4] * 4
    assert payload["series"][0]["pose"]["residual_mm"] is None
    assert list(payload["measurements"][0]) == [column.name for column in COLUMNS]


def test_series_without_phantom(make_result):
    result = make_result()
    missing = dataclasses.replace(result.series[0], pose=None, failure="no phantom")
    payload = result_payload(dataclasses.replace(result, series=(missing,)))
    assert payload["series"][0]["pose"] is None
    assert payload["series"][0]["failure"] == "no phantom"
    assert payload["phantom"]["variant"] is None


def test_whole_numbers_and_negative_zero_are_not_taken_for_alterations(store, make_result, now):
    result = make_result()
    first = result.assessments[0]
    odd = tuple(
        dataclasses.replace(first, measurement=dataclasses.replace(first.measurement, value=value))
        for value in (37, -0.0, np.float32(0.1), 1e-310, 1.7e308)
    )
    store.save(dataclasses.replace(result, assessments=odd), user="jd", now=now)
    values = [row["value"] for row in store.rows()]
    assert values == [37.0, 0.0, float(np.float32(0.1)), 1e-310, 1.7e308]
    assert store.verify() == ()


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"center_frequency_hz": 63.6e6, "transmit_gain": "3", "temperature_degc": 21.0}, True),
        ({"table_position_mm": -3.0}, True),
        ({"software": "syngo MR E11"}, False),
        ({"coil_elements": "H1"}, False),
        ({"averages": 2.0}, False),
        ({"reconstruction": Reconstruction(learned="AIR Recon DL")}, False),
    ],
)
def test_epoch_starts_with_a_setting_not_with_a_read_out(change, same):
    before = Acquisition(software="syngo MR D13", coil="Head", averages=1.0)
    assert (epoch_key(dataclasses.replace(before, **change)) == epoch_key(before)) is same
