"""Made-up tables of batches, the plainest harmonization, and rounds of a phantom."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from qiqa.core.features import FeatureTable
from qiqa.core.trial import Readings


@pytest.fixture(scope="session")
def rounds() -> Callable[..., Readings]:
    """Return `rounds(rng, **what is true)`; see phantom_rounds.py."""
    path = Path(__file__).with_name("phantom_rounds.py")
    spec = importlib.util.spec_from_file_location("_phantom_rounds", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.rounds


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
