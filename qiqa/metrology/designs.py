"""Columns of a linear model from batches and covariates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["batch_columns", "covariate_columns"]

FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]


def batch_columns(batch: TextArray) -> FloatArray:
    """Return (n, k) ones and zeros, one column a batch: together they hold the intercept."""
    return np.asarray(batch[:, None] == np.unique(batch)[None, :], dtype=np.float64)


def covariate_columns(
    covariates: Mapping[str, FloatArray | TextArray],
) -> tuple[FloatArray, tuple[str, ...], NDArray[np.bool_]]:
    """Return columns of covariates, what each is per, and which rows know all of them.

    Numbers are centered and divided by their SD. A text gives one column a level but the first.

    Returns
    -------
    columns, units, known
        (n, q), q texts such as `age per SD of 8.1` or `sex M against F`, (n,). Rows that are not
        known hold zeros.
    """
    columns: list[FloatArray] = []
    units: list[str] = []
    known: NDArray[np.bool_] | None = None
    for name, column in covariates.items():
        text = column.dtype.kind in "US"
        have = (column != "") if text else np.isfinite(column.astype(float))
        known = have if known is None else known & have
        if text:
            levels = np.unique(column[have]).tolist()
            for level in levels[1:]:
                columns.append((column == level).astype(float))
                units.append(f"{name} {level} against {levels[0]}")
            continue
        number = column.astype(float)
        spread = float(number[have].std()) if have.any() else 0.0
        if spread > 0.0:
            columns.append(np.where(have, (number - number[have].mean()) / spread, 0.0))
            units.append(f"{name} per SD of {spread:.3g}")
    if known is None:
        return np.zeros((0, 0)), (), np.zeros(0, dtype=bool)
    made = np.column_stack(columns) if columns else np.zeros((known.size, 0))
    return made, tuple(units), known
