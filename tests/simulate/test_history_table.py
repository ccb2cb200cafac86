"""The table of simulated years holds the noun's values in the row schema, and the truth."""

import json
import math

import numpy as np
import pytest

from qiqa.core.rows import COLUMNS
from qiqa.simulate.history import simulate_history
from qiqa.simulate.history_defaults import default_faults
from qiqa.simulate.history_spec import KINDS, Fault, HistorySpec
from qiqa.simulate.history_table import UNMEASURED, table, truth_payload

EXAM = ["scanner", "acquired_at", "exam", "software", "phantom_unit", "temperature_degc"]


@pytest.fixture(scope="module")
def history():
    spec = HistorySpec(scanners=3, weeks=120)
    return simulate_history(spec, default_faults(spec), np.random.default_rng(5))


@pytest.fixture(scope="module")
def whole(history):
    blocks = list(table(history))
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def test_columns_are_those_of_the_row_schema_in_its_order(whole):
    names = list(whole)
    assert names[:6] == EXAM
    order = [column.name for column in COLUMNS]
    assert [order.index(name) for name in names[6:]] == sorted(order.index(n) for n in names[6:])


def test_rows_are_the_values(history, whole):
    assert np.array_equal(whole["value"], history.value, equal_nan=True)
    assert (whole["acquired_at"] == history.exam_at[history.exam]).all()
    for row in (0, 1000, len(history) - 1):
        metric = history.spec.metrics[history.metric[row]]
        assert whole["name"][row] == metric.name
        assert whole["unit"][row] == metric.unit
        assert whole["slice"][row] == metric.slice
        scanner = history.spec.names[history.exam_scanner[history.exam[row]]]
        assert whole["scanner"][row] == scanner
        assert whole["exam"][row].startswith(scanner)


def test_only_rows_without_a_value_have_a_reason(whole):
    missing = np.isnan(whole["value"])
    assert missing.any()
    assert set(whole["reason"][missing]) == {UNMEASURED}
    assert set(whole["reason"][~missing]) == {None}


def test_a_series_key_is_one_quantity_of_one_scanner_with_one_phantom(whole):
    what = [whole[name].tolist() for name in ("scanner", "phantom_unit", "name", "insert")]
    pairs = set(zip(whole["series_key"].tolist(), *what, strict=True))
    assert len(pairs) == len({key for key, *_ in pairs}) == len({tuple(rest) for _, *rest in pairs})
    # 3 scanners of 12 quantities, and 12 more after the change of one phantom
    assert len(pairs) == 4 * 12


def test_an_exam_listed_twice_has_two_names_and_one_time(whole):
    again = np.array([text.endswith(" again") for text in whole["exam"]])
    names = set(whole["exam"][again])
    assert len(names) == KINDS["duplicate"].weeks
    for name in names:
        times = whole["acquired_at"][np.isin(whole["exam"], [name, name.removesuffix(" again")])]
        assert len(set(times.tolist())) == 1


def test_a_scanner_without_a_row_has_an_empty_block():
    spec = HistorySpec(scanners=2, weeks=10)
    faults = (Fault(kind="missed", scanner=1, week=1, weeks=10),)
    blocks = list(table(simulate_history(spec, faults, np.random.default_rng(1))))
    assert [len(block["value"]) for block in blocks] == [0, 120]


def test_names_hold_where_the_first_exams_have_no_rows():
    spec = HistorySpec(scanners=1, weeks=4)
    history = simulate_history(
        spec, (Fault(kind="stopped", week=1, weeks=2),), np.random.default_rng(1)
    )
    (block,) = table(history)
    assert list(dict.fromkeys(block["exam"])) == ["SIM 01 week 0003", "SIM 01 week 0004"]


def test_the_truth_is_json_with_every_fault(history):
    truth = json.loads(json.dumps(truth_payload(history, 5), allow_nan=False))
    assert truth["schema"] == "qiqa.simulated_history/1"
    assert {fault["kind"] for fault in truth["faults"]} == set(KINDS)
    assert truth["scanners"][0]["levels"]["piu"] == history.levels[0, 5]
    assert truth["specification"]["weeks"] == 120
    sizes = {f["kind"]: f["size"] for f in truth["faults"] if f["name"] or f["kind"] == "clock"}
    assert sizes["step"] == pytest.approx(-3 * 0.4)
    assert sizes["clock"] == -365.0
    assert math.isclose(sizes["variance"], 3.0)
