"""CovBat: batches also differ in how features go together; that is taken off as well.

Chen et al. 2022, Hum Brain Mapp 43:1179: ComBat, then the shift and scale of each batch in the
leading principal components of what covariates leave over, each component by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError, UsageError
from qiqa.core.features import FeatureTable
from qiqa.core.trial import Flag
from qiqa.harmonize.combat.correcting import apply, fit, standardized
from qiqa.harmonize.combat.design import few
from qiqa.harmonize.combat.model import CombatModel, Scores

__all__ = ["fit_covbat"]

FloatArray = NDArray[np.float64]

_SHARE = 0.95
"""Of the variance: the default of the original program."""


def fit_covbat(
    table: FeatureTable,
    *,
    by: str = "parametric",
    reference: str = "",
    smooth: Sequence[str] = (),
    share: float = _SHARE,
) -> CombatModel:
    """Return a ComBat model with batch effects in the features' principal components besides.

    Parameters
    ----------
    table
        (n, p) features without missing values.
    by, reference, smooth
        As in `qiqa.harmonize.combat.fit`.
    share
        Of the variance of the standardized features: as many components are corrected as hold
        more than it.

    Raises
    ------
    UsageError
        As `fit`; for a share that is not between 0 and 1; for fewer than two features.
    FitError
        As `fit`; for missing values, since components need all features of a row.
    """
    if not 0 < share < 1:
        raise UsageError(f"{share} is not between 0 and 1", where="share")
    if len(table.features) < 2:
        raise UsageError("what features have in common needs two of them", where="features")
    missing = np.isnan(table.values)
    if missing.any():
        short = np.flatnonzero(missing.any(axis=0))
        raise FitError(
            f"{missing.any(axis=1).sum()} rows lack a value, in {len(short)} features; components"
            " need all features of a row",
            where=few([table.features[int(place)] for place in short]),
            hint="leave out these features or rows; ComBat alone takes missing values",
        )
    base = fit(table, by=by, reference=reference, smooth=smooth)
    corrected, _ = apply(base, table)
    rest = standardized(base, corrected)
    mean, spread = rest.mean(axis=0), rest.std(axis=0, ddof=1)
    rest = (rest - mean) / spread
    rotation, held = _leading(rest, share)
    scores = FeatureTable(
        features=tuple(f"component {k + 1}" for k in range(rotation.shape[1])),
        values=rest @ rotation,
        batch=table.batch,
        row=table.row,
        subject=table.subject,
        batch_name=table.batch_name,
    )
    # each component by itself: their scatter differs by construction, so none tells of another
    inner = fit(scores, by="none", reference=reference)
    reason = f"{rotation.shape[1]} components hold {held:.1%} of the variance"
    flag = Flag(kind="components", where="features", reason=reason)
    added = Scores(mean=mean, spread=spread, rotation=rotation, share=held, model=inner)
    return dataclasses.replace(base, scores=added, flags=(*base.flags, flag))


def _leading(rest: FloatArray, share: float) -> tuple[FloatArray, float]:
    """Return directions (p, k) of the components that hold more than `share`, and what they hold.

    From the smaller of the two cross-products; signs are such that the largest entry is positive.
    """
    n, p = rest.shape
    wide = p > n
    size, vector = np.linalg.eigh(rest @ rest.T if wide else rest.T @ rest)
    size, vector = np.maximum(size[::-1], 0.0), vector[:, ::-1]
    cumulated = np.cumsum(size) / size.sum()
    count = min(int(np.searchsorted(cumulated, share, side="right")) + 1, len(size))
    rotation = vector[:, :count]
    if wide:
        rotation = rest.T @ (rotation / np.sqrt(size[:count]))
    largest = rotation[np.abs(rotation).argmax(axis=0), np.arange(count)]
    return np.ascontiguousarray(rotation * np.sign(largest)), float(cumulated[count - 1])
