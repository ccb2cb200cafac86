"""ComBat where subjects came more than once: their own level is kept apart from the scanner's.

Beer et al. 2020, NeuroImage 220:117129 (longitudinal ComBat): a random level a subject, fitted by
restricted likelihood; shifts and scales are then drawn from what batch, covariates and subject
leave over. Without it, the spread between subjects would count as scatter of the scanner.

Predicted levels take up part of the scatter within subjects: half of it with two rows each. The
program of the method divides what is left by all rows but one and then scales it up to the whole
scatter, so that differences within subjects come out too large, by up to 41 % with two rows each.
Here the degrees of freedom that are left count (docs/decisions/harmonization.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.counting import so_many
from qiqa.core.errors import FitError, UsageError
from qiqa.core.features import FeatureTable
from qiqa.core.trial import Flag
from qiqa.harmonize.combat.correcting import (
    assemble,
    batch_flags,
    half_drawn,
    lay_out,
    missing_values,
    usable_batches,
)
from qiqa.harmonize.combat.design import (
    batch_numbers,
    columns,
    describe,
    few,
    nearly,
    refuse_confounded,
)
from qiqa.harmonize.combat.eb import draw_batches
from qiqa.harmonize.combat.estimating import (
    Estimates,
    Layout,
    patterns,
    refuse_few,
    refuse_infinite,
)
from qiqa.harmonize.combat.model import CombatModel, Draw, Subjects
from qiqa.metrology.random_intercept import random_intercept, residual_freedom

__all__ = ["fit_longitudinal"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]


def fit_longitudinal(
    table: FeatureTable,
    *,
    by: str = "parametric",
    mean_only: bool = False,
    as_published: bool = False,
) -> CombatModel:
    """Return the shift and scale of each batch, subjects' own levels and all covariates kept.

    Parameters
    ----------
    table
        (n, p) features; rows with the same `subject` are the same person or phantom. Time since
        the first visit, or age, is a covariate like others.
    by, mean_only
        As in `qiqa.harmonize.combat.fit`.
    as_published
        Count degrees of freedom as the program of the method does, to repeat its numbers; flagged.

    Raises
    ------
    UsageError
        For settings, batches or covariates that cannot be used, or rows without subject.
    FitError
        For features that cannot, or where no subject came twice.
    """
    draw = Draw(by=by, mean_only=mean_only)
    batches = usable_batches(table, draw)
    if (table.subject == "").any():
        unknown = table.row[table.subject == ""]
        raise UsageError(f"is not known in {len(unknown)} rows: {few(unknown)}", where="subject")
    batch = batch_numbers(table, batches)
    terms = describe(table)
    raw = columns(terms, table)
    refuse_confounded(terms, raw, table, batch, len(batches))
    values = np.asarray(table.values, dtype=np.float64)
    names, subject = np.unique(table.subject, return_inverse=True)
    layout = lay_out(table, batches, draw, terms, raw)
    found, level, ratio = _estimate(
        values, layout, subject.astype(np.int64), table.features, as_published
    )
    # the last bit of a shift is not a habit of the original here: rounds go on until none moves
    drawn = draw_batches(found, layout, draw, tolerance=1e-10)
    flags = [
        *batch_flags(table, batches, batch, draw),
        *nearly(terms, raw, table, batch, len(batches)),
        *missing_values(table, values),
        *_nested(table, batch, subject),
        *half_drawn(draw, drawn),
    ]
    if as_published:
        reason = "differences within subjects come out too large, by up to 41 % with two rows each"
        flags.append(Flag(kind="as_published", where="subject", reason=reason))
    model = assemble(table, layout, draw, terms, raw.mean(axis=0), found, drawn, flags)
    subjects = Subjects(subject=names, level=level, variance_ratio=ratio)
    return dataclasses.replace(model, subjects=subjects)


def _nested(table: FeatureTable, batch: Places, subject: NDArray[np.intp]) -> list[Flag]:
    """Return a flag where no subject was in two batches: shifts then rest on different people."""
    pairs = np.unique(np.stack([subject, batch]), axis=1)
    if pairs.shape[1] > len(np.unique(subject)):
        return []
    reason = f"no subject came to two of the {table.batch_name}s: shifts compare different people"
    hint = "let some subjects travel"
    return [Flag(kind="subjects_nested", where=table.batch_name, reason=reason, hint=hint)]


def _estimate(
    values: FloatArray,
    layout: Layout,
    subject: Places,
    features: Sequence[str],
    as_published: bool,
) -> tuple[Estimates, FloatArray, FloatArray]:
    """Return the estimates of every feature, levels (s, p) of subjects and variance ratios (p,).

    A subject without a value of a feature has the level 0, which is that of all.
    """
    missing = np.isnan(values)
    refuse_infinite(values, features)
    refuse_few(missing, layout, features)
    groups, p, c = len(layout.weight), values.shape[1], layout.design.shape[1]
    level = np.zeros((int(subject.max()) + 1, p))
    ratio = np.empty(p)
    made = {name: np.zeros((groups, p)) for name in ("shift", "count", "squares", "inflation")}
    base, spread, slopes = np.empty(p), np.empty(p), np.empty((c, p))
    for places, rows in patterns(missing):
        batch = layout.batch[rows]
        full = np.hstack([np.eye(groups)[batch], layout.design[rows]])
        present, own = np.unique(subject[rows], return_inverse=True)
        part = values[np.ix_(rows, places)]
        names = [features[int(place)] for place in places]
        _refuse_dependent(full, names)
        fitted = random_intercept(part, full, own.astype(np.int64))
        _refuse_still(fitted.spread, part, names)
        level[np.ix_(present, places)] = fitted.level
        rest = (part - full @ fitted.slopes - fitted.level[own]) / fitted.spread
        count = np.bincount(batch, minlength=groups)[:, None] * np.ones((1, len(places)))
        if not as_published:
            count = 1 + residual_freedom(fitted, full, own.astype(np.int64), batch)
        contrast = np.eye(groups) - layout.weight[None, :]
        held = np.einsum(
            "bi,pij,bj->bp", contrast, fitted.covariance[:, :groups, :groups], contrast
        )
        made["shift"][:, places] = contrast @ fitted.slopes[:groups] / fitted.spread
        made["count"][:, places] = count
        made["squares"][:, places] = np.eye(groups)[:, batch] @ rest**2
        made["inflation"][:, places] = held / (contrast**2 @ (1 / count))
        base[places] = layout.weight @ fitted.slopes[:groups]
        slopes[:, places], spread[places] = fitted.slopes[groups:], fitted.spread
        ratio[places] = fitted.ratio
    variance = np.ones((groups, p))
    if not layout.mean_only:
        _refuse_no_freedom(made["count"] - 1, layout, features)
        variance = made["squares"] / (made["count"] - 1)
    none = np.zeros((groups, p))
    found = Estimates(
        level=base, slopes=slopes, spread=spread, variance=variance, slope_part=none, **made
    )
    return found, level, ratio


def _refuse_no_freedom(freedom: FloatArray, layout: Layout, features: Sequence[str]) -> None:
    for b, name in enumerate(layout.batches):
        short = np.flatnonzero(freedom[b] < 1)
        if len(short):
            raise FitError(
                f"{layout.batch_name} {name}: subjects' levels, batches and covariates leave fewer"
                " than one degree of freedom for its scatter",
                where=few([features[int(place)] for place in short]),
                hint=f"add rows of this {layout.batch_name}, or correct means only (mean_only)",
            )


def _refuse_dependent(full: FloatArray, names: Sequence[str]) -> None:
    if np.linalg.matrix_rank(full) < full.shape[1]:
        raise FitError(
            "in the rows that have a value of it, a covariate cannot be told from the batches or"
            " from the other covariates",
            where=few(names),
            hint="leave out these features, or a covariate",
        )


def _refuse_still(spread: FloatArray, values: FloatArray, names: Sequence[str]) -> None:
    still = np.flatnonzero(spread <= 1e-9 * np.abs(values).max(axis=0))
    if len(still):
        raise FitError(
            f"{so_many(len(still), 'feature')} without scatter within subjects beyond batch and"
            " covariates",
            where=few([names[int(place)] for place in still]),
            hint="leave out these features",
        )
