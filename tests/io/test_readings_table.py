"""Readings of phantoms from tables as people keep them."""

import math

import numpy as np
import pytest

from qiqa.core.errors import ReadError, UsageError
from qiqa.io.readings_table import read_readings


@pytest.fixture
def rows(phantom_rounds):
    readings = phantom_rounds.rounds(np.random.default_rng(5), scanners=3, visits=2, u=0.01)
    return phantom_rounds.rows_of(readings)


@pytest.fixture
def write(phantom_rounds, tmp_path):
    def call(rows, name="t.csv", **more):
        return phantom_rounds.write_rows(rows, tmp_path / name, **more)

    return call


def codes(table):
    return [finding.code for finding in table.findings]


def test_what_was_written_is_read(phantom_rounds, write):
    given = phantom_rounds.rounds(np.random.default_rng(5), scanners=3, visits=2, reference_u=0.01)
    table = read_readings(write(phantom_rounds.rows_of(given)))
    (found,) = table.readings
    order = np.argsort(given.at, kind="stable")
    for field in ("scanner", "site", "manufacturer", "insert", "phantom_unit", "exam", "value",
                  "reference", "reference_standard_uncertainty", "visit", "at"):  # fmt: skip
        assert getattr(found, field).tolist() == getattr(given, field)[order].tolist(), field
    assert np.isnan(found.standard_uncertainty).all()
    assert (found.name, found.quantity, found.unit) == ("adc", "adc", "µm²/s")
    assert (table.findings, table.rows) == ((), 30)
    assert found.row[0] == f"line {order[0] + 2}"


def test_order_of_rows_does_not_matter(rows, write):
    (one,) = read_readings(write(rows)).readings
    mixed = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    (other,) = read_readings(write(mixed)).readings
    keys = [
        sorted(zip(r.scanner, r.exam, r.insert, r.value, r.at, strict=True)) for r in (one, other)
    ]
    assert keys[0] == keys[1]
    assert (np.diff(other.at) >= np.timedelta64(0)).all()


@pytest.mark.parametrize("missing", ["scanner", "acquired_at", "value"])
def test_a_column_that_is_needed_is_named_with_what_there_is(rows, write, missing):
    bare = [{k: v for k, v in row.items() if k != missing} for row in rows]
    with pytest.raises(UsageError, match=rf"there is no column {missing}; there are name, ") as e:
        read_readings(write(bare))
    assert f"--column {missing}=COLUMN" in e.value.hint


def test_columns_of_other_names_are_mapped(rows, write):
    names = {"scanner": "site_id", "acquired_at": "scanDate", "value": "ADC"}
    other = [
        {names.get(k, k): v for k, v in row.items() if k not in ("site", "name", "quantity")}
        for row in rows
    ]
    (found,) = read_readings(write(other), names).readings
    assert found.name == "ADC"  # the column of values says what they are
    assert set(found.scanner.tolist()) == {"S00", "S01", "S02"}
    with pytest.raises(UsageError, match="there is no column 'nowhere' for value"):
        read_readings(write(other), {**names, "value": "nowhere"})


def test_rows_without_name_or_date_are_left_out_and_counted(rows, write):
    rows[0]["scanner"], rows[1]["name"], rows[2]["acquired_at"] = "", " ", "last week"
    table = read_readings(write(rows))
    assert len(table.readings[0]) == 27
    assert sorted(codes(table)) == ["no_date", "no_name"]
    assert any("2 rows name no scanner or no measurement" in f.message for f in table.findings)
    assert any("first line 4: 'last week'" in f.message for f in table.findings)


def test_nothing_that_can_be_used_is_refused_with_the_reason(rows, write):
    bad = [{**row, "acquired_at": "?"} for row in rows]
    with pytest.raises(ReadError, match="none of its 30 rows can be used") as caught:
        read_readings(write(bad))
    assert "have no date" in caught.value.hint


def test_what_is_no_number_is_nan_and_named(rows, write):
    rows[3]["value"] = "ERR"
    table = read_readings(write(rows))
    assert int(np.isnan(table.readings[0].value).sum()) == 1
    (finding,) = table.findings
    assert "first line 5: 'ERR'" in finding.message


def test_superseded_rows_are_left_out(rows, write):
    for row in rows[:5]:
        row["superseded_by"] = "17"
    assert len(read_readings(write(rows)).readings[0]) == 25


def test_units_and_names_are_measurements_of_their_own(rows, write):
    for row in rows[:5]:
        row["unit"] = "mm²/s"
    for row in rows[5:10]:
        row["name"] = row["quantity"] = "t1"
    found = [(r.name, r.unit, len(r)) for r in read_readings(write(rows)).readings]
    assert found == [("adc", "mm²/s", 5), ("adc", "µm²/s", 20), ("t1", "µm²/s", 5)]


def test_the_insert_in_a_name_is_taken_out(rows, write):
    named = [{**row, "name": f"adc_{row['insert']}"} for row in rows]
    (found,) = read_readings(write(named)).readings
    assert found.name == "adc"


def test_slices_are_places_of_their_own(rows, write):
    sliced = [{**row, "slice": 3} for row in rows]
    (found,) = read_readings(write(sliced)).readings
    assert set(found.insert.tolist()) == {f"{i} slice 3" for i in "ABCDE"}


def test_exams_of_the_same_name_on_several_scanners_are_several(rows, write):
    """Also where the name happens to begin like a scanner's."""
    for row in rows:
        row["exam"] = f"S{row['visit']:g}"
        row["scanner"] = row["scanner"].replace("S00", "S")
    (found,) = read_readings(write(rows)).readings
    pairs = set(zip(found.scanner.tolist(), found.exam.tolist(), strict=True))
    assert len(pairs) == len({exam for _, exam in pairs}) == 6


def test_an_exam_without_a_name_is_that_of_its_day(rows, write):
    bare = [{k: v for k, v in row.items() if k != "exam"} for row in rows]
    (found,) = read_readings(write(bare)).readings
    assert len(set(found.exam.tolist())) == 6
    assert "S00 U 2025-01-01" in found.exam.tolist()


def test_settings_make_epochs(rows, write):
    for row in rows:
        row["software"], row["coil"], row["protocol"] = "VA30", "Head 20", "qiba"
    (found,) = read_readings(write(rows)).readings
    assert set(found.epoch.tolist()) == {"VA30; qiba; Head 20"}


@pytest.mark.parametrize(("sign", "shown"), [(";", "1,5"), ("\t", "1,5"), (",", "1.5")])
def test_the_tables_of_other_countries(tmp_path, sign, shown):
    lines = [("scanner", "acquired_at", "name", "value"), ("A", "2025-01-01", "adc", shown)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(sign.join(line) for line in lines), encoding="utf-8-sig")
    assert read_readings(path).readings[0].value.tolist() == [1.5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"scanner,acquired_at,name,value\n", "names of columns and no rows"),
        (b"scanner,acquired_at,name,value\nGen\xe8ve,2025-01-01,adc,1\n", r"is not UTF-8 \(byte"),
        (b"value,value\n1,2\n", "two columns of one name: value"),
    ],
)
def test_files_that_hold_no_table(tmp_path, content, said):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=said) as caught:
        read_readings(path)
    assert str(path) in str(caught.value)


def test_no_file_and_other_kinds(tmp_path):
    with pytest.raises(ReadError, match="there is no such file"):
        read_readings(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ReadError, match="cannot be read"):
        read_readings(tmp_path / "folder.csv")
    with pytest.raises(UsageError, match=r"'.xlsx' is not .csv or .parquet"):
        read_readings(tmp_path / "t.xlsx")


def test_a_row_of_blanks_is_no_row(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("scanner,acquired_at,name,value\n , , , \nA,2025-01-01,adc,1\n,,,\n", "utf-8")
    table = read_readings(path)
    assert (table.rows, table.findings) == (1, ())


def test_a_decimal_comma_between_commas_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("scanner,acquired_at,name,value\nA,2025-01-01,adc,1\nA,2025-02-01,adc,1,5\n")
    table = read_readings(path)
    assert (codes(table), table.rows) == (["too_many_cells"], 1)


def test_parquet_says_the_same(rows, write, tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for row in rows:
        row["distance_mm"] = math.nan
    (from_csv,) = read_readings(write(rows)).readings
    names = list(rows[0])
    parquet.write_table(
        pa.table({n: [None if row[n] == "" else row[n] for row in rows] for n in names}),
        tmp_path / "t.parquet",
    )
    (found,) = read_readings(tmp_path / "t.parquet").readings
    for field in ("scanner", "exam", "insert", "value", "reference", "at", "visit"):
        assert getattr(found, field).tolist() == getattr(from_csv, field).tolist(), field


def test_what_is_called_parquet_and_is_not(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_text("scanner,value\n", encoding="utf-8")
    with pytest.raises(ReadError, match="cannot be read as Parquet"):
        read_readings(tmp_path / "t.parquet")


def test_a_name_that_means_nothing_is_refused_with_the_nearest(rows, write):
    with pytest.raises(UsageError, match="did you mean 'software'"):
        read_readings(write(rows), {"software_version": "site"})


# --- names and doubles --------------------------------------------------------------------------


def kinds(table):
    return [flag.kind for flag in table.flags]


def test_scanners_of_one_name_at_two_sites_are_two(rows, write):
    for row in rows:
        row["scanner"], row["site"] = {
            "S00": ("MR 1", "A"), "S01": ("MR 1", "B"), "S02": ("MR 2", "B")
        }[row["scanner"]]  # fmt: skip
        row["exam"] = f"visit {row['visit']}"
    table = read_readings(write(rows))
    (found,) = table.readings
    assert {*found.scanner.tolist()} == {"A / MR 1", "B / MR 1", "MR 2"}
    assert len({*zip(found.exam.tolist(), found.scanner.tolist(), strict=True)}) == 6
    (flag,) = table.flags
    assert (flag.kind, flag.where) == ("scanner_at_several_sites", "MR 1")
    assert "A, B: each is a scanner of its own" in flag.reason


def test_a_site_in_two_spellings_is_no_second_scanner(rows, write):
    own = [row for row in rows if row["scanner"] == "S01"]
    for row, site in zip(own, ["Site A", "site a "] * len(own), strict=False):
        row["site"] = site
    table = read_readings(write(rows))
    (found,) = table.readings
    assert {*found.scanner.tolist()} == {"S00", "S01", "S02"}
    assert kinds(table) == ["names_alike"]


def test_names_that_differ_by_blanks_or_case_are_flagged_with_their_rows(rows, write):
    for row in rows:
        row["manufacturer"] = "Vendor A"
    rows[0]["scanner"] = rows[0]["scanner"].lower()
    rows[3]["manufacturer"] = "VENDOR A"
    table = read_readings(write(rows))
    flags = {flag.where: flag.reason for flag in table.flags}
    assert flags.keys() == {"scanner", "manufacturer"}
    low = rows[0]["scanner"]
    assert f"'{low}' (line 2)" in flags["scanner"]
    assert f"'{low.upper()}' (9 rows, first line 3)" in flags["scanner"]
    assert "taken for 2 of them" in flags["scanner"]
    assert "'VENDOR A' (line 5)" in flags["manufacturer"]
    assert "taken for one" in flags["manufacturer"]
    (found,) = table.readings
    assert low in found.scanner.tolist()


def test_a_doubled_row_counts_once_and_is_named(rows, write):
    plain = read_readings(write(rows))
    table = read_readings(write([*rows, rows[4]], "doubled.csv"))
    assert (kinds(plain), kinds(table)) == ([], ["doubled_rows"])
    assert len(table.readings[0]) == len(plain.readings[0]) == len(rows)
    assert (table.flags[0].where, table.rows) == (rows[4]["scanner"], len(rows) + 1)
    assert f"line {len(rows) + 2} as line 6" in table.flags[0].reason


def test_scans_in_a_row_that_give_one_number_are_no_doubles(rows, write):
    """As three scans of a phantom do whose values have few digits."""
    for row in rows:
        row["scan"], row["created_at"] = "1", "2025-01-01"
    table = read_readings(write([*rows, {**rows[4], "scan": "2"}]))
    assert (kinds(table), len(table.readings[0])) == ([], len(rows) + 1)
    stored_twice = {**rows[4], "created_at": "2025-01-02"}
    assert kinds(read_readings(write([*rows, stored_twice], "twice.csv"))) == ["doubled_rows"]


def test_participants_are_no_phantom(rows, write):
    for row in rows:
        row["participant"] = "P1"
    assert read_readings(write(rows)).rows == len(rows)
    bare = [
        {k: v for k, v in row.items() if k not in ("insert", "reference_value")} for row in rows
    ]
    with pytest.raises(UsageError, match="participants: it has a column 'participant'"):
        read_readings(write(bare))


@pytest.mark.parametrize("unit", ["mm2/s", "mm^2/s", "mm²/s"])
def test_a_unit_has_one_spelling(rows, write, unit):
    (found,) = read_readings(write([{**row, "unit": unit} for row in rows])).readings
    assert found.unit == "mm²/s"


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(UsageError, match="is a folder, not"):
        read_readings(tmp_path)
