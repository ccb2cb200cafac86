"""A table as a set, and a table joined to the series of a scan."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.errors import ReadError, UsageError
from qiqa.core.vet_table import VetTable
from qiqa.core.words import Words
from qiqa.io.vet_table import SetRoles, join_metadata, read_set


@pytest.fixture
def write(tmp_path):
    def made(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return made


@pytest.fixture
def scanned():
    names = ["1.2", "1.3", "1.4"]
    return VetTable(
        path=["a/one", "a/two", "b"],
        series_uid=names,
        texts={"patient": Words.of(["h1", "h1", "h2"]), "site": Words.of(["X", "X", ""])},
        numbers={"age": np.array([50.0, np.nan, np.nan])},
        date=np.full(3, "NaT", dtype="datetime64[D]"),
        features=(),
        values=np.zeros((3, 0), np.float32),
    )


def codes(findings):
    return {one.code for one in findings}


def test_a_table_alone_is_a_set(write):
    path = write(
        "id\tcenter\tage\tcnr\tefc\tnote\nb\t1\t30\t2.5\t0.5\tx\na\t2\t\t3.5\t\ty\n", "t.tsv"
    )
    found, findings = read_set(path, SetRoles(row="id", columns={"site": "center"}))
    assert list(found.series_uid) == ["a", "b"]
    assert found.features == ("cnr", "efc")
    assert list(found.texts["site"]) == ["2", "1"]  # words, though all are numbers
    assert list(found.texts["note"]) == ["y", "x"]
    assert np.array_equal(found.numbers["age"], [np.nan, 30.0], equal_nan=True)
    assert np.array_equal(found.values, np.array([[3.5, np.nan], [2.5, 0.5]], np.float32),
                          equal_nan=True)  # fmt: skip
    assert findings == ()


def test_roles_choose_features_and_name_what_is_missing(write):
    path = write("site,a,b,c\nx,1,2,3\ny,4,5,six\n")
    found, _ = read_set(path, SetRoles(features=("b",)))
    assert found.features == ("b",)
    found, _ = read_set(path, SetRoles(others=("a",)))
    assert found.features == ("b",)
    assert found.numbers["a"].tolist() == [1.0, 4.0]
    with pytest.raises(UsageError, match="no column 'scan'; there are site, a, b, c"):
        read_set(path, SetRoles(row="scan"))
    with pytest.raises(UsageError, match="'c' is no column of numbers: 'six' in row 2"):
        read_set(path, SetRoles(features=("c",)))
    with pytest.raises(ReadError, match="2 rows have the name 'x'"):
        read_set(write("site,a\nx,1\nx,2\n"), SetRoles(row="site"))


def test_slips_among_numbers_are_unknown_and_said(write):
    found, findings = read_set(write("site,a\nx,1\ny,2\nz,oops\n"), SetRoles())
    assert np.isnan(found.values[2, 0])
    assert codes(findings) == {"cell_is_no_number"}


@pytest.mark.parametrize(("key", "cells"), [("series_uid", ("1.2", "1.4")),
                                            ("path", ("./a\\one", "b")),
                                            ("patient_hash", ("h1", "h2"))])  # fmt: skip
def test_columns_are_joined_by_each_key(write, scanned, key, cells):
    path = write(f"{key},label,split,age,date\n{cells[0]},ill,train,51,2024-02-03\n"
                 f"{cells[1]},well,test,,\n")  # fmt: skip
    found, findings = join_metadata(scanned, path)
    second = "ill" if key == "patient_hash" else ""
    assert list(found.texts["label"]) == ["ill", second, "well"]
    assert list(found.texts["site"]) == ["X", "X", ""]
    assert found.numbers["age"][0] == 51.0
    assert str(found.date[0]) == "2024-02-03"
    assert np.isnat(found.date[2])
    assert codes(findings) == (set() if key == "patient_hash" else {"series_without_row"})


def test_patient_ids_need_the_key_of_the_scan(write, scanned):
    path = write("patient_id,label\nJane,ill\nJoe,well\n")
    with pytest.raises(UsageError, match="without the key"):
        join_metadata(scanned, path)
    found, _ = join_metadata(scanned, path, hash_patient={"Jane": "h1", "Joe": "h2"}.__getitem__)
    assert list(found.texts["label"]) == ["ill", "ill", "well"]
    assert "patient_id" not in found.texts


def test_unmatched_contradicting_and_conflicting_rows_are_findings(write, scanned):
    path = write("series_uid,site,label\n1.2,Y,a\n9.9,Z,b\n1.4,Z,c\n1.4,Z,d\n")
    found, findings = join_metadata(scanned, path)
    assert codes(findings) == {"row_without_series", "series_without_row", "conflicting_rows",
                               "table_differs_from_headers"}  # fmt: skip
    assert list(found.texts["label"]) == ["a", "", ""]  # neither c nor d
    assert list(found.texts["site"]) == ["Y", "X", ""]


def test_names_of_columns_may_differ_and_a_table_without_key_is_refused(write, scanned):
    path = write("uid,dx\n1.2,ill\n")
    found, _ = join_metadata(scanned, path, columns={"series_uid": "uid", "label": "dx"})
    assert list(found.texts["label"]) == ["ill", "", ""]
    with pytest.raises(UsageError, match="none of the columns series_uid, path"):
        join_metadata(scanned, path)
    with pytest.raises(UsageError, match="no column 'path'"):
        join_metadata(scanned, path, key="path")


def test_a_table_without_rows_of_the_set_changes_nothing(write, scanned):
    found, findings = join_metadata(scanned, write("series_uid,label\n7,x\n"))
    assert list(found.texts["label"]) == ["", "", ""]
    assert codes(findings) == {"row_without_series", "series_without_row"}
    assert dataclasses.replace(found, texts=scanned.texts).numbers == scanned.numbers


def test_ids_of_patients_go_no_farther(write, scanned):
    alone, _ = read_set(write("site,patient,cnr\nx,Jane,1\ny,,2\nz,Anna,3\nx,Jane,4\n"), SetRoles())
    assert list(alone.texts["patient"]) == ["person 2", "", "person 1", "person 2"]
    for name in ("patient_id", "patient"):
        path = write(f"series_uid,{name}\n1.2,Jane\n1.3,\n1.4,Joe\n")
        found, findings = join_metadata(scanned, path)
        assert list(found.texts["patient"]) == ["h1", "h1", "h2"]
        assert codes(findings) == {"patients_not_used"}
        hashed, _ = join_metadata(scanned, path, hash_patient=lambda word: f"<{word}>")
        assert list(hashed.texts["patient"]) == ["<Jane>", "h1", "<Joe>"]
    found, _ = join_metadata(scanned, write("series_uid,patient_hash\n1.3,h9\n"))
    assert list(found.texts["patient"]) == ["h1", "h9", "h2"]


def test_cells_of_parquet_that_are_empty_twice_do_not_conflict(scanned, tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "table.parquet"
    columns = {"series_uid": ["1.2", "1.2"], "dose": [float("nan")] * 2, "label": ["a", "a"]}
    parquet.write_table(pa.table(columns), path)
    found, findings = join_metadata(scanned, path)
    assert list(found.texts["label"]) == ["a", "", ""]
    assert codes(findings) == {"series_without_row"}


@pytest.mark.parametrize(
    ("column", "cells", "told"),
    [
        ("split", ("Test", "test", "train"), ["'split': 'Test' and 'test'"]),
        ("label", ("AD", "CN", "ad"), ["'label': 'AD' and 'ad'"]),
        ("split", ("test", "train", "val"), []),
        ("note", ("Good", "good", "bad"), []),
    ],
)
def test_capitals_that_part_a_set_are_told(write, scanned, column, cells, told):
    one, two, three = cells
    path = write(f"series_uid,{column}\n1.2,{one}\n1.3,{two}\n1.4,{three}\n")
    joined, findings = join_metadata(scanned, path)
    assert list(joined.texts[column]) == list(cells)
    found = [one.message for one in findings if one.code == "spelt_differently"]
    assert [message.partition(" differ")[0] for message in found] == told
