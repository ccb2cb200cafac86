"""Tables of a simulated trial hold the nouns' values in the row schema; the truth is JSON."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.rows import COLUMNS
from qiqa.io.history_table import REQUIRED
from qiqa.simulate.trial import TrialDesign, simulate_trial
from qiqa.simulate.trial_design import FAULTS, Participants
from qiqa.simulate.trial_table import (
    feature_table,
    participant_table,
    phantom_table,
    truth_payload,
)

ROOT = Path(__file__).resolve().parents[2]
DESIGN = TrialDesign(sites=6, years=4.0, participants=Participants(count=40))


@pytest.fixture(scope="module")
def trial():
    return simulate_trial(DESIGN, np.random.default_rng(2))


@pytest.fixture(scope="module")
def truth(trial):
    payload = truth_payload(trial, 2)
    return json.loads(json.dumps(payload, allow_nan=False))


def test_columns_of_values_are_those_of_the_row_schema_in_its_order(trial):
    order = [column.name for column in COLUMNS]
    for table in (phantom_table(trial.readings[0]), participant_table(trial.participants)):
        assert set(REQUIRED) <= set(table)
        known = [order.index(name) for name in table if name in order]
        assert known == sorted(known)
        assert list(table)[-len(known) :] == [name for name in table if name in order]


def test_phantom_rows_are_the_readings(trial):
    (readings,) = trial.readings
    table = phantom_table(readings)
    assert {len(column) for column in table.values()} == {len(readings)}
    assert np.array_equal(table["value"], readings.value)
    assert np.array_equal(table["reference_value"], readings.reference)
    assert table["software"].tolist() == readings.epoch.tolist()
    what = [table[name].tolist() for name in ("scanner", "phantom_unit", "insert")]
    pairs = set(zip(table["series_key"].tolist(), *what, strict=True))
    assert len(pairs) == len({key for key, *_ in pairs})
    own = 13 * len(trial.truth.scanner)
    assert len(pairs) == own + 13  # one exam was entered under another site's unit


def test_what_is_true_is_not_in_the_participants_table(trial):
    table = participant_table(trial.participants)
    assert np.array_equal(table["value"], trial.participants.value)
    assert "true_value" not in table
    assert not any(
        column.dtype == float and np.array_equal(column, trial.participants.true_value)
        for column in table.values()
    )
    assert np.abs(table["x_mm"] - trial.participants.position_mm[:, 0]).max() <= 0.05 + 1e-12


def test_features_stand_beside_their_scan(trial):
    table = feature_table(trial.features)
    assert len(table["exam"]) == len(trial.participants)
    assert table["exam"].tolist() == trial.participants.row.tolist()
    assert table["scanner"].tolist() == trial.participants.scanner.tolist()
    third = trial.features.name == "texture_03"
    assert np.array_equal(table["texture_03"], trial.features.value[third])


def test_the_truth_holds_all_that_was_planted(trial, truth):
    assert truth["schema"] == "qiqa.simulated_trial/1"
    assert truth["seed"] == 2
    assert set(FAULTS) <= set(truth["design"])
    assert [s["scanner"] for s in truth["scanners"]] == trial.truth.scanner.tolist()
    (failed,) = [s for s in truth["scanners"] if s["gradient_failure"]]
    assert failed["scanner"] == "S01-1"
    assert failed["gradient_failure"]["from"] == "2020-07-02T03:00:00"
    assert failed["gradient_failure"]["size"] == pytest.approx(-0.06)
    upgraded = {s["site"] for s in truth["scanners"] if s["upgrades"]}
    assert upgraded == {"Site 02", "Site 05"}
    assert len(truth["errors"]) == 4
    assert len(truth["units"]) == 6
    assert truth["participants"]["exam"] == trial.participants.row.tolist()
    assert truth["effect_percent"] == [0.0, 8.0, 12.0, 15.0]


def test_readings_can_be_made_again_from_the_written_truth(truth):
    # by another way than the simulator's, from the JSON alone, for one scanner with an upgrade
    quiet = simulate_trial(
        DESIGN.without("phantom_noise", "labels", "thermometer"), np.random.default_rng(2)
    )
    (readings,) = quiet.readings
    scanner = next(s for s in truth["scanners"] if s["upgrades"])
    own = readings.take(readings.scanner == scanner["scanner"])
    number = [s["site"] for s in truth["sites"]].index(scanner["site"])
    unit = truth["units"][number]["true_over_certified_less_1"]
    inserts = list(truth["inserts"])
    for i in range(0, len(own), 7):
        insert = str(own.insert[i])
        true = own.reference[i] * (1.0 + unit[inserts.index(insert)])
        read = true + scanner["offset_mm2_per_s"] + scanner["slope"] * true
        for upgrade in scanner["upgrades"]:
            if own.at[i] >= np.datetime64(upgrade["from"]):
                read *= 1.0 + upgrade["step"]
        place = truth["inserts"][insert]
        read *= 1.0 + sum(
            share * (x / 100.0) ** 2
            for share, x in zip(scanner["nonlinearity_at_100mm"], place, strict=True)
        )
        assert own.value[i] == pytest.approx(read, rel=1e-12)


def test_the_documented_keys_are_those_that_are_written(truth):
    text = (ROOT / "docs" / "schemas.md").read_text(encoding="utf-8")
    section = text.split("## A simulated trial")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE)
    assert [name for name, _ in rows] == list(truth)
    content = dict(rows)
    for key in ("sites", "scanners", "units", "errors"):
        assert set(truth[key][0]) <= set(re.findall(r"`(\w+)`", content[key]))


def test_the_documented_columns_are_those_that_are_written(trial):
    text = (ROOT / "docs" / "schemas.md").read_text(encoding="utf-8")
    section = text.split("## A simulated trial")[1].split("| key |")[0]
    phantom, people = section.split("`phantom.csv`:")[1].split("`participants.csv`:")
    people = people.split("`features.csv`")[0]
    for said, table in (
        (phantom, phantom_table(trial.readings[0])),
        (people, participant_table(trial.participants)),
    ):
        assert re.findall(r"`(\w+)`", said) == list(table)


def test_every_fault_is_documented():
    text = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")
    section = text.split("## A multisite trial")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*`) \|", section, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(FAULTS)
