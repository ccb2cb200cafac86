"""The history that benchmarks read is what the store would have written."""

import datetime as dt
import importlib
from pathlib import Path

import numpy as np
import pytest

from qiqa.store import open_store

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
FIRST = dt.datetime(2016, 1, 4, 7, 30)


@pytest.fixture
def made(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("_drift_store")


@pytest.mark.parametrize("whole", [False, True])
def test_values_come_back(made, tmp_path, whole):
    rng = np.random.default_rng(5)
    value = made.made_up(2, 3, 5, rng)
    value[1, 2, 4] = np.nan
    degc = rng.normal(21, 1, (2, 3)).round(2)
    url = str(tmp_path / "history.db")
    made.fill(url, value, first=FIRST, temperature_degc=degc, whole=whole)
    with open_store(url) as store:
        found = store.columns()
        assert [series.scanner for series in found] == ["BENCH 0000"] * 5 + ["BENCH 0001"] * 5
        read = np.array([series.value for series in found]).reshape(2, 5, 3)
        np.testing.assert_array_equal(read, value.swapaxes(1, 2))
        assert found[7].at.tolist() == [FIRST + week * dt.timedelta(days=7) for week in range(3)]
        np.testing.assert_array_equal(found[7].covariate_values, degc[1:2])
        assert found[0].action == (189.0, 191.0)
        assert (store.verify() == ()) is whole
    assert made.read(url, repeats=1)["values"] == 30


def test_columns_alone_are_those_of_whole_exams(made, tmp_path):
    value = made.made_up(2, 3, 5, np.random.default_rng(6))
    value[0, 1, 3] = np.nan
    packed = []
    for whole in (False, True):
        url = str(tmp_path / f"{whole}.db")
        made.fill(url, value, first=FIRST, whole=whole)
        with open_store(url) as store, store.engine.connect() as connection:
            query = "SELECT * FROM exam_values JOIN layout ON id = layout_id ORDER BY exam_id"
            packed.append(connection.exec_driver_sql(query).all())
    assert packed[0] == packed[1]
    assert len(packed[0]) == 6
