"""Made-up tables of batches with what is true of them, and rounds of a phantom."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from qiqa.core.features import FeatureTable


@pytest.fixture
def rng() -> np.random.Generator:
    """Return the same numbers for every test."""
    return np.random.default_rng(20261128)


def mean_and_sd(train: FeatureTable, test: FeatureTable) -> FeatureTable:
    """Give each batch of `test` mean 0 and SD 1 by what `train` has of it."""
    values = test.values.copy()
    for name in np.unique(test.batch):
        own, rows = train.values[train.batch == name], test.batch == name
        values[rows] = (values[rows] - own.mean(axis=0)) / own.std(axis=0)
    return dataclasses.replace(test, values=values)


def make_table(
    seed: int = 0,
    *,
    batches: int = 4,
    each: int = 30,
    features: int = 6,
    shift: float = 0.0,
    scale: float = 0.0,
    curl: float = 0.0,
    age: float = 0.0,
) -> FeatureTable:
    """Return Gaussian features of batches that differ.

    By `shift` SD, by exp(`scale`), and by `curl` in the correlation of neighboring features;
    `age` is the slope per SD of age.
    """
    rng = np.random.default_rng(seed)
    n = batches * each
    batch = np.repeat([f"site {chr(65 + k)}" for k in range(batches)], each)
    years = rng.normal(50.0, 10.0, n)
    values = rng.normal(size=(n, features))
    for k in range(batches):
        rows = slice(k * each, (k + 1) * each)
        pairs = features // 2
        values[rows, 1 : 2 * pairs : 2] += curl * (-1.0) ** k * values[rows, : 2 * pairs : 2]
        values[rows] *= np.exp(scale * rng.normal(size=features))
        values[rows] += shift * rng.normal(size=features)
    values += age * ((years - 50.0) / 10.0)[:, None]
    row = np.array([f"scan {i}" for i in range(n)])
    return FeatureTable(
        features=tuple(f"f{j}" for j in range(features)),
        values=values,
        batch=batch,
        row=row,
        subject=row,
        covariates={"age": years} if age else {},
        batch_name="site",
    )


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    return SimpleNamespace(table=make_table, mean_and_sd=mean_and_sd)


@dataclasses.dataclass(frozen=True)
class Made:
    table: FeatureTable
    shift: np.ndarray
    """(b, p) added to each batch, less its mean weighted by rows."""
    scale: np.ndarray
    """(b, p) of each batch's noise."""
    slope: np.ndarray
    """(p,) of age."""


@pytest.fixture(scope="session")
def make():
    """Return a function that makes a table of `rows` per batch and `p` features."""

    def made(rows=(30, 40, 25), p=20, seed=3, *, shift=1.0, drift_of_age=0.0) -> Made:
        rng = np.random.default_rng(seed)
        batch = np.repeat(np.arange(len(rows)), rows)
        n = len(batch)
        age = rng.uniform(20, 80, n) + drift_of_age * batch
        sex = rng.integers(0, 2, n)
        moved = shift * rng.normal(size=(len(rows), p))
        moved -= np.bincount(batch) @ moved / n
        scale = np.exp(0.3 * rng.normal(size=(len(rows), p)))
        slope = 0.03 * rng.normal(size=p)
        values = 100 + moved[batch] + slope * (age - age.mean())[:, None] + 0.5 * sex[:, None]
        values = values + scale[batch] * rng.normal(size=(n, p))
        names = np.array([f"row{i}" for i in range(n)])
        table = FeatureTable(
            features=tuple(f"f{j}" for j in range(p)),
            values=values,
            batch=np.array(["A", "B", "C", "D", "E", "F", "G", "H"])[batch],
            row=names,
            subject=names,
            covariates={"age": age, "sex": np.array(["F", "M"])[sex]},
            batch_name="scanner",
        )
        return Made(table=table, shift=moved, scale=scale, slope=slope)

    return made
