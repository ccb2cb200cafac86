"""Protocol: departures found and named, ordinary variation and small groups left alone."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.vetting.checks.protocol import CHECK, look


def test_a_departure_is_found_from_the_tolerance_on(series, defaults):
    tr = np.full(20, 2000.0)
    tr[[3, 4, 5]] = [2050.0, 2200.0, 5000.0]
    found = look(series(20, numbers={"tr_ms": tr}), defaults(CHECK)).observations
    assert [(row, one.code) for row, one in found] == [
        (4, "protocol_departs"),
        (5, "protocol_departs"),
    ]
    # 200 of 2200 is 9.09 %, 3000 of 5000 is 60 %, over a tolerance of 5 %
    assert [one.value for _, one in found] == pytest.approx([9.0909 / 5, 12.0], rel=1e-4)
    assert found[1][1].evidence == "tr_ms 5000, usual 2000 (18 of 20 series)"


def test_each_scanner_has_its_own_usual_value_and_the_difference_is_stated(series, defaults):
    te = np.repeat([30.0, 30.0, 35.0], 10)
    texts = {"scanner": np.repeat(["a", "b", "c"], 10), "protocol": ["T2"] * 30}
    answer = look(series(30, texts=texts, numbers={"te_ms": te}), defaults(CHECK))
    assert answer.observations == ()
    said = [s for s in answer.statements if s.code == "protocol_differs_between_sites"]
    assert [(s.subject, round(s.value, 1)) for s in said] == [("T2: te_ms", 33.3)]
    assert said[0].rows[1][0] == "c"


def test_protocols_are_not_mixed(series, defaults):
    texts = {"protocol": ["T1", "T2"] * 10}
    tr = np.array([500.0, 4000.0] * 10)
    answer = look(series(20, texts=texts, numbers={"tr_ms": tr}), defaults(CHECK))
    assert answer.observations == ()


def test_fewer_than_five_are_not_judged_and_said(series, defaults):
    texts = {"scanner": ["a"] * 4 + ["b"] * 6}
    tr = np.array([1.0, 2.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0])
    answer = look(series(10, texts=texts, numbers={"tr_ms": tr}), defaults(CHECK))
    assert answer.observations == ()
    assert {s.code: s.value for s in answer.statements}["protocol_not_judged"] == 40.0


def test_where_too_few_agree_nobody_departs(series, defaults):
    answer = look(series(20, numbers={"tr_ms": np.linspace(800, 3000, 20)}), defaults(CHECK))
    assert answer.observations == ()
    assert any(s.code == "protocol_without_usual" for s in answer.statements)


def test_breathing_and_fields_of_view_are_no_departures(series, defaults):
    rng = np.random.default_rng(0)
    numbers = {"tr_ms": 2000 * (1 + 0.01 * rng.uniform(-1, 1, 50)),
               "pixel_mm": rng.choice([0.86, 0.94, 1.0], 50, p=[0.2, 0.6, 0.2])}  # fmt: skip
    assert look(series(50, numbers=numbers), defaults(CHECK)).observations == ()


def test_words_that_differ_are_found_and_named(series, defaults):
    direction = ["ROW"] * 9 + ["COL"]
    found = look(series(10, texts={"phase_direction": direction}), defaults(CHECK)).observations
    assert [(row, one.code, one.value) for row, one in found] == [
        (9, "protocol_setting_departs", 1.0)
    ]
    assert found[0][1].evidence == "phase_direction COL, usual ROW (9 of 10 series)"


def test_software_is_stated_with_its_days(series, defaults):
    dates = np.array(["2024-01-05"] * 3 + ["2024-06-01"] * 3, dtype="datetime64[D]")
    texts = {"scanner": ["a"] * 6, "software": ["v1"] * 3 + ["v2"] * 3}
    answer = look(series(6, texts=texts, dates=dates), defaults(CHECK))
    said = next(s for s in answer.statements if s.code == "several_software_versions")
    assert said.rows[2] == ("a", "v2", "3", "2024-06-01 to 2024-06-01")


def test_hostile_columns_do_not_raise(series, defaults):
    rng = np.random.default_rng(1)
    odd = rng.choice([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e308], 40)
    odd_words = rng.choice(["", "\x00", "a" * 500, "é"], 40)
    names = [line.rpartition(" ")[0] for line in defaults(CHECK)["tolerances"]]
    for n in (0, 1, 40):
        table = series(n, numbers=dict.fromkeys(names, odd[:n]),
                       texts={"scanner": odd_words[:n], "software": odd_words[:n],
                              "coil": odd_words[:n]})  # fmt: skip
        with np.errstate(all="ignore"):
            look(table, defaults(CHECK, tolerances=("tr_ms five", "te_ms 0", *names[2:3])))
            answer = look(table, defaults(CHECK))
        assert all(np.isfinite(one.value) for _, one in answer.observations)
