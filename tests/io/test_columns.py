"""Blocks of columns are written as rows are, whole or not at all."""

import sys

import numpy as np
import pytest

from qiqa.core.errors import OutputError
from qiqa.io.columns import columns_to_csv, columns_to_parquet
from qiqa.io.export import rows_to_csv

TIMES = ["2024-01-08T07:30:00", "2024-01-15T08:01:02"]


def texts(*values):
    return np.array(values, dtype=object)


def block(first=0.0):
    return {
        "scanner": texts("SIM 01", "=cmd()"),
        "acquired_at": np.array(TIMES, dtype="datetime64[s]"),
        "slice": texts(7, None),
        "value": np.array([first + 0.1, np.nan]),
        "reason": texts(None, 'not "measured", µ'),
        "count": np.array([1, 2]),
    }


def as_rows(columns):
    lists = [
        TIMES if name == "acquired_at" else column.tolist() for name, column in columns.items()
    ]
    return [dict(zip(columns, fields, strict=True)) for fields in zip(*lists, strict=True)]


def test_csv_is_that_of_the_rows(tmp_path):
    assert columns_to_csv([block(), block(190.0)], tmp_path / "columns.csv") == 4
    rows_to_csv([*as_rows(block()), *as_rows(block(190.0))], tmp_path / "rows.csv")
    written = (tmp_path / "columns.csv").read_bytes()
    assert written == (tmp_path / "rows.csv").read_bytes()
    assert b"'=cmd()" in written


def test_parquet_reads_back(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = tmp_path / "columns.parquet"
    assert columns_to_parquet([block(), block(190.0)], path) == 4
    table = parquet.read_table(path)
    assert table.schema.metadata[b"schema"] == b"qiqa.measurement/1"
    assert table.column("value").to_pylist() == [0.1, None, 190.1, None]
    assert table.column("slice").to_pylist() == [7, None, 7, None]
    assert table.column("reason").to_pylist() == [None, 'not "measured", µ'] * 2
    assert [t.isoformat() for t in table.column("acquired_at").to_pylist()[:2]] == TIMES


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OutputError, match="pip install pyarrow"):
        columns_to_parquet([block()], tmp_path / "columns.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [({"value": np.zeros(2)}, "are not"), ({**block(), "count": np.zeros(3)}, "length")],
)
def test_blocks_that_do_not_fit_leave_nothing_behind(tmp_path, other, said):
    with pytest.raises(ValueError, match=said):
        columns_to_csv([block(), other], tmp_path / "columns.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OutputError) as caught:
        columns_to_csv([block()], tmp_path / "nowhere" / "columns.csv")
    assert "nowhere" in str(caught.value)
