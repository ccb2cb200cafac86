"""Series over time from the columns are what the rows say, in order, with nothing made up."""

import contextlib
import dataclasses
import datetime as dt
import math
import sqlite3

import numpy as np
import pytest

from qiqa.core.canonical import canonical_json
from qiqa.core.errors import StoreError
from qiqa.core.measurement import Verdict
from qiqa.core.scanner import Scanner
from qiqa.store.packing import pack

WEEK = dt.timedelta(days=7)


@pytest.fixture
def weekly(history, make_result, now, acquired):
    """Return a function that stores the exam of a week and returns its id."""

    def save(week, change=None, **options):
        at = acquired + week * WEEK
        given = {"files": (f"week {week}",), "acquired_at": at, **options}
        result = make_result(**given)
        result = result if change is None else change(result)
        return history.save(result, user="jd", now=now).exam_id

    return save


def by_name(found):
    return {series.name: series for series in found}


def test_one_series_for_each_key(history, weekly, acquired):
    ids = [weekly(week, diameter=190.0 + week) for week in range(3)]
    found = history.columns()
    assert [s.name for s in found] == ["diameter_slice1_lr", "piu", "slice_thickness"]
    diameter, piu, thickness = found
    assert diameter.value.tolist() == [190.0, 191.0, 192.0]
    assert diameter.standard_uncertainty.tolist() == [0.1 + 0.2] * 3
    assert diameter.at.tolist() == [acquired + week * WEEK for week in range(3)]
    assert diameter.exam.tolist() == [str(number) for number in ids]
    assert np.isnan(thickness.value).all()
    assert np.isnan(thickness.standard_uncertainty).all()
    (row,) = history.rows("diameter_slice1_lr", exam=ids[0])
    told = {
        "scanner": "SIEMENS 26271",
        "quantity": "diameter",
        "unit": "mm",
        "insert": "",
        "slice": 1,
        "role": "T1",
        "phantom_unit": "J1234",
        "series_key": row["series_key"],
        "tolerance": None,
        "action": (187.0, 193.0),
        "reference": row["reference_value"],
    }
    assert {name: getattr(diameter, name) for name in told} == told
    assert row["reference_value"] == 190.0
    assert piu.action is None
    assert math.isnan(piu.reference)


def test_layout_is_stored_once_for_exams_alike(history, weekly):
    for week in range(3):
        weekly(week)
    weekly(3, software="syngo MR E11")
    with history.engine.connect() as connection:
        used = connection.exec_driver_sql("SELECT layout_id FROM exam_values ORDER BY exam_id")
        assert used.scalars().all() == [1, 1, 1, 2]


def test_epoch_changes_with_the_software(history, weekly):
    for week, software in enumerate(("a", "a", "b", "a")):
        weekly(week, software=software)
    series = history.columns()[0]
    first, _, other, _ = series.epoch
    assert series.epoch.tolist() == [first, first, other, first]
    assert first != other
    assert series.value.tolist() == [190.25] * 4
    assert series.exam.tolist() == ["1", "2", "3", "4"]


def test_order_is_that_of_acquisition(history, weekly):
    for week in (2, 0, 1):
        weekly(week, diameter=190.0 + week, software=f"v{week % 2}")
    series = history.columns()[0]
    assert series.value.tolist() == [190.0, 191.0, 192.0]
    assert series.exam.tolist() == ["2", "3", "1"]


def test_superseded_exams_are_left_out(history, weekly):
    weekly(0, diameter=180.0)
    weekly(0, diameter=190.0, algorithms=("wall_edges/2",))
    weekly(1, diameter=191.0)
    assert history.columns()[0].value.tolist() == [190.0, 191.0]


def test_exam_that_lacks_a_position_has_no_place(history, weekly):
    def shortened(result):
        return dataclasses.replace(result, assessments=result.assessments[1:2])

    weekly(0)
    weekly(1, shortened)
    weekly(2)
    found = by_name(history.columns())
    assert found["piu"].exam.tolist() == ["1", "2", "3"]
    assert found["diameter_slice1_lr"].exam.tolist() == ["1", "3"]


def test_exams_without_scanner_or_time_share_no_chart(history, weekly):
    weekly(0, scanner=Scanner())
    weekly(1, acquired_at=None)
    assert history.columns() == ()
    assert history.verify() == ()


def test_exam_without_measurements_is_no_trouble(history, weekly):
    weekly(0, lambda result: dataclasses.replace(result, assessments=()))
    weekly(1)
    assert len(history.columns()) == 3
    assert history.verify() == ()


def test_scanners_and_phantom_units_are_apart(history, weekly):
    other = Scanner(manufacturer="GE", serial_number="7")
    weekly(0)
    weekly(1, scanner=other, diameter=191.0)
    weekly(2, phantom_unit="J9", diameter=192.0)
    found = history.columns(name="diameter_slice1_lr")
    assert [(s.scanner, s.phantom_unit, s.value.tolist()) for s in found] == [
        ("GE 7", "J1234", [191.0]),
        ("SIEMENS 26271", "J9", [192.0]),
        ("SIEMENS 26271", "J1234", [190.25]),
    ]
    (own,) = history.columns(scanner="GE 7", name="diameter_slice1_lr")
    assert own.value.tolist() == [191.0]
    assert history.columns(scanner="GE 8") == ()


def test_since_and_until_are_included(history, weekly, acquired):
    for week in range(4):
        weekly(week, diameter=190.0 + week)
    found = history.columns(since=acquired + WEEK, until=acquired + 2 * WEEK)
    assert found[0].value.tolist() == [191.0, 192.0]
    assert history.columns(since=acquired + 4 * WEEK) == ()


def test_limits_are_those_of_the_newest_exam(history, weekly):
    def judged(tolerance, action):
        def change(result):
            first, *rest = result.assessments
            limits = {"tolerance": tolerance, "action": action}
            return dataclasses.replace(
                result, assessments=(dataclasses.replace(first, **limits), *rest)
            )

        return change

    weekly(1, judged((189.0, math.inf), (-math.inf, 192.0)))
    weekly(0, judged((1.0, 2.0), (0.0, 3.0)))
    series = history.columns()[0]
    assert series.tolerance == (189.0, math.inf)
    assert series.action == (-math.inf, 192.0)


def test_entered_temperature_is_a_covariate(history, weekly):
    weekly(0)
    weekly(1, entries=(("temperature", "19.25"),))
    weekly(2, entries=())
    series = history.columns()[0]
    assert series.covariates == ("temperature_degc",)
    assert series.covariate_values.shape == (1, 3)
    assert series.covariate_values[0, :2].tolist() == [21.5, 19.25]
    assert math.isnan(series.covariate_values[0, 2])


@pytest.mark.parametrize("entries", [(), (("temperature", "warm"),), (("temperature", "nan"),)])
def test_without_a_temperature_there_is_no_covariate(store, make_result, now, entries):
    store.save(make_result(entries=entries), user="jd", now=now)
    series = store.columns()[0]
    assert series.covariates == ()
    assert series.covariate_values.shape == (0, 0)
    assert store.verify() == ()


def test_values_in_another_unit_are_another_series(history, weekly):
    def in_cm(result):
        first, *rest = result.assessments
        measured = dataclasses.replace(first.measurement, unit="cm", value=19.0)
        changed = dataclasses.replace(first, measurement=measured)
        return dataclasses.replace(result, assessments=(changed, *rest))

    weekly(0)
    weekly(1, in_cm)
    found = history.columns(name="diameter_slice1_lr")
    assert [(s.unit, s.value.tolist()) for s in found] == [("cm", [19.0]), ("mm", [190.25])]


def test_same_key_twice_in_an_exam_gives_both_values(history, weekly):
    def repeated(result):
        first = result.assessments[0]
        measured = dataclasses.replace(first.measurement, value=188.0)
        again = dataclasses.replace(first, measurement=measured)
        return dataclasses.replace(result, assessments=(*result.assessments, again))

    weekly(0, repeated)
    weekly(1, repeated)
    series = by_name(history.columns())["diameter_slice1_lr"]
    assert series.value.tolist() == [190.25, 188.0, 190.25, 188.0]
    assert series.exam.tolist() == ["1", "1", "2", "2"]


def test_a_random_history_is_what_the_rows_say(store, make_result, now, acquired):
    rng = np.random.default_rng(20240506)
    scanners = (Scanner(given_name="MR1"), Scanner(given_name="MR2"))
    for number in range(40):
        result = make_result(
            # some files again: those exams supersede earlier ones
            files=(f"{rng.integers(30)}",),
            algorithms=(f"wall_edges/{number}",),
            acquired_at=acquired + int(rng.integers(200)) * WEEK,
            diameter=float(rng.normal(190, 1)),
            scanner=scanners[rng.integers(2)],
            software=f"v{rng.integers(3)}",
            phantom_unit=f"J{rng.integers(2)}",
        )
        kept = rng.permutation(3)[: rng.integers(1, 4)]
        chosen = tuple(result.assessments[i] for i in kept)
        store.save(dataclasses.replace(result, assessments=chosen), user="jd", now=now)
    rows = store.history()
    keys = set(rows.series_key.tolist()) - {""}  # without a key they share no chart
    found = {series.series_key: series for series in store.columns()}
    assert len(store.exams()) < 40
    assert len(keys) > 4
    assert keys == {key for key, s in found.items() if np.isfinite(s.value).any()}
    for key in keys:
        series, its = found[key], rows.series_key == key
        for name in ("value", "standard_uncertainty", "epoch"):
            assert getattr(series, name).tolist() == getattr(rows, name)[its].tolist()
        assert series.at.tolist() == rows.acquired_at[its].tolist()
        assert series.exam.tolist() == [str(number) for number in rows.exam_id[its]]
        assert {series.unit, series.scanner} == {*rows.unit[its], *rows.scanner[its]}


def test_block_that_was_cut_is_refused(store, make_result, now):
    store.save(make_result(), user="jd", now=now)
    store.close()
    with contextlib.closing(sqlite3.connect(store.engine.url.database)) as connection:
        connection.execute("DROP TRIGGER exam_values_refuse_update")
        connection.execute("UPDATE exam_values SET packed = substr(packed, 2)")
        connection.commit()
    with pytest.raises(StoreError, match=r"exams 1 to 1 cannot be read.*51 bytes"):
        store.columns()


def test_block_holds_values_uncertainties_and_verdicts():
    row = dict.fromkeys(("name", "quantity", "insert", "slice", "role", "unit", "series_key"))
    rows = [
        {**row, "value": 1.5, "standard_uncertainty": 0.25, "verdict": "action"},
        {**row, "value": None, "standard_uncertainty": None, "verdict": "not_evaluated"},
    ]
    payload = {"measurements": rows, "phantom": {"unit": None}, "entries": {}}
    packed = pack(payload, ["e", None])
    assert len(packed.block) == 34
    numbers = np.frombuffer(packed.block[:32], dtype="<f8")
    assert numbers[[0, 2]].tolist() == [1.5, 0.25]
    assert np.isnan(numbers[[1, 3]]).all()
    assert packed.block[32:] == b"\x03\x00"
    positions = [{**row, "epoch": "e"}, {**row, "epoch": None}]
    assert packed.layout == canonical_json({"phantom_unit": None, "positions": positions})


def test_every_verdict_has_a_byte():
    row = dict.fromkeys(("name", "quantity", "insert", "slice", "role", "unit", "series_key"))
    numbers = {"value": None, "standard_uncertainty": None}
    rows = [{**row, **numbers, "verdict": verdict.value} for verdict in Verdict]
    payload = {"measurements": rows, "phantom": {"unit": None}, "entries": {}}
    assert len({*pack(payload, [None] * len(rows)).block[-len(rows) :]}) == len(Verdict)
