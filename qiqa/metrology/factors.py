"""Random factors: labels of readings, and known covariances of what readings share."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from scipy import sparse

__all__ = ["KnownFactor", "RandomFactor", "Spread", "spread"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomFactor:
    """Levels whose effects scatter about zero with one variance, to be estimated."""

    name: str
    labels: NDArray[np.generic]
    """(n,) texts or whole numbers; a level nested in another needs labels that tell them apart,
    such as `nested(site, visit)`."""
    scale: FloatArray | None = None
    """(n,) what the effect is multiplied by in each reading, 1 where not given: a reference value,
    where the effect is relative; a time, where it is a slope."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownFactor:
    """Levels whose effects have a known covariance, such as certified values of phantom units."""

    name: str
    labels: NDArray[np.generic]
    """(n,) levels; all must be in `levels`. Empty text: this reading has no part in it."""
    levels: tuple[str, ...]
    covariance: FloatArray
    """(levels, levels), or (levels,) variances of independent effects, in the unit of y squared
    (divided by that of `scale` squared)."""
    scale: FloatArray | None = None
    """(n,) as in `RandomFactor`."""
    degrees_of_freedom: float = math.inf
    """How well the covariance is known, as a factor of its own (GUM G.4.2)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """A factor made ready: effects = root @ w, with w independent and of one variance."""

    name: str
    levels: tuple[str, ...]
    z: sparse.csr_array
    """(n, w)"""
    root: FloatArray
    """(levels, w)"""
    estimated: bool
    degrees_of_freedom: float


def nested(outer: NDArray[np.generic], inner: NDArray[np.generic]) -> NDArray[np.str_]:
    """Return labels of a factor whose levels are told apart only within another's.

    >>> nested(np.array(["A", "B"]), np.array([1, 1])).tolist()
    ['A:1', 'B:1']
    """
    joined = np.char.add(np.char.add(outer.astype(str), ":"), inner.astype(str))
    return np.asarray(joined, dtype=np.str_)


def spread(factor: RandomFactor | KnownFactor, n: int) -> Spread:
    """Return a factor as a matrix of n readings.

    Raises
    ------
    UsageError
        Labels or scale of another length, a level that is not declared, a covariance that is not
        symmetric and positive semidefinite.
    """
    from scipy import sparse

    labels = np.asarray(factor.labels)
    scale = np.ones(n) if factor.scale is None else np.asarray(factor.scale, dtype=float)
    if labels.shape != (n,) or scale.shape != (n,) or not np.isfinite(scale).all():
        raise UsageError(
            f"factor {factor.name!r}: labels {labels.shape}, scale {scale.shape} for {n} readings",
            hint="one label and one finite scale for each reading",
        )
    text = labels.astype(str)
    if isinstance(factor, RandomFactor):
        levels, index = np.unique(text, return_inverse=True)
        z = sparse.csr_array((scale, (np.arange(n), index)), shape=(n, levels.size))
        names = tuple(str(level) for level in levels)
        return Spread(
            name=factor.name,
            levels=names,
            z=z,
            root=np.eye(levels.size),
            estimated=True,
            degrees_of_freedom=math.inf,
        )
    return _known_spread(factor, text, scale)


def _known_spread(factor: KnownFactor, text: NDArray[np.str_], scale: FloatArray) -> Spread:
    from scipy import sparse

    index = {level: k for k, level in enumerate(factor.levels)}
    missing = sorted(set(text.tolist()) - set(index) - {""})
    if missing or len(index) != len(factor.levels):
        raise UsageError(
            f"factor {factor.name!r}: levels not declared, or declared twice: "
            f"{', '.join(missing) or ', '.join(factor.levels)}",
            hint="`levels` holds every label once, in the order of the covariance",
        )
    if not factor.degrees_of_freedom > 0:
        raise UsageError(f"factor {factor.name!r}: degrees of freedom are above zero")
    root = _root(factor)
    rows = np.flatnonzero(text != "")
    columns = [index[label] for label in text[rows]]
    shape = (text.size, len(index))
    z = sparse.csr_array((scale[rows], (rows, columns)), shape=shape)
    return Spread(
        name=factor.name,
        levels=factor.levels,
        z=sparse.csr_array(z @ sparse.csr_array(root)),
        root=root,
        estimated=False,
        degrees_of_freedom=factor.degrees_of_freedom,
    )


def _root(factor: KnownFactor) -> FloatArray:
    """Return a matrix whose product with its transpose is the covariance."""
    size = len(factor.levels)
    given = np.asarray(factor.covariance, dtype=float)
    full = np.diag(given) if given.shape == (size,) else given
    good = full.shape == (size, size) and bool(np.isfinite(full).all())
    top = float(np.abs(full).max(initial=0.0)) if good else 0.0
    if good and np.allclose(full, full.T, rtol=0, atol=1e-9 * top):
        if not np.any(full - np.diag(np.diag(full))) and (np.diag(full) >= 0).all():
            return np.diag(np.sqrt(np.diag(full)))
        values, vectors = np.linalg.eigh(0.5 * (full + full.T))
        if values.min() >= -1e-9 * top:
            # A covariance may be singular: one shared error has one direction only.
            keep = values > 1e-14 * top
            out: FloatArray = vectors[:, keep] * np.sqrt(values[keep])
            return out
    raise UsageError(
        f"factor {factor.name!r}: its covariance {given.shape} is not one of {size} levels",
        hint="symmetric, no negative variance or eigenvalue, one row for each of `levels`",
    )
