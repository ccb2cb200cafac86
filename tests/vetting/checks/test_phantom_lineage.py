"""Days against what phantoms say of the scanner on them."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.scanner_record import ScannerRecord, ScannerTrouble
from qiqa.core.vetting import VetTable
from qiqa.vetting.checks import phantom_lineage

SETTINGS = {one.name: one.default for one in phantom_lineage.CHECK.settings}
JUNE = dt.date(2025, 6, 10)


def table(days, scanner="SIM 01", records=None, modality="MR"):
    n = len(days)
    return VetTable(
        path=np.array([f"p{i}" for i in range(n)]),
        series_uid=np.array([str(i) for i in range(n)]),
        texts={"scanner": np.array([scanner] * n), "modality": np.array([modality] * n)},
        numbers={},
        date=np.array(days, dtype="datetime64[D]"),
        features=(),
        values=np.empty((n, 0), dtype=np.float32),
        records=records,
    )


def record(*troubles, first=dt.date(2025, 1, 6), exams=52):
    weekly = tuple(first + dt.timedelta(days=7 * k) for k in range(exams))
    return {"SIM 01": ScannerRecord(scanner="SIM 01", exams=weekly, troubles=troubles)}


def trouble(first=JUNE, last=None, correction="", code="scanner_out_of_control"):
    return ScannerTrouble(first=first, last=last, code=code, what="snr", correction=correction)


def seen(made):
    return [[o for row, o in made.observations if row == i] for i in range(9)]


def test_before_within_and_after_a_trouble():
    days = ["2025-06-09", "2025-06-10", "2025-07-01", "2025-07-02"]
    given = table(days, records=record(trouble(last=dt.date(2025, 7, 1))))
    found = seen(phantom_lineage.look(given, SETTINGS))
    assert [[o.code for o in one] for one in found[:4]] == [
        [],
        ["scanner_out_of_control"],
        ["scanner_out_of_control"],
        [],
    ]


@pytest.mark.parametrize(("gap", "far"), [(45, False), (46, True)])
def test_the_nearest_exam_may_be_so_far(gap, far):
    given = table([dt.date(2025, 1, 6) - dt.timedelta(days=gap)], records=record())
    (found, *_) = seen(phantom_lineage.look(given, SETTINGS))
    assert [o.code for o in found] == (["phantom_too_far"] if far else [])
    assert not far or found[0].value == gap


def test_a_correction_needs_one_for_each_trouble():
    one, other = trouble(correction="calibration A"), trouble()
    for troubles, words in (((one,), "calibration A"), ((one, other), "")):
        given = table(["2025-07-01"], records=record(*troubles))
        (found, *_) = seen(phantom_lineage.look(given, SETTINGS))
        assert (found[0].value, found[0].correction) == (len(troubles), words)


def test_a_move_is_as_large_as_the_farthest():
    small = dataclasses.replace(trouble(code="scanner_moved"), size_sd=2.5)
    large = dataclasses.replace(small, size_sd=6.0)
    given = table(["2025-07-01"], records=record(small, large))
    (found, *_) = seen(phantom_lineage.look(given, SETTINGS))
    assert [(o.code, o.value) for o in found] == [("scanner_moved", 6.0)]


def test_what_is_not_known_is_said():
    for given in (
        table(["2025-07-01"], scanner="SIM 99", records=record()),
        table(["NaT"], records=record()),
        table(["2025-07-01"], scanner="", records=record()),
    ):
        (found, *_) = seen(phantom_lineage.look(given, SETTINGS))
        assert [o.code for o in found] == ["scanner_without_phantom"]
    without = phantom_lineage.look(table(["2025-07-01"]), SETTINGS)
    assert without.observations == ()
    assert [s.code for s in without.statements] == ["no_history"]


def test_other_modalities_are_not_asked():
    made = phantom_lineage.look(table(["2025-07-01"], modality="CT", records=record()), SETTINGS)
    assert made.observations == ()
