"""Leakage: the series outside a patient's largest split are named, and only those."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.vetting.checks.leakage import CHECK, look


@pytest.mark.parametrize("leaking", [0, 1, 7])
def test_patients_in_several_splits_by_dose(series, defaults, leaking):
    patient = [f"p{i:03d}" for i in range(100)] + [f"p{i:03d}" for i in range(leaking)]
    split = ["train"] * 80 + ["test"] * 20 + ["test"] * leaking
    answer = look(series(100 + leaking, texts={"patient": patient, "split": split}),
                  defaults(CHECK))  # fmt: skip
    assert [row for row, _ in answer.observations] == list(range(100, 100 + leaking))
    assert all(o.code == "patient_in_several_splits" and o.value == 2 for _, o in
               answer.observations)  # fmt: skip
    made = next(s for s in answer.statements if s.code == "leakage")
    assert made.value == leaking
    assert made.rows == (("patient in both", "test", "train"),
                         ("test", str(20 + leaking), str(leaking)),
                         ("train", str(leaking), "80"))  # fmt: skip


def test_taking_out_what_is_named_leaves_every_patient_in_one_split(series, defaults):
    rng = np.random.default_rng(0)
    patient, split = rng.choice([f"p{i}" for i in range(60)], 300), rng.choice(list("abc"), 300)
    named = {row for row, one in
             look(series(300, texts={"patient": patient, "split": split}),
                  defaults(CHECK)).observations}  # fmt: skip
    kept = [i for i in range(300) if i not in named]
    for one in set(patient):
        assert len({split[i] for i in kept if patient[i] == one}) == 1


def test_the_same_study_is_found_where_patients_are_unknown(series, defaults):
    texts = {"study": ["1", "1", "2"], "split": ["train", "test", "train"]}
    answer = look(series(3, texts=texts), defaults(CHECK))
    assert [(r, o.code) for r, o in answer.observations] == [(1, "study_in_several_splits")]
    unknown = next(s for s in answer.statements if s.code == "leakage_unknown")
    assert unknown.value == 100.0
    assert "3 have no patient" in unknown.evidence


def test_sites_only_where_the_policy_asks(series, defaults):
    texts = {"site": ["a", "a", "a", "b"], "split": ["train", "train", "test", "test"],
             "patient": ["1", "2", "3", "4"]}  # fmt: skip
    assert look(series(4, texts=texts), defaults(CHECK)).observations == ()
    asked = look(series(4, texts=texts), defaults(CHECK, site_disjoint="yes")).observations
    # both splits have two series: the first in the alphabet counts as the larger
    assert [(r, o.code) for r, o in asked] == [(0, "site_in_several_splits"),
                                               (1, "site_in_several_splits")]  # fmt: skip


def test_label_conflicts_unless_labels_belong_to_series(series, defaults):
    texts = {"patient": ["1", "1", "2", ""], "label": ["ill", "well", "ill", "well"]}
    found = look(series(4, texts=texts), defaults(CHECK)).observations
    assert [(r, o.code, o.value) for r, o in found] == [(0, "label_conflict", 2.0),
                                                        (1, "label_conflict", 2.0)]  # fmt: skip
    assert look(series(4, texts=texts), defaults(CHECK, labels=())).observations == ()


def test_no_split_is_said_and_unknown_patients_are_nobody_s(series, defaults):
    answer = look(series(3, texts={"patient": ["1", "1", ""]}), defaults(CHECK))
    assert answer.observations == ()
    assert answer.statements[0].evidence.startswith("no split is stated")
    both = look(series(2, texts={"patient": ["", ""], "split": ["a", "b"]}), defaults(CHECK))
    assert both.observations == ()
    assert look(series(0), defaults(CHECK)).statements == ()
