"""The manifest: the same decisions give the same bytes, and no cell runs in a spreadsheet."""

from __future__ import annotations

import csv
import dataclasses
import tracemalloc

import pytest

from qiqa.core.errors import OutputError
from qiqa.core.vet_result import SeriesSeen
from qiqa.core.vetting import Action, Observation, Override
from qiqa.io.manifest import MANIFEST_COLUMNS, write_manifest_csv, write_manifest_parquet
from qiqa.workflows.reviewing import JudgedRows, judge

HOSTILE = "=cmd|' /C calc'!A0"


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_series_is_one_row_with_its_reasons(vetted, tmp_path):
    rows = rows_of(write_manifest_csv(vetted.rows, tmp_path / "m.csv"))
    assert list(rows[0]) == list(MANIFEST_COLUMNS)
    assert len(rows) == 500
    counted = {a: sum(row["decision"] == a.value for row in rows) for a in Action}
    assert counted == dict(vetted.counts.actions)
    for row, one in zip(rows, vetted.rows, strict=True):
        assert row["path"] == one.path
        assert row["series_uid"] == one.series_uid
        assert row["reasons"].split(";") == list(one.decision.reasons or [""])
        assert (row["correction"] != "") == (row["decision"] == "correct")
        for code in one.decision.reasons:
            assert code in row["evidence"]


def test_a_persons_decision_stands_in_the_evidence(vetted, tmp_path):
    rows = rows_of(write_manifest_csv(vetted.rows, tmp_path / "m.csv"))
    (person,) = vetted.overrides
    (row,) = [row for row in rows if row["series_uid"] == person.series_uid]
    assert row["decision"] == "keep"
    assert row["reasons"]  # they stay
    assert row["evidence"].endswith("B. Lind decided keep: letters are the side marker")


def test_both_forms_say_the_same(vetted, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = rows_of(write_manifest_csv(vetted.rows, tmp_path / "m.csv"))
    path = write_manifest_parquet(vetted.rows, tmp_path / "m.parquet", vetted.policy.sha256)
    read = parquet.read_table(path)
    assert read.to_pylist() == table
    assert read.schema.metadata == {
        b"schema": b"qiqa.manifest/1",
        b"policy_sha256": vetted.policy.sha256.encode(),
    }


def test_the_order_of_observations_changes_no_byte(parts, policy, tmp_path):
    pytest.importorskip("pyarrow")
    turned = dataclasses.replace(
        parts,
        series=tuple(
            dataclasses.replace(one, observations=one.observations[::-1]) for one in parts.series
        ),
    )
    made = []
    for name, given in (("a", parts), ("b", turned)):
        rows = judge(given, policy).rows
        csv_file = write_manifest_csv(rows, tmp_path / f"{name}.csv")
        parquet = write_manifest_parquet(rows, tmp_path / f"{name}.parquet", "0")
        made.append((csv_file.read_bytes(), parquet.read_bytes()))
    assert made[0] == made[1]


@pytest.mark.parametrize("change", ["turned", "twice"])
def test_rows_out_of_order_are_refused_and_leave_nothing(vetted, tmp_path, change):
    rows = list(vetted.rows)
    rows = rows[::-1] if change == "turned" else [rows[0], *rows]
    path = tmp_path / "m.csv"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(OutputError, match="sort by series UID"):
        write_manifest_csv(rows, path)
    assert path.read_text(encoding="utf-8") == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["m.csv"]


def test_texts_of_headers_run_in_no_spreadsheet(policy, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    seen = Observation(code="clipped", value=9.0, evidence=HOSTILE, where="\x00a\r\nb")
    one = SeriesSeen(
        path=HOSTILE, series_uid="1", site="+1", scanner="\ud800", observations=(seen,)
    )
    person = Override(
        series_uid="1",
        action=Action.KEEP,
        who="@x",
        reason="-2",
        at=policy_time(policy),
        reasons=("clipped",),
    )
    rows = JudgedRows((one,), policy, {"1": person})
    (row,) = rows_of(write_manifest_csv(rows, tmp_path / "m.csv"))
    assert row["path"] == f"'{HOSTILE}"
    assert row["site"] == "+1"  # a number stays one
    assert row["scanner"] == "\\ud800"
    assert not any(cell.startswith(("=", "@", "\t", "\r")) for cell in row.values())
    path = write_manifest_parquet(rows, tmp_path / "m.parquet", "0")
    assert parquet.read_table(path).to_pylist()[0]["path"] == HOSTILE


def policy_time(policy):
    import datetime as dt

    return dt.datetime.combine(policy.decided_on, dt.time())


@dataclasses.dataclass
class Many:
    """So many series, made while they are gone through."""

    number: int

    def __iter__(self):
        seen = (Observation(code="clipped", value=5.0, evidence="5 % of the object"),)
        for index in range(self.number):
            uid = f"1.2.{index:09d}"
            yield SeriesSeen(path=f"a/{uid}", series_uid=uid, site="A", observations=seen)


def test_memory_does_not_grow_with_the_series(policy, tmp_path):
    def peak(number):
        rows = JudgedRows(Many(number), policy, {})
        tracemalloc.start()
        write_manifest_csv(rows, tmp_path / "m.csv")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(3_000) < 1.5 * peak(300) + 50_000
