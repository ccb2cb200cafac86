"""How much of the scatter of features is between batches: what each step of harmonizing removed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.features import FeatureTable

__all__ = ["between_share"]

FloatArray = NDArray[np.float64]


def between_share(table: FeatureTable) -> FloatArray:
    """Return the share of each feature's variance that lies between batches, (p,).

    Epsilon squared: the share in the sample less what means of batches differ by without any
    effect; never below 0. NaN where a feature has no scatter or too few values.

    >>> import numpy as np
    >>> batch = np.array(["a", "a", "b", "b"])
    >>> one = FeatureTable(features=("x",), values=np.array([[0.0], [0.0], [1.0], [1.0]]),
    ...                    batch=batch, row=batch, subject=batch)
    >>> between_share(one).tolist()
    [1.0]
    """
    shares = []
    for column in table.values.T:
        known = np.isfinite(column)
        value, batch = column[known], table.batch[known]
        names, place = np.unique(batch, return_inverse=True)
        total = float(((value - value.mean()) ** 2).sum()) if value.size else 0.0
        left = value.size - names.size
        if total <= 0.0 or left <= 0:
            shares.append(np.nan)
            continue
        means = np.bincount(place, weights=value) / np.bincount(place)
        within = float(((value - means[place]) ** 2).sum())
        shares.append(max(0.0, 1.0 - (within / left) / (total / (value.size - 1))))
    return np.array(shares, dtype=np.float64)
