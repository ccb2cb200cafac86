"""Level, covariate effects, shift and scatter of every batch, each feature by itself.

Least squares with one level a batch. Covariates are centered within batches first, so that their
slopes come from differences within batches alone; the levels follow from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from qiqa.core.counting import so_many
from qiqa.core.errors import FitError
from qiqa.harmonize.combat.design import few
from qiqa.kernels.location_scale import group_sums, squares_in_groups

__all__ = ["Estimates", "Layout", "estimate", "patterns", "refuse_few", "refuse_infinite"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]

_ROUNDING = 1e-12
"""Scatter over size of the values below which values are taken to be the same."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Rows of a table: their batches, and columns of their covariates."""

    batch: Places
    """(n,)."""
    batches: tuple[str, ...]
    batch_name: str
    design: FloatArray
    """(n, c) centered columns."""
    penalty: FloatArray
    """(c,) weight of each column's squared slope; 0 for plain least squares."""
    weight: FloatArray
    """(b,) of the batches' levels in the level that all are brought to; adds up to 1."""
    reference: int = -1
    """Batch that scatter is taken from and that stays as it is; -1: all."""
    mean_only: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """Of p features in b batches with c covariate columns; lengths as in `CombatModel`."""

    level: FloatArray
    slopes: FloatArray
    spread: FloatArray
    shift: FloatArray
    """(b, p) in units of `spread`, as all that follows."""
    variance: FloatArray
    """(b, p) 1 with means only."""
    count: FloatArray
    """(b, p) values of the feature; one more than the degrees of freedom of `squares`."""
    squares: FloatArray
    """(b, p) about the batch's own level."""
    slope_part: FloatArray
    """(b, p) part of the variance of `shift` that comes from the slopes."""
    inflation: FloatArray
    """(b, p) what the variance of `shift` is multiplied by; 1 where rows are independent."""

    def shift_variance(self, variance: FloatArray, layout: Layout) -> FloatArray:
        """Return (b, p) sampling variance of `shift` where batches scatter by `variance`."""
        contrast = np.eye(len(layout.weight)) - layout.weight[None, :]
        plain = contrast**2 @ (variance / self.count) + self.slope_part
        return np.asarray(plain * self.inflation)


def estimate(values: FloatArray, layout: Layout, features: Sequence[str]) -> Estimates:
    """Return the estimates of every feature from the rows that have a value of it.

    Parameters
    ----------
    values
        (n, p), rows one after the other in memory; NaN where there is none.
    layout
        Batches and covariates of the rows.
    features
        p names, for messages.

    Raises
    ------
    FitError
        For a feature that has too few values in a batch, an infinite one, or no scatter.
    """
    complete = _fit(values, layout, features)
    if complete is not None:
        return complete
    refuse_infinite(values, features)
    missing = np.isnan(values)
    refuse_few(missing, layout, features)
    found: list[tuple[Places, Estimates]] = []
    for places, rows in patterns(missing):
        part = dataclasses.replace(layout, batch=layout.batch[rows], design=layout.design[rows])
        names = [features[int(place)] for place in places]
        fitted = _fit(np.ascontiguousarray(values[np.ix_(rows, places)]), part, names)
        if fitted is None:
            raise FitError("values too large to be added up", where=few(names))
        found.append((places, fitted))
    order = np.argsort(np.concatenate([places for places, _ in found]))
    whole = {}
    for field in dataclasses.fields(Estimates):
        parts = [getattr(one, field.name) for _, one in found]
        # rows one after the other, as the compiled loops take them
        whole[field.name] = np.ascontiguousarray(np.concatenate(parts, axis=-1)[..., order])
    return Estimates(**whole)


def patterns(missing: NDArray[np.bool_]) -> Iterator[tuple[Places, Places]]:
    """Yield features that lack the same rows, with the rows that they have."""
    packed = np.packbits(missing, axis=0).T
    _, kind = np.unique(packed, axis=0, return_inverse=True)
    kind = kind.ravel()
    for number in range(int(kind.max()) + 1):
        places = np.flatnonzero(kind == number)
        yield places, np.flatnonzero(~missing[:, places[0]])


def _fit(values: FloatArray, layout: Layout, features: Sequence[str]) -> Estimates | None:
    """Return the estimates from rows without gaps; None where a sum is not finite."""
    groups = len(layout.weight)
    rows = np.bincount(layout.batch, minlength=groups).astype(np.float64)
    mean_x, within = _within(layout, rows)
    first = values[[int(np.argmax(layout.batch == b)) for b in range(groups)]]
    basis, triangle = _factor(within, layout.penalty, features)
    sums, cross, span = group_sums(values, layout.batch, first, basis)
    if not (np.isfinite(sums).all() and np.isfinite(cross).all()):
        return None
    mean_y = first + sums / rows[:, None]
    # rows one after the other, as the compiled loops take them
    slopes = np.ascontiguousarray(solve_triangular(triangle, cross)) if len(cross) else cross
    own = mean_y - mean_x @ slopes
    squares = squares_in_groups(values, layout.batch, own, layout.design, slopes)
    level = layout.weight @ own
    chosen = slice(None) if layout.reference < 0 else [layout.reference]
    spread = np.sqrt(squares[chosen].sum(axis=0) / rows[chosen].sum())
    size = np.abs(mean_y).max(axis=0) + span.max(axis=0)
    _refuse_still(span > _ROUNDING * size, spread > _ROUNDING * size, layout, features)
    squares /= spread**2
    offset = mean_x - layout.weight @ mean_x
    along = solve_triangular(triangle, offset.T, trans="T") if len(cross) else np.zeros((1, groups))
    every = np.ones((1, values.shape[1]))
    free = np.maximum(rows - 1, 1)[:, None]
    return Estimates(
        level=level,
        slopes=slopes,
        spread=spread,
        shift=(own - level) / spread,
        variance=np.ones_like(squares) if layout.mean_only else squares / free,
        count=rows[:, None] * every,
        squares=squares,
        slope_part=(along**2).sum(axis=0)[:, None] * every,
        inflation=np.ones_like(squares),
    )


def _within(layout: Layout, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return means (b, c) of the columns in each batch, and the columns less those means."""
    membership = (layout.batch[:, None] == np.arange(len(rows))[None, :]).astype(np.float64)
    mean = membership.T @ layout.design / rows[:, None]
    return mean, layout.design - mean[layout.batch]


def _factor(
    within: FloatArray, penalty: FloatArray, features: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """Return an orthogonal basis (n, c) of the columns with their triangle (c, c).

    Penalties are rows of their own below the data, which are zero.
    """
    stacked = np.vstack([within, np.diag(np.sqrt(penalty))]) if penalty.any() else within
    basis, triangle = np.linalg.qr(stacked)
    diagonal = np.abs(np.diag(triangle))
    if (diagonal <= 1e-10 * np.maximum(np.linalg.norm(stacked, axis=0), 1e-300)).any():
        raise FitError(
            "in the rows that have a value of it, a covariate cannot be told from the batches or"
            " from the other covariates",
            where=few(features),
            hint="leave out these features, or a covariate",
        )
    return np.ascontiguousarray(basis[: len(within)]), triangle


def refuse_infinite(values: FloatArray, features: Sequence[str]) -> None:
    """Refuse features (columns of values) with infinite values, by name."""
    infinite = np.flatnonzero(np.isinf(values).any(axis=0))
    if len(infinite):
        names = [features[int(place)] for place in infinite]
        raise FitError(
            f"{len(names)} features have infinite values", where=few(names), hint="make them NaN"
        )


def refuse_few(missing: NDArray[np.bool_], layout: Layout, features: Sequence[str]) -> None:
    """Refuse features without a value, or with too few in a batch, by name."""
    empty = np.flatnonzero(missing.all(axis=0))
    if len(empty):
        names = [features[int(place)] for place in empty]
        raise FitError("no row has a value", where=few(names), hint="leave out these features")
    least = 1 if layout.mean_only else 2
    for b, name in enumerate(layout.batches):
        count = (~missing[layout.batch == b]).sum(axis=0)
        short = np.flatnonzero(count < least)
        if len(short):
            names = [f"{features[int(place)]} ({count[place]})" for place in short]
            raise FitError(
                f"fewer than {least} values in {layout.batch_name} {name}: {few(names)}",
                where=few([features[int(place)] for place in short]),
                hint=f"leave out these features or this {layout.batch_name}"
                + ("" if layout.mean_only else ", or correct means only, which needs one value"),
            )


def _refuse_still(
    moves: NDArray[np.bool_], scatters: NDArray[np.bool_], layout: Layout, features: Sequence[str]
) -> None:
    """Refuse features without scatter to divide by."""
    still = np.flatnonzero(~scatters)
    if len(still):
        of = "" if layout.reference < 0 else f" in {layout.batches[layout.reference]}"
        raise FitError(
            f"{so_many(len(still), 'feature')} without scatter{of} beyond {layout.batch_name} and"
            " covariates",
            where=few([features[int(place)] for place in still]),
            hint="leave out these features",
        )
    if layout.mean_only:
        return
    for b, name in enumerate(layout.batches):
        still = np.flatnonzero(~moves[b])
        if len(still):
            raise FitError(
                f"{so_many(len(still), 'feature')} with one and the same value in all rows of"
                f" {layout.batch_name} {name}",
                where=few([features[int(place)] for place in still]),
                hint=f"leave out these features or this {layout.batch_name}, or correct means only",
            )
