"""Golden texts of the table, from the levels printed in the protocol."""

from __future__ import annotations

import math

from qiqa.core.measurement import Interval, Measurement, Verdict
from qiqa.report.table import table_rows


def by_name(result, name, role="T1"):
    return next(r for r in table_rows(result) if (r.name, r.series) == (name, role))


def test_one_row_an_assessment_in_order(bad_exam):
    rows = table_rows(bad_exam)
    assert [r.name for r in rows] == [a.measurement.name for a in bad_exam.assessments]


def test_two_levels_one_level_and_magnitude(bad_exam):
    thickness = by_name(bad_exam, "slice_thickness")
    assert (thickness.target_text, thickness.limit_text) == ("4.3 to 5.7", "4 to 6")
    assert thickness.limits_text == "4.3 to 5.7 (limit 4 to 6)"
    assert by_name(bad_exam, "diameter_slice1_lr").limits_text == "187 to 193"
    assert by_name(bad_exam, "slice_position_slice11").limit_text == "within ± 7"
    assert by_name(bad_exam, "piu").target_text == "at least 87.5"
    assert by_name(bad_exam, "psg").limit_text == "at most 3"


def test_a_whole_row(bad_exam):
    row = by_name(bad_exam, "diameter_slice1_lr")
    assert row.title == "Diameter slice 1, left-right"
    assert row.quantity == "190.21 ± 0.37 mm"
    assert row.reference_text == "190.00 ± 0.59"
    assert row.verdict_text == "Pass"


def test_quantity_puts_the_unit_where_it_belongs(bad_exam):
    assert by_name(bad_exam, "center_frequency").quantity == "63.863021 MHz ± 1 Hz"
    assert by_name(bad_exam, "psg").quantity == "0.31 % (at most 0.49)"
    assert by_name(bad_exam, "piu").quantity == "86.1 [84.9, 89.0] %"
    assert by_name(bad_exam, "snr_local").quantity == "139 ± 10"


def test_missing_value_is_a_dash_with_its_reason(bad_exam):
    row = by_name(bad_exam, "high_contrast_resolution_lr")
    assert (row.value_text, row.quantity) == ("—", "—")
    assert row.reason == "to be read by eye and entered"
    assert row.verdict_text == "Not evaluated"
    assert row.limited


def test_values_without_limit_are_recorded_not_failed(bad_exam):
    row = by_name(bad_exam, "snr_background")
    assert (row.verdict, row.verdict_text, row.limited) == (
        Verdict.NOT_EVALUATED, "Recorded", False,
    )  # fmt: skip


def test_displacement_is_said(bad_exam):
    assert by_name(bad_exam, "slice_position_slice11").reason == "slice displaced by +3.7 mm"


def test_unknown_name_stands_for_itself(make):
    m = Measurement(name="my_own_test", quantity="x", unit="mm2/s", value=1.0, role="T1",
                    interval=Interval(low=0.5, high=1.5))  # fmt: skip
    (row,) = table_rows(make.exam(roles=(), assessments=(make.judged(m),)))
    assert (row.title, row.unit_text) == ("my_own_test", "mm2/s")


def test_not_measured_and_without_limit(make):
    m = Measurement(name="snr_local", quantity="snr", unit="1", value=math.nan, reason="no noise")
    (row,) = table_rows(make.exam(roles=(), assessments=(make.judged(m),)))
    assert (row.verdict_text, row.reason) == ("Not measured", "no noise")


def test_every_name_of_the_protocols_has_words(bad_exam):
    names = {name for limit in bad_exam.protocol.limit for name in limit.measurements}
    from qiqa.report.wording import wording

    assert {name for name in names if wording(name).title == name} == set()
    units = {(n, x.unit) for x in bad_exam.protocol.limit for n in x.measurements}
    assert {(n, wording(n).unit) for n in names} == units


def test_a_western_windows_terminal_can_show_every_text(make):
    for row in table_rows(make.exam(roles=("T1", "T2", "localizer"))):
        for text in (row.title, row.quantity, row.reference_text, row.limits_text, row.reason):
            text.encode("cp1252")
