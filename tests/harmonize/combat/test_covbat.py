"""Batches that differ in how features go together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.errors import FitError, UsageError
from qiqa.core.features import FeatureTable
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.combat.covbat import fit_covbat


@pytest.fixture(scope="module")
def mixed() -> FeatureTable:
    """One common pattern of the features, three times as strong at the second of two scanners."""
    rng = np.random.default_rng(8)
    batch = np.repeat([0, 1], 150)
    pattern = rng.normal(size=15)
    strength = rng.normal(size=300) * np.where(batch == 0, 1.0, 3.0)
    values = 10 + np.outer(strength, pattern) + rng.normal(size=(300, 15))
    names = np.array([f"row{i}" for i in range(300)])
    return FeatureTable(
        features=tuple(f"f{j}" for j in range(15)),
        values=values,
        batch=np.array(["A", "B"])[batch],
        row=names,
        subject=names,
        covariates={"age": rng.uniform(20, 80, 300)},
    )


def apart(values, batch):
    one, other = (np.corrcoef(values[batch == b].T) for b in "AB")
    return np.linalg.norm(one - other)


def written_out(corrected, table, level, share):
    """Chen 2022 by singular values, components corrected in mean and scatter."""
    rest = (corrected - level) / (corrected - level).std(axis=0, ddof=1)
    mean = rest.mean(axis=0)
    _, size, direction = np.linalg.svd(rest - mean, full_matrices=False)
    held = np.cumsum(size**2) / np.sum(size**2)
    count = int(np.argmax(held > share)) + 1
    scores = (rest - mean) @ direction[:count].T
    names, place = np.unique(table.batch, return_inverse=True)
    own = np.array([scores[place == b].mean(axis=0) for b in range(len(names))])
    off = scores - own[place]
    pooled = np.sqrt(np.mean(off**2, axis=0))
    spread = np.array([off[place == b].std(axis=0, ddof=1) for b in range(len(names))])
    new = off / spread[place] * pooled + scores.mean(axis=0)
    moved = (new - scores) @ direction[:count]
    return corrected + moved * (corrected - level).std(axis=0, ddof=1), count


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_as_the_method_was_published(mixed, share):
    base = fit(mixed)
    corrected, _ = apply(base, mixed)
    age = mixed.covariates["age"]
    level = base.level + (age - age.mean())[:, None] * base.slopes
    expected, count = written_out(corrected.values, mixed, level, share)
    model = fit_covbat(mixed, share=share)
    assert model.scores.rotation.shape == (15, count)
    assert np.abs(apply(model, mixed)[0].values - expected).max() < 1e-9


def test_features_go_together_alike_where_combat_leaves_them(mixed):
    before = apart(mixed.values, mixed.batch)
    combat = apart(apply(fit(mixed), mixed)[0].values, mixed.batch)
    covbat = apart(apply(fit_covbat(mixed), mixed)[0].values, mixed.batch)
    assert combat > 0.9 * before
    assert covbat < 0.5 * before


def test_more_features_than_rows(mixed):
    rng = np.random.default_rng(1)
    wide = dataclasses.replace(
        mixed.take(np.r_[0:12, 150:162]),
        features=tuple(f"g{j}" for j in range(60)),
        values=rng.normal(size=(24, 60)),
        covariates={},
    )
    model = fit_covbat(wide, share=0.7)
    rotation = model.scores.rotation
    assert np.allclose(rotation.T @ rotation, np.eye(rotation.shape[1]), atol=1e-10)
    corrected, _ = apply(fit(wide), wide)
    expected, count = written_out(corrected.values, wide, fit(wide).level, 0.7)
    assert rotation.shape[1] == count
    assert np.abs(apply(model, wide)[0].values - expected).max() < 1e-9


def test_each_row_by_itself_and_the_reference_stays(mixed):
    model = fit_covbat(mixed, reference="A")
    whole, _ = apply(model, mixed)
    stays = mixed.batch == "A"
    assert np.allclose(whole.values[stays], mixed.values[stays], rtol=0, atol=1e-12)
    alone, _ = apply(model, mixed.take(np.array([200])))
    assert np.allclose(alone.values[0], whole.values[200], rtol=0, atol=1e-12)


def test_refusals(mixed):
    values = mixed.values.copy()
    values[4, 2] = np.nan
    with pytest.raises(FitError, match="1 rows lack a value") as caught:
        fit_covbat(dataclasses.replace(mixed, values=values))
    assert "f2" in str(caught.value)
    for share in (0.0, 1.0, 95.0):
        with pytest.raises(UsageError, match="between 0 and 1"):
            fit_covbat(mixed, share=share)
    one = dataclasses.replace(mixed, features=("f0",), values=mixed.values[:, :1])
    with pytest.raises(UsageError, match="two of them"):
        fit_covbat(one)
