"""Values of participants: read with what a calibration asks for, written with all they had."""

import csv

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.io.value_table import read_values, write_values

HEAD = "scanner,acquired_at,name,quantity,value,unit,software,"


def table(tmp_path, head, *rows):
    path = tmp_path / "v.csv"
    path.write_text("\n".join([HEAD + head, *rows]), encoding="utf-8")
    return path


def test_distance_is_stated_or_that_of_a_place(tmp_path):
    stated = table(tmp_path, "distance_mm", "A,2025-01-01,adc_t,adc,1.1,mm²/s,V1,42")
    assert read_values(stated).distance_mm.tolist() == [42.0]
    place = table(tmp_path, "x_mm,y_mm,z_mm", "A,2025-01-01,adc_t,adc,1.1,mm²/s,V1,2,-3,6")
    assert read_values(place).distance_mm.tolist() == [7.0]
    none = table(tmp_path, "note", "A,2025-01-01,adc_t,adc,1.1,mm²/s,V1,x")
    assert np.isnan(read_values(none).distance_mm).all()


def test_every_row_stays_with_what_is_wrong_with_it(tmp_path):
    path = table(
        tmp_path, "note", "A,2025-01-01,adc_t,adc,1.1,mm²/s,V1,x", ",,adc_t,adc,ERR,mm²/s,,"
    )
    read = read_values(path)
    assert read.scanner.tolist() == ["A", ""]
    assert read.epoch.tolist() == ["V1", ""]
    assert np.isnat(read.at).tolist() == [False, True]
    assert np.isnan(read.value).tolist() == [False, True]
    assert {f.code for f in read.findings} == {"no_date", "not_a_number"}


def test_written_with_columns_changed_and_added(tmp_path):
    path = table(tmp_path, "note", "A,2025-01-01,adc_t,adc,1.1,mm²/s,V1,@SUM(A1)")
    read = read_values(path)
    out = tmp_path / "out.csv"
    more = np.array(["=evil()"], dtype=object)
    write_values(out, read, {"value": np.array([1.25]), "refused": more})
    with out.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["value"], row["note"], row["refused"]) == ("1.25", "'@SUM(A1)", "'=evil()")
    assert list(row) == [*HEAD.rstrip(",").split(","), "note", "refused"]
    with pytest.raises(UsageError, match=r"is not .csv or .parquet"):
        write_values(tmp_path / "out.json", read, {})
