"""Bias of scanners against the claims of a policy, over time."""

from __future__ import annotations

import csv
import datetime as dt

import numpy as np
import pytest

from qiqa.core.trial import Readings
from qiqa.io.readings_table import read_readings
from qiqa.workflows.lineage_bias import bias_states
from qiqa.workflows.trial import Claim

NOW = dt.datetime(2025, 12, 31)
CLAIM = {"adc": Claim(value=3.6, percent=True, source="a test")}
LEVELS = (500.0, 800.0, 1100.0, 1400.0)
EXAMS = 20


def readings(biases, referenced=True):
    """Return weekly exams of four inserts; biases: scanner -> percent for each exam."""
    rows = [
        (scanner, exam, insert)
        for scanner in biases
        for exam in range(EXAMS)
        for insert in range(len(LEVELS))
    ]
    rng = np.random.default_rng(3)
    day_off = {(s, e): rng.normal(0, 0.3) for s in biases for e in range(EXAMS)}
    reference = np.array([LEVELS[i] for _, _, i in rows])
    off = np.array([biases[s][e] + day_off[s, e] + rng.normal(0, 0.3) for s, e, _ in rows])
    days = np.array([np.datetime64("2025-01-06") + 7 * e for _, e, _ in rows])
    n = len(rows)
    nothing, nan = np.full(n, ""), np.full(n, np.nan)
    return Readings(
        name="adc", quantity="adc", unit="µm²/s", scanner=np.array([r[0] for r in rows]),
        site=nothing, manufacturer=nothing, epoch=nothing,
        insert=np.array([f"insert {r[2]}" for r in rows]),
        phantom_unit=np.array([f"unit of {r[0]}" for r in rows]),
        exam=np.array([f"{s} {e}" for s, e, _ in rows]),
        row=np.array([str(i) for i in range(n)]), at=days.astype("datetime64[us]"), visit=nan,
        value=reference * (1 + off / 100), standard_uncertainty=0.003 * reference,
        reference=reference if referenced else nan,
        reference_standard_uncertainty=0.003 * reference if referenced else nan,
        temperature_degc=nan, distance_mm=nan,
    )  # fmt: skip


@pytest.fixture(scope="module")
def states():
    """MR 1 reads 6 % too much from the eleventh exam on, MR 2 always, MR 3 never."""
    level = {"MR 1": [0.0] * 10 + [6.0] * 10, "MR 2": [6.0] * EXAMS, "MR 3": [0.5] * EXAMS}
    return bias_states([readings(level)], CLAIM, NOW, 45.0)


def test_who_is_beyond_the_claim_and_since_when(states):
    (moved,) = states["MR 1"].troubles
    # the last exam in order is of 10 March, and nobody knows when after it
    assert (moved.first, moved.last) == (dt.date(2025, 3, 11), None)
    (always,) = states["MR 2"].troubles
    assert (always.first, always.last) == (dt.date(2025, 1, 6) - dt.timedelta(days=45), None)
    assert states["MR 3"].troubles == ()
    for one in (moved, always):
        assert (one.code, one.name) == ("scanner_biased", "adc")
        assert one.claims == pytest.approx(6.0 / 3.6, rel=0.1)
        assert "beyond the claim of 3.6 %" in one.what


def test_what_is_known_is_said(states):
    (words,) = states["MR 3"].words
    assert words.startswith("adc bias +0.")
    assert words.endswith("20 exams), within the claim of 3.6 %")
    assert states["MR 3"].known
    assert len(states["MR 1"].words) == 2
    assert not any("2025" in words for one in states.values() for words in one.words)


def test_without_a_claim_or_a_certified_value_nothing_is_said():
    level = {"MR 1": [6.0] * EXAMS}
    assert bias_states([readings(level)], {}, NOW, 45.0) == {}
    assert bias_states([readings(level, referenced=False)], CLAIM, NOW, 45.0) == {}


def test_a_bias_near_the_claim_is_not_beyond_it():
    state = bias_states([readings({"MR 1": [3.6] * EXAMS, "MR 2": [0.0] * EXAMS})], CLAIM, NOW, 9.0)
    assert state["MR 1"].troubles == ()
    assert "not shown to be within" in state["MR 1"].words[0]
    assert not state["MR 1"].known


def test_one_exam_of_a_real_scanner_is_not_enough(real_data, tmp_path):
    """T1 of the NiCl2 spheres at 64 mT, beside the values that the table states for them."""
    folder = real_data("tables/unity_qa_64mT")
    with (folder / "relaxometry_NiCl_mimics.csv").open(encoding="utf-8") as file:
        known = {row["Mimic"]: row["T1 [s]"] for row in csv.DictReader(file)}
    with (folder / "relaxometry_results_241016.csv").open(encoding="utf-8") as file:
        rows = [
            [row["Subject"], "2024-07-08", "T1", row["LabelValue"], row["Median"],
             known[f"T1 {row['LabelValue']}"]]
            for row in csv.DictReader(file)
            if (row["Quant"], row["Segmentation"]) == ("T1", "T1mimics_fix")
            and row["Subject"] == "P0009"
        ]  # fmt: skip
    path = tmp_path / "exam.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["scanner", "acquired_at", "name", "insert", "value", "reference_value"])
        out.writerows(rows)
    claims = {"T1": Claim(value=5.0, percent=True, source="a test")}
    state = bias_states(read_readings(path).readings, claims, NOW, 45.0)["P0009"]
    (words,) = state.words
    assert "(uncertainty not known, 1 exam), not shown to be within the claim of 5 %" in words
    assert (state.known, state.troubles) == (False, ())
