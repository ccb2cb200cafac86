"""What a mixed model is fitted to: checked, set up, and whether its variances can be told apart."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError, UsageError
from qiqa.metrology.estimable import Aliasing, aliasing
from qiqa.metrology.factors import KnownFactor, RandomFactor, Spread, spread
from qiqa.metrology.restricted import Design, dense, design_of, evaluate, expected_information

__all__ = ["RESIDUAL", "Layout", "confounded_variances", "lay_out", "scatter", "starts"]

FloatArray = NDArray[np.float64]

RESIDUAL = "residual"
"""Name of the component that all readings have of their own."""

_STARTS = (0.5, 0.1, 0.9)
"""Share of the scatter given to the factors together at the start of each climb."""
_LEAD = 8.0
"""In further climbs one factor begins with so many times the variance of each other."""
_FEW = 500
"""Readings; where there are more, a second top of the likelihood has not been seen."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Readings, columns and factors, made ready."""

    design: Design
    aliasing: Aliasing
    spreads: tuple[Spread, ...]
    """Random, then known factors."""
    component_names: tuple[str, ...]
    """Of the factors in the same order, then `residual`."""
    estimated: NDArray[np.bool_]
    """(factors + 1,) False where the variance is held."""
    residual: float
    """The residual variance where it is held."""


def lay_out(
    y: FloatArray,
    x: FloatArray,
    names: Sequence[str],
    random: Sequence[RandomFactor],
    known: Sequence[KnownFactor],
    known_variance: FloatArray | None,
    residual: float | None,
) -> Layout:
    """Return what `mixed.fit_mixed` was given, made ready; it raises what that raises."""
    y, x, noise = _checked(y, x, names, known_variance, residual)
    _check_names([*(f.name for f in random), *(f.name for f in known), RESIDUAL], "component")
    _check_names(names, "fixed effect")
    alias = aliasing(x, names)
    if y.size <= alias.kept.size:
        raise FitError(
            f"{y.size} readings for {alias.kept.size} independent columns leave no scatter to see",
            hint="take more readings or use fewer columns",
        )
    spreads = (*(spread(f, y.size) for f in random), *(spread(f, y.size) for f in known))
    return Layout(
        design=design_of(y, x[:, alias.kept], [s.z for s in spreads], noise),
        aliasing=alias,
        spreads=spreads,
        component_names=(*(s.name for s in spreads), RESIDUAL),
        estimated=np.array([s.estimated for s in spreads] + [residual is None]),
        residual=residual or 0.0,
    )


def _checked(
    y: FloatArray,
    x: FloatArray,
    names: Sequence[str],
    known_variance: FloatArray | None,
    residual: float | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return readings, columns and variances known beforehand, or say what is wrong with them."""
    y, x = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
    noise = np.zeros(y.shape) if known_variance is None else np.asarray(known_variance, dtype=float)
    if y.ndim != 1 or x.shape != (y.size, len(names)) or noise.shape != y.shape:
        raise UsageError(
            f"readings {y.shape}, columns {x.shape}, names {len(names)}, known variances "
            f"{noise.shape} do not fit together",
            hint="pass y (n,), x (n, p), p names and known_variance (n,)",
        )
    for what, finite in (
        ("reading", np.isfinite(y)),
        ("column", np.isfinite(x).all(axis=1)),
        ("known variance", np.isfinite(noise) & (noise >= 0)),
    ):
        if not finite.all():
            raise UsageError(
                f"{what} {int(np.argmin(finite))} (counted from 0) is not a number in range",
                hint="leave out readings without a value; variances are zero or more",
            )
    if residual is not None and not (math.isfinite(residual) and residual >= 0):
        raise UsageError(f"residual variance {residual}", hint="zero or more, or None to estimate")
    return y, x, noise


def _check_names(names: Sequence[str], what: str) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UsageError(
            f"{what} named twice: {', '.join(twice)}",
            hint=f"one name for each; {RESIDUAL!r} is taken" if what == "component" else None,
        )


def scatter(layout: Layout) -> float:
    """Return the mean square about the fixed effects alone: what the variances have to share."""
    design, free = layout.design, layout.estimated
    rest = design.y - design.x @ np.linalg.lstsq(design.x, design.y, rcond=None)[0]
    total = float(rest @ rest / (design.y.size - design.x.shape[1]))
    rounding = 1e-24 * float(np.mean(design.y**2))
    if free[-1] and not design.known.min() > 0 and total <= rounding:
        raise FitError(
            "the fixed effects reproduce the readings exactly: no variance can be estimated",
            hint="give the known variance of the readings",
        )
    return max(total, float(design.known.mean()), float(np.finfo(float).tiny))


def starts(layout: Layout, total: float) -> list[FloatArray]:
    """Return variances to begin with; a known factor's multiplies what is known, so it is 1."""
    design, free = layout.design, layout.estimated
    factors = np.flatnonzero(free[:-1])
    alike = np.ones(factors.size)
    parts = [(share, alike) for share in _STARTS]
    if factors.size > 1 and design.y.size <= _FEW:
        parts += [(0.8, alike + (_LEAD - 1) * row) for row in np.eye(factors.size)]
    out = []
    for share, of_factors in parts:
        theta = np.ones(free.size)
        for k, part in zip(factors, of_factors / max(1.0, of_factors.sum()), strict=True):
            z = dense(design.z[:, design.columns(int(k))])
            length = float(np.sum(z**2)) / design.y.size
            theta[k] = share * total * part / length if length > 0 else total
        theta[-1] = (1 - share) * total if free[-1] else layout.residual
        out.append(theta)
    return out


def confounded_variances(layout: Layout) -> tuple[tuple[str, ...], ...]:
    """Return the variances that no reading tells (alone), and those it does not tell apart.

    The space that the matrices P V_i P span does not depend on the variances, so that where the
    expected information is singular at one value, it is at all.

    Parameters
    ----------
    layout
        The model, as `lay_out` returns it; the readings themselves do not matter.

    Returns
    -------
    tuple of tuple of str
        Names of components; empty where all can be estimated. One name: its levels make no
        difference that the fixed effects leave. Several: only their sum, or so, is seen.

    Raises
    ------
    FitError
        Readings that have no variance at all.
    """
    design, free = layout.design, layout.estimated
    theta = starts(layout, max(float(design.known.mean()), 1.0))[0]
    state = evaluate(design, theta)
    if state is None:
        raise FitError(
            "readings with no variance at all",
            hint="give every reading a known variance, or let the residual be estimated",
        )
    at = np.flatnonzero(free)
    names = np.array(layout.component_names, dtype=object)[at]
    info = expected_information(state)[np.ix_(at, at)] * np.outer(theta[at], theta[at])
    seen = np.diag(info) >= 1e-12
    groups: list[tuple[str, ...]] = [(str(name),) for name in names[~seen]]
    if seen.any():
        some = info[np.ix_(seen, seen)]
        scale = np.sqrt(np.diag(some))
        values, vectors = np.linalg.eigh(some / np.outer(scale, scale))
        for vector in vectors.T[values < 1e-9]:
            groups.append(tuple(str(name) for name in names[seen][np.abs(vector) > 1e-3]))
    return tuple(groups)
