"""From years of weekly exams to the days on which a scanner was not in control."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import numpy as np
import pytest

from qiqa.core.drift import Alarm, AlarmDecision, AlarmState, DriftFinding, Kind, ServiceEvent
from qiqa.core.pseudonyms import PseudonymKey, participant_pseudonym, pseudonym, shift
from qiqa.core.scanner_record import ScannerRecord
from qiqa.core.vet_table import VetTable
from qiqa.core.words import Words
from qiqa.io.history_table import read_history_table
from qiqa.simulate.history import simulate_series
from qiqa.simulate.history_metrics import USUAL
from qiqa.simulate.history_spec import Fault, HistorySpec
from qiqa.workflows.lineage import _History, _troubles, pseudonymous, scanner_records, true_days
from qiqa.workflows.watching import Records, watch

START = dt.date(2024, 1, 1)
NOW = dt.datetime(2025, 12, 31)
WEEKS = 104
NAME = "snr_nema_method1"
JUNE_9 = 75
"""Week of the exam that is due on 2 June 2025 is 75: 1 January 2024 + 74 weeks."""


def records_of(*faults, events=()):
    """Return the records of a scanner to which faults happen, and of one that is in order."""
    series = []
    for scanner, own in (("SIM 01", faults), ("SIM 02", ())):
        for number, metric in enumerate(m for m in USUAL if m.name in (NAME, "length_si")):
            spec = HistorySpec(scanners=1, start=START, weeks=WEEKS, metrics=(metric,))
            here = tuple(f for f in own if f.name == metric.name)
            made = simulate_series(spec, here, np.random.default_rng([5, number, len(scanner)]))
            one = made.as_time_series()
            series.append(
                dataclasses.replace(one, scanner=scanner, series_key=f"{scanner}{number}")
            )
    return scanner_records(series, Records(events=events), NOW)


def within(record, day):
    """Return what the default policy quarantines a day for."""
    there = [t for t in record.troubles if t.first <= day and (t.last is None or day <= t.last)]
    return [t for t in there if t.code == "scanner_out_of_control" or t.size_sd > 5.0]


@pytest.fixture(scope="module")
def drifted():
    """Return records where the SNR of SIM 01 falls from June 2025 on."""
    return records_of(Fault(kind="step", name=NAME, week=JUNE_9, size=-6.0))


def test_may_is_in_control_and_july_is_not(drifted):
    assert within(drifted["SIM 01"], dt.date(2025, 7, 15))
    assert not within(drifted["SIM 01"], dt.date(2025, 5, 15))
    assert not within(drifted["SIM 02"], dt.date(2025, 7, 15))
    assert drifted["SIM 01"].exams[0] == dt.date(2024, 1, 2)


def test_a_ramp_is_out_of_control_once_it_shows():
    ramp = Fault(kind="ramp", name=NAME, week=JUNE_9, size=60.0)
    record = records_of(ramp)["SIM 01"]
    assert within(record, dt.date(2025, 7, 15))
    assert not within(record, dt.date(2025, 5, 15))


def test_years_in_order_are_in_control():
    """Twelve measurements of five scanners over two years, with the odd exams that there are."""
    series = []
    for scanner in range(5):
        for number, metric in enumerate(USUAL):
            spec = HistorySpec(scanners=1, start=START, weeks=WEEKS, metrics=(metric,))
            made = simulate_series(spec, (), np.random.default_rng([9, scanner, number]))
            one = made.as_time_series()
            key = f"{scanner} {number}"
            series.append(dataclasses.replace(one, scanner=f"SIM {scanner}", series_key=key))
    records = scanner_records(series, Records(), NOW)
    days = [dt.date(2024, 3, 1) + dt.timedelta(days=7 * k) for k in range(90)]
    hit = sum(bool(within(record, day)) for record in records.values() for day in days)
    assert hit < 0.04 * len(days) * len(records)


def test_service_ends_it():
    service = ServiceEvent(
        at=dt.datetime(2025, 9, 1), scanner="SIM 01", kind="service", text="gradients"
    )
    fault = Fault(kind="step", name=NAME, week=JUNE_9, weeks=13, size=-6.0)
    record = records_of(fault, events=(service,))["SIM 01"]
    assert within(record, dt.date(2025, 7, 15))
    assert not within(record, dt.date(2025, 10, 15))


def test_a_step_that_was_taken_back_has_an_end():
    fault = Fault(kind="step", name=NAME, week=JUNE_9, weeks=13, size=-8.0)
    record = records_of(fault)["SIM 01"]
    assert [t.code for t in within(record, dt.date(2025, 7, 15))] == ["scanner_moved"]
    assert not within(record, dt.date(2025, 10, 15))


def with_alarm(fault, weeks, *decisions):
    """Return the record of a scanner whose one alarm has decisions, and with what it was named.

    Each decision: day, state, corrective action. What the scanner does ends after `weeks`.
    """
    spec = HistorySpec(scanners=1, start=START, weeks=weeks, metrics=(SNR,))
    one = simulate_series(spec, (fault,), np.random.default_rng(4)).as_time_series()
    series = [dataclasses.replace(one, scanner="SIM 01", series_key="k")]
    (state,) = watch(series, Records(), now=NOW, detail=False).scanners
    found = next(f for f in state.findings if f.kind in (Kind.STEP, Kind.TREND))
    given = tuple(
        AlarmDecision(
            alarm_id=7, at=dt.datetime.fromisoformat(f"{day}T12:00+00:00"), by="A. Nyman",
            state=state, comment="coil", corrective_action=action,
        )
        for day, state, action in decisions
    )  # fmt: skip
    alarm = Alarm(record_id=7, raised_at=NOW, finding=found, decisions=given)
    return scanner_records(series, Records(alarms=(alarm,)), NOW)["SIM 01"]


SNR = next(m for m in USUAL if m.name == NAME)
REPAIRED = (("2025-06-30", AlarmState.ACKNOWLEDGED, "coil ordered"),
            ("2025-08-01", AlarmState.CLOSED, ""))  # fmt: skip
FOR_NINE_WEEKS = Fault(kind="step", name=NAME, week=JUNE_9, weeks=9, size=-8.0)
ONE_EXAM_LATER = JUNE_9 + 9
"""Too few for a chart to see that the level is back."""


@pytest.mark.parametrize(
    ("fault", "weeks", "decisions", "august", "words"),
    [
        (FOR_NINE_WEEKS, ONE_EXAM_LATER, (), True, ""),
        (FOR_NINE_WEEKS, ONE_EXAM_LATER, REPAIRED, False, ", repaired (alarm 7)"),
        # nobody did anything about it
        (FOR_NINE_WEEKS, ONE_EXAM_LATER, (("2025-08-01", AlarmState.CLOSED, ""),), True, ""),
        (FOR_NINE_WEEKS, ONE_EXAM_LATER, REPAIRED[:1], True, ""),
        # a person says that it is back, exams do not
        (dataclasses.replace(FOR_NINE_WEEKS, weeks=None), ONE_EXAM_LATER, REPAIRED, True,
         "closed as repaired but exams since are not back"),
        (FOR_NINE_WEEKS, JUNE_9 + 7, REPAIRED, True, "closed as repaired but no exam since"),
    ],
)  # fmt: skip
def test_a_repair_that_exams_confirm_ends_it(fault, weeks, decisions, august, words):
    record = with_alarm(fault, weeks, *decisions)
    assert within(record, dt.date(2025, 7, 15))
    assert not within(record, dt.date(2025, 5, 15))
    assert bool(within(record, dt.date(2025, 8, 15))) == august
    (what,) = {trouble.what for trouble in within(record, dt.date(2025, 7, 15))}
    assert words in what


def test_a_closed_alarm_changes_nothing_else():
    """Closed without a word of repair, what was out of control stays so: it is old images."""
    plain = with_alarm(FOR_NINE_WEEKS, ONE_EXAM_LATER)
    closed = with_alarm(FOR_NINE_WEEKS, ONE_EXAM_LATER, ("2025-08-01", AlarmState.CLOSED, ""))
    assert closed == plain


def test_one_odd_exam_concerns_the_days_about_it():
    record = records_of(Fault(kind="spike", name=NAME, week=JUNE_9, size=15.0))["SIM 01"]
    assert within(record, dt.date(2025, 6, 2))
    assert not within(record, dt.date(2025, 7, 15))


def test_pseudonyms_find_the_same_record(drifted):
    key = PseudonymKey(b"k" * 32)
    both = pseudonymous(drifted, key)
    assert both[pseudonym("SIM 01", key)] is both["SIM 01"]


def test_what_later_exams_do_not_confirm_is_no_trouble():
    """A step whose size may be none; the same step where the interval leaves none out."""
    at = dt.datetime(2025, 3, 3)
    step = DriftFinding(
        scanner="SIM 01", name=NAME, quantity=NAME, kind=Kind.STEP, rule="cusum", date=at,
        date_interval=(at, at), size=1.0, size_interval=(-0.5, 2.5), verdict="pass",
    )  # fmt: skip
    assert not _troubles([step], _History())
    sure = dataclasses.replace(step, size_interval=(0.5, 1.5))
    assert [t.first for t in _troubles([sure], _History())] == [at.date()]
    wider = dataclasses.replace(step, kind=Kind.VARIANCE, size=2.0, size_interval=(1.5, 2.6))
    assert not _troubles([wider], _History())
    beyond = dataclasses.replace(wider, verdict="action")
    assert [t.code for t in _troubles([beyond], _History())] == ["scanner_out_of_control"]


def table_of(texts, date):
    names = [str(i) for i in range(len(date))]
    columns = {name: Words.of(column) for name, column in texts.items()}
    return VetTable(
        path=names, series_uid=names, texts=columns, numbers={}, date=date, features=(),
        values=np.zeros((len(date), 0), np.float32),
    )  # fmt: skip


def test_days_go_back_by_the_shift_of_the_patient():
    key = PseudonymKey(b"k" * 32)
    who = participant_pseudonym("01-1000", key)
    true = np.array(["2025-07-15", "2025-07-15", "NaT"], "datetime64[D]")
    moved = np.array([shift(dt.date(2025, 7, 15), who, key), "2025-07-15", "NaT"], "datetime64[D]")
    table = table_of({"pseudonym": [who, "", who], "site": ["a", "b", "c"]}, moved)
    back, findings = true_days(table, key)
    np.testing.assert_array_equal(back.date, true)
    assert not findings
    assert set(back.texts) == {"site"}
    same, findings = true_days(table, None)
    np.testing.assert_array_equal(same.date, moved)
    assert set(same.texts) == {"site"}
    assert not findings
    nobody = dataclasses.replace(table, texts={})
    assert [f.code for f in true_days(nobody, key)[1]] == ["no_pseudonym"]


def test_a_scanner_of_an_unknown_maker_is_found_under_both_names():
    key = PseudonymKey(b"k" * 32)
    record = ScannerRecord(scanner="SIM 01", exams=())
    found = pseudonymous({"SIM 01": record}, key)
    serial = pseudonym("SIM 01", key)
    hidden = dataclasses.replace(record, hides_days=True)
    assert found == {"SIM 01": hidden, serial: hidden, f"SIM {serial}": hidden}


def test_a_real_upgrade_is_found_and_others_are_left_alone(real_data):
    """PSNR at 64 mT: P0009 was upgraded between 10 and 19 July 2023, 34.03 (n=13) to 34.82 (n=24).

    P0020, P0029 and P0039 are published as unchanged.
    """
    path = real_data("tables/unity_qa_64mT") / "PSNR_df.csv"
    columns = {"scanner": "Subject", "acquired_at": "Session", "value": "PSNR"}
    read = read_history_table(path, columns)
    records = scanner_records(read.series, Records(), dt.datetime(2024, 6, 1))
    (trouble,) = records["P0009"].troubles
    assert dt.date(2023, 7, 1) <= trouble.first <= dt.date(2023, 7, 19)
    assert trouble.last is None
    size = float(re.search(r"step (\S+)", trouble.what)[1])
    assert size == pytest.approx(34.82 - 34.03, abs=0.1)
    assert all(records[name].troubles == () for name in ("P0020", "P0029", "P0039"))
