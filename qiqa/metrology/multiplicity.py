"""Many tests at once: p values adjusted so that few are called significant by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import UsageError

__all__ = ["benjamini_hochberg", "holm"]

FloatArray = NDArray[np.float64]


def holm(p_values: ArrayLike) -> FloatArray:
    """Return p values adjusted after Holm (Scand J Stat 1979;6:65).

    Those below 0.05 are significant with a chance of 5 % that any of them is so wrongly, however
    the tests depend on each other. For claims that must all hold.

    Parameters
    ----------
    p_values
        (m,) from 0 to 1; NaN is a test that was not made, stays NaN and does not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p, order, made = _sorted(p_values)
    m = order.size
    raised = np.maximum.accumulate((m - np.arange(m)) * p[made][order])
    return _back(p, order, made, raised)


def benjamini_hochberg(p_values: ArrayLike) -> FloatArray:
    """Return p values adjusted after Benjamini and Hochberg (J R Stat Soc B 1995;57:289).

    Of those below 0.05 at most 5 % are expected to be so wrongly, for independent or positively
    dependent tests. For flags that a person looks at.

    Parameters
    ----------
    p_values
        (m,) from 0 to 1; NaN is a test that was not made, stays NaN and does not count.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    p, order, made = _sorted(p_values)
    m = order.size
    scaled = m / np.arange(1, m + 1) * p[made][order]
    return _back(p, order, made, np.minimum.accumulate(scaled[::-1])[::-1])


def _sorted(p_values: ArrayLike) -> tuple[FloatArray, NDArray[np.intp], NDArray[np.bool_]]:
    p = np.asarray(p_values, dtype=np.float64).ravel()
    made = ~np.isnan(p)
    outside = p[made][(p[made] < 0) | (p[made] > 1)]
    if outside.size:
        raise UsageError(f"a p value is {outside[0]:g}; it lies from 0 to 1")
    return p, np.argsort(p[made], kind="stable"), made


def _back(
    p: FloatArray, order: NDArray[np.intp], made: NDArray[np.bool_], adjusted: FloatArray
) -> FloatArray:
    """Return adjusted values in the order that the p values came in."""
    result = np.full(p.size, np.nan)
    placed = np.empty(order.size)
    placed[order] = np.minimum(adjusted, 1.0)
    result[made] = placed
    return result
