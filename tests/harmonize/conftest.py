"""Tables made up with known shifts and scales."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.features import FeatureTable


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
