"""A scanner drifts in June: its images of July wait for a person, those of May are kept."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt

import pytest

from qiqa.cli.app import run
from qiqa.io.policy_file import default_policy_text
from qiqa.io.write_training_set import write_planned_series
from qiqa.simulate.training_set import TrainingSetSpec, image_of, plan_training_set

DAYS = (dt.date(2025, 5, 13), dt.date(2025, 7, 15))
WEEKS = 104
JUNE_2 = 75
"""Of weeks that begin on 1 January 2024."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """Return the default policy without the checks of the whole set that have no part in this."""
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    off = 'off = ["confounding", "outliers", "predictability", "representativeness"]\n'
    text = default_policy_text()
    path.write_text(text.replace('name = "default"', off + 'name = "short"'), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Return a table of two years of weekly exams; the SNR of SIM 01 falls in June 2025."""
    path = tmp_path_factory.mktemp("history") / "years.csv"
    fault = f"step:scanner=1,name=snr_nema_method1,week={JUNE_2},size=-6sd"
    words = ["--scanners", "2", "--years", f"{WEEKS * 7 / 365.25}", "--start", "2024-01-01"]
    # one quantity: with twelve a scanner in order has a false alarm on many days of two years
    words += ["--metrics", "snr_nema_method1", "--seed", "5"]
    assert run(["simulate", "history", str(path), *words, "--fault", fault]) == 0
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Return images of four persons: two scanners, SIM 01 and SIM 02, in May and in July."""
    spec = TrainingSetSpec(sites=2, people_a_site=2, slices=3, matrix=48)
    plan = plan_training_set(spec)
    folder = tmp_path_factory.mktemp("set")
    for one in plan.series:
        scanner = dataclasses.replace(
            plan.scanners[one.scanner], manufacturer="SIM", serial=f"{one.scanner + 1:02d}"
        )
        day = DAYS[one.number // 3 % 2]
        series = dataclasses.replace(one, date=day)
        write_planned_series(folder, series, scanner, image_of(plan, one))
    return folder


def vetted(images, output, policy, *words):
    """Return the rows of the manifest by series UID."""
    given = ["vet", str(images), "-o", str(output), "--policy", str(policy), "--processes", "1"]
    assert run([*given, *map(str, words)]) in (0, 3, 4)
    with (output / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def not_in_control(rows):
    """Return scanner and series, for those that are said to be of days not in control."""
    codes = ("scanner_out_of_control", "scanner_moved")
    return [r for r in rows if any(code in r["reasons"] for code in codes)]


def test_july_waits_and_may_is_kept(images, history, policy, tmp_path):
    rows = vetted(images, tmp_path, policy, "--history", history)
    assert len(rows) == 12
    accused = not_in_control(rows)
    assert {row["scanner"] for row in accused} == {"SIM 01"}
    assert len(accused) == 3
    assert {row["decision"] for row in accused} <= {"quarantine", "correct"}
    assert {path_day(images, row) for row in accused} == {"20250715"}


def path_day(images, row):
    import pydicom

    files = sorted((images / row["path"]).glob("*.dcm"))
    return str(pydicom.dcmread(files[0], stop_before_pixels=True).AcquisitionDate)


def test_days_of_deidentified_images_are_taken_back(images, history, policy, tmp_path):
    """Their dates are moved by up to ten years, their scanner has another name."""
    key, moved = tmp_path / "trial.key", tmp_path / "moved"
    words = ["trial", "deidentify", str(images), "-o", str(moved), "--key", str(key)]
    assert run(words) == 0
    asked = ("--history", history, "--history-key", key)
    rows = vetted(moved, tmp_path / "with", policy, *asked)
    accused = not_in_control(rows)
    assert len(rows) == 12
    assert len(accused) == 3
    assert len({row["patient_hash"] for row in accused}) == 1
    assert all(row["scanner"] != "SIM 01" for row in accused)
    # without the key nothing can be said of any of them, and it is not said that all is well
    rows = vetted(moved, tmp_path / "without", policy, "--history", history)
    assert not not_in_control(rows)
    assert all("scanner_without_phantom" in row["reasons"] for row in rows)
