"""Tables of features: what is a feature, what is not, and everything else as it was."""

import csv
import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.errors import ReadError, UsageError
from qiqa.io.feature_table import Roles, read_features, write_features

TABLE = """site,id,age,sex,note,f1,f2,empty
A,p1,50,F,=1+1,1.0,2.5,
A,p2,60,M,fine,1.5,,
B,p3,,F,"two
lines",2.0,4.5,
"""


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "f.csv"
    made.write_text(TABLE, encoding="utf-8")
    return made


def test_columns_become_what_they_are(path):
    read = read_features(path, Roles(batch="site", keep=("age", "sex"), subject="id"))
    t = read.table
    assert t.features == ("f1", "f2")
    assert t.values[:, 0].tolist() == [1.0, 1.5, 2.0]
    assert np.isnan(t.values[1, 1])
    assert t.batch.tolist() == ["A", "A", "B"]
    assert t.subject.tolist() == ["p1", "p2", "p3"]
    assert t.row.tolist() == ["line 2", "line 3", "line 5"]
    assert np.array_equal(t.covariates["age"], [50, 60, np.nan], equal_nan=True)
    assert t.covariates["sex"].tolist() == ["F", "M", "F"]
    (note,) = read.findings
    assert note.message == "columns that are no features: note, empty"


def test_the_rest_is_written_as_it_was(path, tmp_path):
    read = read_features(path, Roles(batch="site", features=("f1",), row="id"))
    changed = read.table.values + 1
    out = tmp_path / "out.csv"
    write_features(out, dataclasses.replace(read.table, values=changed), read.others)
    with out.open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["f1"] for row in written] == ["2.0", "2.5", "3.0"]
    assert [row["f2"] for row in written] == ["2.5", "", "4.5"]
    assert list(written[0]) == ["site", "id", "age", "sex", "note", "f1", "f2", "empty"]
    assert written[2]["note"] == "two\nlines"
    # a spreadsheet must not run it; reading it back takes the apostrophe off again
    assert written[0]["note"] == "'=1+1"


@pytest.mark.parametrize("name", ["out.xlsx", "out"])
def test_other_kinds_of_files_are_refused(path, tmp_path, name):
    read = read_features(path, Roles(batch="site"))
    with pytest.raises(UsageError, match=r"is not .csv or .parquet"):
        write_features(tmp_path / name, read.table, read.others)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        (Roles(batch="scanner"), "there is no column 'scanner'; there are site, id"),
        (Roles(batch="site", keep=("height",)), "there is no column 'height'"),
        (Roles(batch="site", keep=("site",)), "'site' cannot be the batch and something else"),
        (Roles(batch="site", features=("note",)), "'note' is no column of numbers: '=1.1'"),
        (Roles(batch="site", features=("empty",)), "'empty' is no column of numbers: 'empty'"),
    ],
)
def test_roles_that_cannot_be(path, roles, said):
    with pytest.raises(UsageError, match=said):
        read_features(path, roles)


def test_a_table_of_texts_only(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("site,note\nA,x\n", encoding="utf-8")
    with pytest.raises(ReadError, match="holds no column of numbers"):
        read_features(path, Roles(batch="site"))


def test_a_row_a_value_is_another_kind_of_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("name,value\nadc,1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="one row a value, not one a scan"):
        read_features(path, Roles(batch="scanner"))


def test_parquet_there_and_back_keeps_numbers_and_times(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    given = pa.table(
        {
            "site": ["A", "B"],
            "count": pa.array([3, None], type=pa.int64()),
            "when": [dt.datetime(2025, 1, 1), dt.datetime(2025, 1, 2)],
            "f1": [1.0, 2.0],
        }
    )
    parquet.write_table(given, tmp_path / "a.parquet")
    read = read_features(tmp_path / "a.parquet", Roles(batch="site", features=("f1",)))
    write_features(tmp_path / "b.parquet", read.table, read.others)
    back = parquet.read_table(tmp_path / "b.parquet").to_pydict()
    assert back == given.to_pydict()


@pytest.mark.parametrize("slip", ["<1", "inf", "unknown", "56,1"])
@pytest.mark.parametrize("column", ["f0", "age"])
def test_a_slip_among_numbers_is_named(tmp_path, column, slip):
    """It would make a feature no feature, or an age a category of its own."""
    rows = [f"s{i % 2},{i}.5,{i + 40}.0" for i in range(8)]
    cells = rows[5].split(",")
    cells[1 if column == "f0" else 2] = f'"{slip}"'
    rows[5] = ",".join(cells)
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["site,f0,age", *rows]), encoding="utf-8")
    with pytest.raises(UsageError, match="holds numbers") as caught:
        read_features(path, Roles(batch="site", keep=("age",)))
    assert repr(column) in caught.value.message
    assert "row 6" in caught.value.message
