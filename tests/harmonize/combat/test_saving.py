"""A model written as JSON corrects as the one it was written from, to the last bit."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.core.features import HARMONIZATION_SCHEMA
from qiqa.core.trial import Flag
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.combat.covbat import fit_covbat
from qiqa.harmonize.combat.longitudinal import fit_longitudinal
from qiqa.harmonize.combat.model import CombatModel, Draw, Scores, SmoothBasis, Subjects, Term
from qiqa.harmonize.combat.saving import from_payload, to_payload


def twice(table):
    subject = np.array([f"p{i // 2}" for i in range(len(table))])
    order = np.random.default_rng(0).permutation(len(table))
    return dataclasses.replace(table.take(order), subject=subject)


FITS = {
    "parametric": fit,
    "none": lambda t: fit(t, by="none", reference="B"),
    "means": lambda t: fit(t, mean_only=True, by="nonparametric"),
    "curve": lambda t: fit(t, smooth=["age"]),
    "covbat": fit_covbat,
    "longitudinal": fit_longitudinal,
}


@pytest.mark.parametrize("name", FITS)
def test_there_and_back(make, name):
    table = twice(make(rows=(30, 19, 25)).table)
    model = FITS[name](table)
    text = json.dumps(to_payload(model), allow_nan=False)
    back = from_payload(json.loads(text))
    assert json.dumps(to_payload(back), allow_nan=False) == text
    assert np.array_equal(apply(back, table)[0].values, apply(model, table)[0].values)
    assert back.flags == model.flags
    assert np.array_equal(back.shift_error, model.shift_error, equal_nan=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.update(schema="qiqa.harmonization/9"), ["qiqa.harmonization/9"]),
        (lambda p: p["model"].pop("spread"), ["spread is missing"]),
        (lambda p: p["model"]["level"]["values"].pop(), ["model.level", "not an array"]),
        (lambda p: p["model"].update(features=["a"]), ["shape (3, 20), not (3, 1)"]),
        (lambda p: p["model"].update(batch_name=4), ["model.batch_name", "not str"]),
        (lambda p: p["model"]["terms"][0].update(levels="F"), ["terms[0].levels", "not a list"]),
        (lambda p: p["model"]["level"].update(values=["x"] * 20), ["model.level"]),
        (lambda p: p.update(model=[]), ["model", "not an object"]),
    ],
)
def test_what_is_not_a_model_is_refused_by_name(make, change, words):
    payload = copy.deepcopy(to_payload(fit(make().table)))
    change(payload)
    with pytest.raises(UsageError) as caught:
        from_payload(payload)
    for word in words:
        assert word in str(caught.value)


def test_the_page_of_schemas_names_every_key():
    text = (Path(__file__).parents[3] / "docs" / "schemas.md").read_text(encoding="utf-8")
    section = text.split(f"{HARMONIZATION_SCHEMA}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    listed = {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert list(listed) == [field.name for field in dataclasses.fields(CombatModel)]
    inner = {"draw": Draw, "flags": Flag, "subjects": Subjects, "scores": Scores}
    for name, noun in inner.items():
        named = set(re.findall(r"`(\w+)`", listed[name]))
        assert {field.name for field in dataclasses.fields(noun)} <= named
    named = set(re.findall(r"`(\w+)`", listed["terms"]))
    assert {
        field.name for noun in (Term, SmoothBasis) for field in dataclasses.fields(noun)
    } <= named


def test_the_formula_of_the_page_of_schemas(make):
    table = make().table
    payload = to_payload(fit(table))["model"]
    arrays = {
        key: np.array(value["values"]).reshape(value["shape"])
        for key, value in payload.items()
        if isinstance(value, dict) and "shape" in value
    }
    columns = np.array([table.covariates["age"][40], table.covariates["sex"][40] == "M"], float)
    expected = arrays["level"] + (columns - arrays["center"]) @ arrays["slopes"]
    i = payload["batches"].index(table.batch[40])
    off = table.values[40] - expected - arrays["shift"][i] * arrays["spread"]
    found = off / np.sqrt(arrays["variance"][i]) + expected
    got = apply(fit(table), table)[0].values[40]
    assert np.allclose(found, got, rtol=1e-14)
