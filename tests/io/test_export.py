"""Exports open in a spreadsheet as they were meant, and are written whole or not at all."""

import csv
import datetime as dt
import io
import json
import math
import shutil
import subprocess
import sys

import pytest

from qiqa.core.errors import OutputError
from qiqa.core.rows import COLUMNS
from qiqa.io.export import rows_to_csv, rows_to_json, rows_to_parquet

ROWS = [
    {
        "exam_id": 1,
        "acquired_at": dt.datetime(2024, 5, 6, 7, 15),
        "name": "adc",
        "unit": "µm²/s",
        "value": -1.5,
        "interval": [None, 2.5],
        "reason": None,
    },
    {
        "exam_id": 2,
        "acquired_at": None,
        "name": 'quoted "x", and\nbroken',
        "unit": "mm",
        "value": 0.1 + 0.2,
        "interval": None,
        "reason": "=HYPERLINK()",
        "late": True,
    },
]


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_reads_back(tmp_path):
    path = tmp_path / "rows.csv"
    rows_to_csv(ROWS, path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfexam_id,acquired_at,name")
    first, second = read_csv(path)
    assert first == {
        "exam_id": "1",
        "acquired_at": "2024-05-06T07:15:00",
        "name": "adc",
        "unit": "µm²/s",
        "value": "-1.5",
        "interval": "[null,2.5]",
        "reason": "",
        "late": "",
    }
    assert float(second["value"]) == 0.1 + 0.2
    assert second["name"] == 'quoted "x", and\nbroken'
    assert second["late"] == "True"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1+1", "'＝1+1"),
        ("-1.5", "-1.5"),
        ("+2e-3", "+2e-3"),
        ("-1.5\n=1", "'-1.5\n=1"),
        ("--1", "'--1"),
        ("-", "'-"),
        ("a=1", "a=1"),
        ("x\x00=1", "x\\x00=1"),
        ("", ""),
    ],
)
def test_formulas_are_neutralized_and_numbers_are_not(tmp_path, text, cell):
    path = tmp_path / "rows.csv"
    rows_to_csv([{"a": 1, "reason": text}], path)
    assert read_csv(path)[0]["reason"] == cell


@pytest.mark.parametrize("number", [-1.5, -3, 1e-300, -0.0])
def test_numbers_stay_numbers(tmp_path, number):
    path = tmp_path / "rows.csv"
    rows_to_csv([{"value": number}], path)
    assert float(read_csv(path)[0]["value"]) == number


def test_nan_is_empty_and_not_a_word(tmp_path):
    path = tmp_path / "rows.csv"
    rows_to_csv([{"a": 1, "value": math.nan}], path)
    assert read_csv(path)[0]["value"] == ""


def test_field_names_are_neutralized_too(tmp_path):
    path = tmp_path / "rows.csv"
    rows_to_csv([{"=cmd": 1}], path)
    assert list(read_csv(path)[0]) == ["'=cmd"]


def test_no_rows_give_the_header_of_the_schema(tmp_path):
    path = tmp_path / "rows.csv"
    rows_to_csv([], path)
    assert path.read_text(encoding="utf-8-sig").strip().split(",") == [c.name for c in COLUMNS]


def test_streams():
    text = io.StringIO(newline="")
    rows_to_csv(ROWS, text)
    assert text.getvalue().startswith("exam_id,")
    text = io.StringIO()
    rows_to_json(ROWS, text)
    assert json.loads(text.getvalue())["rows"][0]["unit"] == "µm²/s"


def test_json_reads_back(tmp_path):
    path = tmp_path / "rows.json"
    rows_to_json([*ROWS, {"value": math.inf}], str(path))
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["schema"] == "qiqa.measurement/1"
    assert content["rows"][1]["value"] == 0.1 + 0.2
    assert content["rows"][0]["interval"] == [None, 2.5]
    assert content["rows"][0]["acquired_at"] == "2024-05-06T07:15:00"
    assert content["rows"][2] == {"value": None}


def test_undecodable_file_names_do_not_stop_an_export(tmp_path):
    rows_to_csv([{"path": "a\udcff"}], tmp_path / "rows.csv")
    rows_to_json([{"path": "a\udcff"}], tmp_path / "rows.json")
    assert read_csv(tmp_path / "rows.csv")[0]["path"] == "a\\udcff"
    assert json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))["rows"]


@pytest.mark.parametrize("write", [rows_to_csv, rows_to_json])
def test_replaces_an_older_file_and_leaves_no_other(tmp_path, write):
    path = tmp_path / "rows.out"
    path.write_text("old and much longer" * 1000, encoding="utf-8")
    write(ROWS, path)
    assert "old" not in path.read_text(encoding="utf-8")
    assert [item.name for item in tmp_path.iterdir()] == ["rows.out"]


@pytest.mark.parametrize("write", [rows_to_csv, rows_to_json])
def test_folder_missing_or_in_the_way(tmp_path, write):
    with pytest.raises(OutputError, match="cannot be written"):
        write(ROWS, tmp_path / "no" / "rows.out")
    (tmp_path / "rows.out").mkdir()
    with pytest.raises(OutputError) as error:
        write(ROWS, tmp_path / "rows.out")
    assert error.value.where == str(tmp_path / "rows.out")
    assert [item.name for item in tmp_path.iterdir()] == ["rows.out"]


def test_full_disk_keeps_the_older_file(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(disk)]
    allowed = shutil.which("mount") is not None
    if not allowed or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        path = disk / "rows.csv"
        rows_to_csv(ROWS, path)
        before = path.read_bytes()
        with pytest.raises(OutputError, match="No space left"):
            rows_to_csv(ROWS * 1000, path)
        assert path.read_bytes() == before
        assert [item.name for item in disk.iterdir()] == ["rows.csv"]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_stream_that_breaks_is_reported():
    class Broken(io.StringIO):
        def write(self, _text):
            raise OSError(28, "No space left on device")

    for write in (rows_to_csv, rows_to_json):
        with pytest.raises(OutputError, match="No space left"):
            write(ROWS, Broken())


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OutputError, match="pip install pyarrow"):
        rows_to_parquet(ROWS, tmp_path / "rows.parquet")
    assert list(tmp_path.iterdir()) == []


def test_parquet_reads_back(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = tmp_path / "rows.parquet"
    rows_to_parquet(ROWS, path)
    table = parquet.read_table(path)
    assert table.schema.metadata[b"schema"] == b"qiqa.measurement/1"
    assert table.column("value").to_pylist() == [-1.5, 0.1 + 0.2]
    assert table.column("interval").to_pylist() == ["[null,2.5]", None]
    assert table.column("reason").to_pylist() == [None, "=HYPERLINK()"]
