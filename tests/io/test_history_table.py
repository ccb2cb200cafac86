"""Tables of values over time: what people have in their spreadsheets, right and wrong."""

import csv
import datetime as dt
import json

import numpy as np
import pytest

from qiqa.core.errors import ReadError, UsageError
from qiqa.io.history_table import read_history_table

HEAD = ("scanner", "acquired_at", "name", "value")


def weekly(count, scanner="A", name="snr", value=100.0):
    """Return rows of weekly exams whose values count up from `value`."""
    start = dt.date(2024, 1, 1)
    return [[scanner, str(start + dt.timedelta(weeks=i)), name, value + i] for i in range(count)]


@pytest.fixture
def table(tmp_path):
    """Return a function that writes rows as CSV and reads them."""

    def call(rows, head=HEAD, *, delimiter=",", encoding="utf-8", columns=None):
        path = tmp_path / "t.csv"
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(head)
            writer.writerows(rows)
        return read_history_table(path, columns)

    return call


def codes(read):
    return [finding.code for finding in read.findings]


def only(read):
    (series,) = read.series
    return series


# --- what is read ----------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_four_columns_are_enough(table, delimiter, encoding):
    read = table(weekly(3), delimiter=delimiter, encoding=encoding)
    one = only(read)
    assert (one.scanner, one.name, one.quantity, one.unit) == ("A", "snr", "snr", "")
    assert one.value.tolist() == [100.0, 101.0, 102.0]
    assert [str(t)[:10] for t in one.at] == ["2024-01-01", "2024-01-08", "2024-01-15"]
    assert one.exam.tolist() == ["line 2", "line 3", "line 4"]
    assert np.isnan(one.standard_uncertainty).all()
    assert np.isnan(one.reference)
    assert one.tolerance is one.action is None
    assert one.covariate_values.shape == (0, 3)
    assert (read.findings, read.rows) == ((), 3)


def test_rows_in_any_order_come_out_oldest_first(table):
    assert only(table(weekly(9)[::-1])).value.tolist() == list(range(100, 109))


def test_parquet_gives_the_same_as_csv(table, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = weekly(5)
    times = [dt.datetime.fromisoformat(row[1]) for row in rows]
    for kind in (pa.timestamp("ns"), pa.timestamp("us", "Europe/Berlin"), pa.date32()):
        columns = {
            "scanner": ["A"] * 5,
            "acquired_at": pa.array(times).cast(pa.timestamp("us")).cast(kind),
            "name": ["snr"] * 5,
            "value": pa.array([None, *[row[3] for row in rows[1:]]]),
        }
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        one = only(read_history_table(tmp_path / "t.parquet"))
        expected = only(table(rows))
        assert np.isnan(one.value[0])
        assert one.value[1:].tolist() == expected.value[1:].tolist()
        assert one.series_key == expected.series_key


def test_columns_of_other_names_are_mapped(table):
    rows = [[row[0], row[1], row[3], 20.5] for row in weekly(3)]
    head = ("Site", "Day", "PSNR", "Room")
    columns = {"scanner": "Site", "acquired_at": "Day", "value": "PSNR", "temperature": "Room"}
    one = only(table(rows, head, columns=columns))
    assert (one.scanner, one.name, one.quantity) == ("A", "PSNR", "PSNR")
    assert one.covariates == ("temperature",)
    assert one.covariate_values.tolist() == [[20.5] * 3]


def test_quantity_stands_for_a_name_that_is_missing(table):
    assert only(table(weekly(3), ("scanner", "acquired_at", "quantity", "value"))).name == "snr"


def test_numbers_are_covariates_and_texts_are_named_as_not_used(table):
    rows = [[*row, 20 + i, "Miller", "" if i else 5.5] for i, row in enumerate(weekly(3))]
    read = table(rows, (*HEAD, "temperature_degc", "operator", "humidity"))
    one = only(read)
    assert one.covariates == ("temperature_degc", "humidity")
    assert one.covariate_values[0].tolist() == [20.0, 21.0, 22.0]
    assert np.isnan(one.covariate_values[1]).tolist() == [False, True, True]
    (finding,) = read.findings
    assert (finding.code, finding.message) == ("columns_not_used", "columns not used: operator")


def test_a_slip_does_not_make_a_covariate_a_text(table):
    rows = [[*row, 20.0 if i else "warm"] for i, row in enumerate(weekly(4))]
    read = table(rows, (*HEAD, "temperature_degc"))
    assert only(read).covariates == ("temperature_degc",)
    assert "first line 2: 'warm'" in read.findings[0].message


@pytest.mark.parametrize("column", ["phantom_unit", "coil", "protocol", "insert", "role", "unit"])
def test_what_must_not_share_a_chart_does_not(table, column):
    rows = [[*row, "one" if i < 4 else "two"] for i, row in enumerate(weekly(7))]
    found = table(rows, (*HEAD, column)).series
    assert sorted(len(one) for one in found) == [3, 4]
    assert len({one.series_key for one in found}) == 2


def test_settings_make_epochs_and_nothing_else(table):
    rows = [[*row, "VA" if i < 2 else "VB"] for i, row in enumerate(weekly(4))]
    one = only(table(rows, (*HEAD, "software")))
    assert one.epoch.tolist() == ["software=VA"] * 2 + ["software=VB"] * 2


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("2024-03-05", "2024-03-05T00:00:00"),
        ("2024-03-05 17:30", "2024-03-05T17:30:00"),
        ("20240305", "2024-03-05T00:00:00"),
        ("20240305173000", "2024-03-05T17:30:00"),
        ("20240305173000123000", "2024-03-05T17:30:00"),
    ],
)
def test_dates_with_one_meaning_are_read(table, text, read_as):
    assert str(only(table([["A", text, "snr", 1]])).at[0])[:19] == read_as


def test_a_time_zone_is_noted_and_the_clock_time_kept(table):
    rows = [["A", f"2024-01-0{i}T08:00:00+02:00", "snr", i] for i in range(1, 4)]
    read = table(rows)
    assert {str(t)[11:16] for t in only(read).at} == {"08:00"}
    assert codes(read) == ["time_zone"]


def test_a_decimal_comma_is_read_where_commas_do_not_part_columns(table):
    rows = [[*row[:3], f"{row[3]:.1f}".replace(".", ",")] for row in weekly(3)]
    read = table(rows, delimiter=";")
    assert only(read).value.tolist() == [100.0, 101.0, 102.0]
    assert codes(read) == ["decimal_comma"]
    # quoted between commas it may part thousands
    assert codes(table(rows)) == ["not_a_number"]


def test_limits_from_columns_and_from_json(table):
    given = {"action": [90, None], "tolerance": [95.5, 120]}
    one = only(table([[*r, json.dumps(given)] for r in weekly(3)], (*HEAD, "limits")))
    assert (one.action, one.tolerance) == ((90.0, np.inf), (95.5, 120.0))
    head = (*HEAD, "action_low", "tolerance_high")
    one = only(table([[*r, 90, 120] for r in weekly(3)], head))
    assert (one.action, one.tolerance) == ((90.0, np.inf), (-np.inf, 120.0))


def test_an_apostrophe_before_what_a_spreadsheet_would_run_is_taken_off(table):
    rows = [["'=cmd()", row[1], "'-x", row[3]] for row in weekly(3)]
    one = only(table(rows))
    assert (one.scanner, one.name) == ("=cmd()", "-x")


# --- doubles ---------------------------------------------------------------------------------


def test_doubles_count_once(table):
    read = table([*weekly(4), *weekly(4)])
    assert only(read).value.tolist() == [100.0, 101.0, 102.0, 103.0]
    (finding,) = read.findings
    assert finding.code == "doubles"
    assert finding.message.startswith("4 rows")


def test_different_values_of_one_time_are_averaged_and_said(table):
    read = table([*weekly(2), *weekly(2, value=110.0)])
    assert only(read).value.tolist() == [105.0, 106.0]
    assert codes(read) == ["repeats"]


def test_superseded_rows_are_left_out(table):
    rows = [[*row, "7" if i == 1 else ""] for i, row in enumerate(weekly(3))]
    read = table(rows, (*HEAD, "superseded_by"))
    assert only(read).value.tolist() == [100.0, 102.0]
    assert codes(read) == ["superseded_rows"]


# --- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["nan", "NaN", "not_evaluated", "", "n/a", "-"])
def test_a_value_that_was_not_measured_is_no_slip(table, word):
    rows = weekly(3)
    rows[1][3] = word
    read = table(rows)
    assert np.isnan(only(read).value).tolist() == [False, True, False]
    assert read.findings == ()


@pytest.mark.parametrize("word", ["ERR", "inf", "-inf", "1e400", "1e300", "12,5", "100 ms"])
def test_a_value_that_is_no_number_is_named_and_the_others_stand(table, word):
    rows = weekly(3)
    rows[1][3] = word
    read = table(rows)
    assert np.isnan(only(read).value).tolist() == [False, True, False]
    (finding,) = read.findings
    assert finding.code == "not_a_number"
    assert finding.where.endswith("t.csv")
    assert f"1 of 3 rows have no number below 1e100 in 'value', first line 3: '{word}'" == (
        finding.message
    )
    assert "write 12.5" in finding.hint


@pytest.mark.parametrize("word", ["03/05/2024", "5.3.2024", "soon", "", "0001-01-01", "2024-02-30"])
def test_a_wrong_date_is_named_and_the_others_stand(table, word):
    rows = weekly(3)
    rows[2][1] = word
    read = table(rows)
    assert len(only(read)) == 2
    (finding,) = read.findings
    assert finding.code == "no_date"
    assert f"1 of 3 rows have no date from 1970 on in 'acquired_at', first line 4: '{word}'" == (
        finding.message
    )
    assert "YYYY-MM-DD" in finding.hint


def test_rows_without_a_scanner_are_named(table):
    rows = weekly(3)
    rows[0][0] = " "
    read = table(rows)
    assert len(only(read)) == 2
    assert codes(read) == ["no_name"]
    assert "first line 2" in read.findings[0].message


def test_lines_are_those_of_the_file_also_behind_empty_ones(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        'scanner,acquired_at,name,value\n\n"A\nB",2024-01-01,snr,1\n,,,\nA,2024-01-08,snr,x\n',
        encoding="utf-8",
    )
    (finding,) = read_history_table(path).findings
    assert "1 of 2 rows" in finding.message
    assert "first line 6" in finding.message


def test_a_row_with_too_many_cells_is_not_cut_to_a_wrong_number(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "scanner,acquired_at,name,value\nA,2024-01-01,snr,100,5\nA,2024-01-08,snr,101,,\n",
        encoding="utf-8",
    )
    read = read_history_table(path)
    assert only(read).value.tolist() == [101.0]
    assert codes(read) == ["too_many_cells"]
    assert "first line 2" in read.findings[0].message


@pytest.mark.parametrize(
    "limits",
    [
        '{"action": ["x", null]}',
        '{"action": {"a": 1}}',
        '{"action": [120, 80]}',
        '{"action": [1e999, 2]}',
        '{"action": [true, 2]}',
        "no json",
        "[" * 100_000,
    ],
)
def test_limits_that_are_none_are_not_taken(table, limits):
    read = table([[*row, limits] for row in weekly(3)], (*HEAD, "limits"))
    assert only(read).action is None
    assert set(codes(read)) == {"limits_unusable"}
    assert "line 4" in read.findings[-1].message


@pytest.mark.parametrize("text", ["1e999", "left", "2.5", "nan"])
def test_a_slice_that_is_no_number_is_named(table, text):
    read = table([[*row, text] for row in weekly(3)], (*HEAD, "slice"))
    assert only(read).slice == 0
    assert codes(read) == ["slice_unknown"]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            ("scanner", "acquired_at", "name", "x"),
            "no column value; there are scanner, acquired_at",
        ),
        (("scanner", "acquired_at", "x", "value"), "no column name (or quantity)"),
        (("a", "b", "c", "d"), "no column scanner, acquired_at, value, name (or quantity)"),
    ],
)
def test_a_missing_column_is_named_with_those_there_are(table, head, said):
    with pytest.raises(UsageError) as caught:
        table(weekly(3), head)
    assert said in str(caught.value)
    assert "--column" in str(caught.value)
    assert caught.value.where.endswith("t.csv")


def test_a_mapped_column_that_is_missing_is_named(table):
    with pytest.raises(UsageError, match="no column 'PSNR' for value; there are scanner"):
        table(weekly(3), columns={"value": "PSNR"})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\n\n", "is empty"),
        ("t.csv", b"scanner,acquired_at,name,value\n", "has names of columns and no rows"),
        ("t.csv", bytes(range(256)) * 9, "is not UTF-8 (byte 128)"),
        ("t.csv", "scanner,value\n".encode("utf-16"), "is not UTF-8 (byte 0)"),
        ("t.csv", b'a,b\n"' + b"x" * 200_000, "is not CSV"),
        ("t.csv", b"value,value\n1,2\n", "two columns of one name: value"),
        ("t.csv", b"scanner,acquired_at,name,value\nA,1/2/2024,snr,1\n", "none of its 1 rows"),
        ("t.parquet", b"", "cannot be read as Parquet"),
        ("t.parquet", b"PAR1nothing", "cannot be read as Parquet"),
        ("t.parquet", bytes(range(256)) * 9, "cannot be read as Parquet"),
    ],
)
def test_a_file_that_holds_nothing_is_refused_by_name(tmp_path, name, content, said):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReadError) as caught:
        read_history_table(path)
    assert said in caught.value.message
    assert caught.value.where.startswith(str(path))
    assert caught.value.hint


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(ReadError, match="no such file"):
        read_history_table(tmp_path / name)


@pytest.mark.parametrize("name", ["t.xlsx", "t"])
def test_another_kind_of_file_is_refused_with_what_to_do(tmp_path, name):
    with pytest.raises(UsageError, match=r"not \.csv or \.parquet\n  To do: save the table as CSV"):
        read_history_table(tmp_path / name)


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(ReadError, match="cannot be read"):
        read_history_table(tmp_path / "t.csv")


@pytest.mark.parametrize("nested", [[[1]] * 3, [{"a": 1}] * 3])
def test_cells_of_parquet_that_are_no_cells(tmp_path, nested):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    columns = {"scanner": ["A"] * 3, "acquired_at": nested, "name": ["n"] * 3, "value": nested}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(ReadError, match="none of its 3 rows can be used"):
        read_history_table(tmp_path / "t.parquet")


def test_two_columns_of_one_name_in_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    twice = pa.table([pa.array(["A"]), pa.array(["B"])], names=["scanner", "scanner"])
    pq.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(ReadError, match="two columns of one name: scanner"):
        read_history_table(tmp_path / "t.parquet")
