"""The numbers of the original program, in all its modes, and on rows that it did not learn from."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.features import FeatureTable
from qiqa.harmonize.combat import apply, fit

FOLDER = "tables/combat_golden"
MODES = [
    (by, adjusted, eb, mean_only, reference)
    for by in ("parametric", "nonparametric")
    for adjusted in ("adjusted", "unadjusted")
    for eb in (True, False)
    for mean_only in (False, True)
    for reference in ("", "1")
]


def read(path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", skiprows=1).T


@pytest.fixture(scope="module")
def folder(real_data):
    return real_data(FOLDER)


@pytest.fixture(scope="module")
def table(folder) -> FeatureTable:
    values = read(folder / "inputData" / "testdata.csv")
    names = np.array([f"V{i + 1}" for i in range(10)])
    return FeatureTable(
        features=tuple(f"f{i}" for i in range(200)),
        values=values,
        batch=np.array(list("1111122222")),
        row=names,
        subject=names,
        covariates={"pheno": np.array([1.0, 0.0] * 5)},
    )


def file_name(by: str, adjusted: str, eb: bool, mean_only: bool, reference: str) -> str:
    parts = ["noeb"] * (not eb) + ["meanonly"] * mean_only + ["batchref"] * bool(reference)
    return "_".join(["testdata_combat", by, adjusted, *parts, "r.csv"])


@pytest.mark.parametrize(("by", "adjusted", "eb", "mean_only", "reference"), MODES)
def test_all_modes_of_the_original(folder, table, by, adjusted, eb, mean_only, reference):
    expected = read(folder / "outputData" / file_name(by, adjusted, eb, mean_only, reference))
    if adjusted == "unadjusted":
        table = dataclasses.replace(table, covariates={})
    model = fit(table, by=by if eb else "none", mean_only=mean_only, reference=reference)
    got, flags = apply(model, table)
    assert np.abs(got.values - expected).max() < 1e-10
    assert not flags
    half = {"half_drawn"} if mean_only and eb and by == "parametric" else set()
    assert {flag.kind for flag in model.flags} == {"thin_batch"} | half


def test_every_file_of_the_original_is_read(folder):
    names = {path.name for path in (folder / "outputData").glob("testdata_combat_*_r.csv")}
    names -= {n for n in names if "meanonl_" in n}  # a slip in the name; its twin is there
    assert names == {file_name(*mode) for mode in MODES}


def test_held_out_rows_without_covariates_as_the_original(folder, table):
    model = fit(table)
    held = dataclasses.replace(table.take(np.array([0, 1, 5, 6])), covariates={})
    got, flags = apply(model, held, covariates_at_mean=True)
    expected = read(folder / "outputData" / "training_test_scenario2_r.csv")
    assert np.abs(got.values - expected).max() < 1e-10
    assert [flag.kind for flag in flags] == ["covariates_at_mean"]


@pytest.mark.parametrize("by", ["parametric", "nonparametric", "none"])
def test_the_reference_batch_stays_as_it_is(table, by):
    got, _ = apply(fit(table, by=by, reference="1"), table)
    assert np.array_equal(got.values[:5], table.values[:5])
    assert not np.allclose(got.values[5:], table.values[5:])
