"""Days against what phantoms say of the scanner on them."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.scanner_record import ScannerCorrection, ScannerRecord, ScannerTrouble
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import Action
from qiqa.core.words import Words
from qiqa.io.policy_file import default_policy_text, parse_policy
from qiqa.vetting.checks import phantom_lineage
from qiqa.vetting.deciding import decide
from qiqa.workflows.vet_checks import known_checks

SETTINGS = {one.name: one.default for one in phantom_lineage.CHECK.settings}
JUNE = dt.date(2025, 6, 10)


def table(days, scanner="SIM 01", records=None, modality="MR"):
    n = len(days)
    return VetTable(
        path=[f"p{i}" for i in range(n)],
        series_uid=[str(i) for i in range(n)],
        texts={"scanner": Words.of([scanner] * n), "modality": Words.of([modality] * n)},
        numbers={},
        date=np.array(days, dtype="datetime64[D]"),
        features=(),
        values=np.empty((n, 0), dtype=np.float32),
        records=records,
    )


def record(*troubles, first=dt.date(2025, 1, 6), exams=52, corrections=None, hides_days=False):
    weekly = tuple(first + dt.timedelta(days=7 * k) for k in range(exams))
    one = ScannerRecord(
        scanner="SIM 01", exams=weekly, troubles=troubles, corrections=corrections,
        hides_days=hides_days,
    )  # fmt: skip
    return {"SIM 01": one}


def trouble(first=JUNE, last=None, code="scanner_out_of_control", name="adc", **more):
    what = f"{name}: step"
    return ScannerTrouble(
        first=first, last=last, code=code, what=what, name=name, began=JUNE, **more
    )


def correction(name="adc", level=(JUNE, dt.date.max), settings="VA30", valid=None):
    exams = (dt.date(2025, 6, 16), dt.date(2025, 8, 25))
    days = valid or ((dt.date(2025, 3, 18), dt.date(2025, 11, 23)),)
    return ScannerCorrection(
        name=name, what=f"calibration c.json: {name}", settings=settings, exams=exams, valid=days,
        level=level,
    )  # fmt: skip


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


def observed(*troubles, day="2025-07-01", **more):
    """Return the one observation of a series of a day."""
    given = table([day], records=record(*troubles, **more))
    (found, *_) = seen(phantom_lineage.look(given, SETTINGS))
    (one,) = found
    return one


def test_a_correction_needs_one_for_each_trouble():
    adc, t1 = trouble(), trouble(name="t1")
    one = observed(adc, corrections=(correction(),))
    words = "calibration c.json: adc, settings 'VA30', exams 2025-06-16 to 2025-08-25, holds "
    assert one.correction == f"{words}2025-06-10 to 2025-11-23"
    assert one.evidence == "adc: step since 2025-06-10"
    many = dataclasses.replace(adc, what="adc b: step")
    both = observed(adc, many, corrections=(correction(),))
    assert (both.value, both.correction) == (2, one.correction)
    assert both.evidence == "adc: step since 2025-06-10; adc b: step since 2025-06-10"
    given = table(["2025-07-01"], records=record(adc, t1, corrections=(correction(),)))
    (found, *_) = seen(phantom_lineage.look(given, SETTINGS))
    none, some = found
    assert none.correction == ""
    assert none.evidence.endswith("calibration of this scanner is of adc, not of t1")
    assert some.correction == one.correction


def test_the_policy_asks_for_a_correction_of_each():
    policy = parse_policy(default_policy_text().encode(), known_checks(), "default policy")

    def action(*sizes, of_t1):
        troubles = [trouble(code="scanner_moved", size_sd=size) for size in sizes]
        other = trouble(code="scanner_moved", name="t1", size_sd=of_t1)
        given = table(["2025-07-01"], records=record(*troubles, other, corrections=(correction(),)))
        (found, *_) = seen(phantom_lineage.look(given, SETTINGS))
        return decide(found, policy)

    assert action(4.0, of_t1=4.0).action is Action.KEEP
    assert action(6.0, of_t1=6.0).action is Action.QUARANTINE
    # a small move that no calibration reaches is none that the policy acts on
    corrected = action(6.0, 7.0, of_t1=4.0)
    assert corrected.action is Action.CORRECT
    assert len(corrected.corrections) == 1


@pytest.mark.parametrize(
    ("corrections", "more", "why"),
    [
        (None, {}, "no calibration was given"),
        ((), {}, "has none of this scanner"),
        ((correction("t1"),), {}, "is of t1, not of adc"),
        (
            (correction(valid=((dt.date(2025, 8, 1), dt.date(2025, 9, 1)),)),),
            {},
            "valid on that day",
        ),
        ((correction(level=None),), {}, "moved among the exams"),
        ((correction(level=(dt.date(2025, 7, 2), dt.date.max)),), {}, "moved among the exams"),
        ((correction(), correction(settings="VE11")), {}, "those of the series are not known"),
        ((correction(),), {"beyond_correction": "one odd exam"}, "one odd exam"),
    ],
)
def test_why_there_is_no_correction(corrections, more, why):
    one = observed(trouble(**more), corrections=corrections)
    assert one.correction == ""
    assert why in one.evidence.partition("no correction: ")[2]


def test_days_of_deidentified_scanners_are_not_shown():
    one = observed(trouble(), corrections=(correction(),), hides_days=True)
    assert one.correction == "calibration c.json: adc, settings 'VA30'"
    assert "2025" not in one.evidence + one.correction


def test_bias_is_in_units_of_the_claim():
    found = [trouble(code="scanner_biased", claims=c) for c in (1.5, 2.0)]
    one = observed(*found)
    assert (one.code, one.value) == ("scanner_biased", 2.0)


def test_what_is_not_known_of_bias_is_said():
    records = {
        "SIM 01": ScannerRecord(
            scanner="SIM 01", exams=(JUNE,), biases=("adc +1 %",), bias_known=True
        )
    }
    made = phantom_lineage.look(table([JUNE, JUNE], records=records), SETTINGS)
    (bias,) = (s for s in made.statements if s.code == "scanner_bias_unknown")
    assert (bias.value, bias.rows[1]) == (0, ("SIM 01", "adc +1 %"))
    made = phantom_lineage.look(table([JUNE], records=record()), SETTINGS)
    (bias,) = (s for s in made.statements if s.code == "scanner_bias_unknown")
    assert (bias.value, bias.rows[1]) == (1, ("SIM 01", "not known"))


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
