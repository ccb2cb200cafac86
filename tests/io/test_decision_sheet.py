"""A sheet of decisions: what is filled in is taken, and what is wrong is named with its line."""

from __future__ import annotations

import datetime as dt

import pytest

from qiqa.core.errors import ReadError, UsageError
from qiqa.core.vetting import Action
from qiqa.io.decision_sheet import read_decisions

AT = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


@pytest.fixture
def read(tmp_path):
    def apply(text, who="B. Lind", reason="", name="s.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return read_decisions(path, who, reason, AT)

    return apply


def test_rows_without_an_action_are_left_out(read):
    text = (
        "series_uid,site,action,reason\n1.2.3,A,keep,side marker\n1.2.4,A,,\n1.2.5,B,Reject,moved\n"
    )
    first, second = read(text)
    assert (first.series_uid, first.action, first.reason) == ("1.2.3", Action.KEEP, "side marker")
    assert (second.series_uid, second.action, second.who) == ("1.2.5", Action.REJECT, "B. Lind")
    assert first.at == AT


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("series_uid;action;reason\r\n1.2.3;keep;a, b\r\n", "utf-8-sig"),
        ("series_uid\taction\treason\n1.2.3\tkeep\ta, b\n", "utf-8"),
    ],
)
def test_as_spreadsheets_save_it(read, text, encoding):
    (one,) = read(text, encoding=encoding)
    assert (one.series_uid, one.reason) == ("1.2.3", "a, b")


def test_who_and_reason_of_a_row_go_before_those_for_all(read):
    text = "series_uid,action,reason,who\n1,keep,own,A. Berg\n2,keep,,\n"
    first, second = read(text, reason="looked at all")
    assert (first.who, first.reason) == ("A. Berg", "own")
    assert (second.who, second.reason) == ("B. Lind", "looked at all")


def test_what_the_sheet_said_of_a_series_is_what_the_person_knew(read):
    columns = "seen,reasons,reason,action,series_uid\n"
    first, second = read(
        f"{columns}#12345e67,clipped;low_snr,a,keep,1\n12345e67,clipped,a,keep,2\n"
    )
    assert (first.reasons, first.seen) == (("clipped", "low_snr"), "12345e67")
    assert (second.reasons, second.seen) == ((), "")  # of another table: a spreadsheet may alter it


WRONG = {
    "action": ("series_uid,action,reason\n1,keep,a\n2,kep,b\n", r"line 3.*'kep' is no action"),
    "no reason": ("series_uid,action,reason\n1,keep,\n", "line 2.*has no reason"),
    "no action": ("series_uid,action,reason\n1,,looked\n", "line 2.*no action"),
    "no series": ("series_uid,action,reason\n,keep,a\n", "line 2.*no series_uid"),
    "twice": ("series_uid,action,reason\n1,keep,a\n1,reject,b\n", "line 3.*twice"),
    "column": ("series_uid,decision,reason\n1,keep,a\n", "no column 'action'"),
    "cells": ("series_uid,action,reason\n1,keep,a,b\n2,keep,a\n", "line 2.*more cells"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_its_line(read, case):
    text, said = WRONG[case]
    with pytest.raises(ReadError, match=said):
        read(text)


def test_somebody_has_to_answer_for_it(read):
    with pytest.raises(ReadError, match="no name of who decides"):
        read("series_uid,action,reason\n1,keep,a\n", who="")
    with pytest.raises(UsageError, match=r"not \.csv or \.parquet"):
        read("", name="s.xlsx")
