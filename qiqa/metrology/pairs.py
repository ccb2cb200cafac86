"""Two measurements of the same things: checked before anything is said about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import NotMeasurable, UsageError

__all__ = ["column", "paired"]

FloatArray = NDArray[np.float64]


def column(values: ArrayLike, name: str) -> FloatArray:
    """Return values as a vector of finite numbers.

    Parameters
    ----------
    values
        (n,) numbers.
    name
        What they are called in a message.

    Raises
    ------
    UsageError
        If the values do not form one column.
    NotMeasurable
        If any is missing. Leaving it out is a decision that changes the result: the caller's.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1:
        raise UsageError(f"{name} has the shape {found.shape}, one column is needed")
    missing = np.flatnonzero(~np.isfinite(found))
    if missing.size:
        raise NotMeasurable(
            f"{missing.size} of {found.size} values of {name} are missing or not finite, "
            f"the first at place {missing[0]}",
            hint="leave these out, with their partners, and say how many were left out",
        )
    return found


def paired(
    x: ArrayLike, y: ArrayLike, *, least: int, names: tuple[str, str] = ("x", "y")
) -> tuple[FloatArray, FloatArray]:
    """Return two columns of the same length.

    Parameters
    ----------
    x, y
        (n,) values of the same n things.
    least
        Fewest pairs that say anything.
    names
        What the columns are called in a message.

    Raises
    ------
    UsageError
        If a column is none or the lengths differ.
    NotMeasurable
        If values are missing or there are too few.
    """
    a, b = column(x, names[0]), column(y, names[1])
    if a.size != b.size:
        raise UsageError(f"{names[0]} has {a.size} values and {names[1]} {b.size}: no pairs")
    if a.size < least:
        raise NotMeasurable(f"{a.size} pairs, at least {least} are needed")
    return a, b
