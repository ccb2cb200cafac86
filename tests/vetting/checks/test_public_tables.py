"""Public tables, read as any user would: known divergences, and what raters excluded."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from qiqa.io.vet_table import SetRoles, read_set
from qiqa.vetting.checks import leakage, outliers, representativeness

KNOWN = {"sex": 0.0027, "ethnicity": 0.0164, "race": 0.2713, "label": 0.6079}
"""Jensen-Shannon divergence [bit] of the two batches, found without this project."""


@pytest.fixture(scope="module")
def batches(real_data, tmp_path_factory):
    rows = []
    folder = real_data("tables/midrc_react")
    for batch in "01":
        text = (folder / f"midrc_data_download-2025-01-29_{batch}.tsv").read_text("utf-8")
        rows += [{**r, "batch": batch} for r in csv.DictReader(text.splitlines(), delimiter="\t")]
    path = tmp_path_factory.mktemp("cases") / "cases.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)
    columns = {"split": "batch", "patient": "submitter_id", "label": "covid19_positive"}
    return read_set(path, SetRoles(row="id", columns=columns))[0]


def test_divergences_of_two_batches_are_those_known(batches, defaults):
    answer = representativeness.look(batches, defaults(representativeness.CHECK))
    found = {s.subject.partition(":")[0]: s.value for s in answer.statements}
    assert {k: found[k] for k in KNOWN} == pytest.approx(KNOWN, abs=0.00005)


def test_no_case_is_in_both_batches(batches, defaults):
    answer = leakage.look(batches, defaults(leakage.CHECK, labels=()))
    assert answer.observations == ()
    assert {s.subject: s.value for s in answer.statements}["patient"] == 0


def test_outliers_are_more_often_what_raters_excluded(real_data, defaults):
    path = real_data("tables/abide_mriqc_iqms") / "abide.tsv"
    raters = ("rater_1", "rater_2", "rater_3")
    scans, _ = read_set(path, SetRoles(row="subject_id", others=raters))
    answer = outliers.look(scans, defaults(outliers.CHECK))
    named = np.zeros(len(scans), dtype=bool)
    named[[row for row, _ in answer.observations]] = True
    assert 0 < named.sum() < 0.05 * len(scans)
    for rater in raters:
        grade = scans.numbers[rater]
        assert named[grade == -1].mean() > 2 * named[grade == 1].mean()
