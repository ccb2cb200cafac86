"""ComBat: the shift and scale of every scanner, learned from a table and taken off rows.

Johnson, Li & Rabinovic 2007, Biostatistics 8:118; for images Fortin et al. 2018, NeuroImage
167:104. What is refused and flagged, and why: docs/decisions/harmonization.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from qiqa.core.counting import so_many
from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable
from qiqa.core.trial import Flag
from qiqa.harmonize.combat.design import (
    batch_numbers,
    columns,
    columns_or_mean,
    describe,
    few,
    nearly,
    outside_range,
    refuse_confounded,
)
from qiqa.harmonize.combat.eb import WAYS, Drawn, draw_batches
from qiqa.harmonize.combat.estimating import Estimates, Layout, estimate
from qiqa.harmonize.combat.model import CombatModel, Draw, Scores, Subjects, Term
from qiqa.kernels.location_scale import correct

__all__ = ["FEW_FEATURES", "THIN", "apply", "fit"]

FloatArray = NDArray[np.float64]

THIN = 20
"""Rows of a batch below which it is flagged: its SD is known to 16 % there."""
FEW_FEATURES = 10
"""Features below which what they learn from each other is flagged."""


def fit(
    table: FeatureTable,
    *,
    by: str = "parametric",
    mean_only: bool = False,
    reference: str = "",
    smooth: Sequence[str] = (),
) -> CombatModel:
    """Return the shift and scale of each batch of a table, all of its covariates kept.

    Parameters
    ----------
    table
        (n, p) features; values that are missing are left out feature by feature.
    by
        How batches are drawn together over features: `parametric`, `nonparametric`, or `none` for
        each feature alone.
    mean_only
        Correct shifts and leave scatter as it is.
    reference
        Batch that the others are brought to and that stays as it is. Empty: the mean of all.
    smooth
        Numeric covariates that are kept as curves instead of lines.

    Raises
    ------
    UsageError
        For settings, batches or covariates that cannot be used.
    FitError
        For features that cannot.
    """
    draw = Draw(by=by, mean_only=mean_only, reference=reference)
    batches = usable_batches(table, draw)
    batch = batch_numbers(table, batches)
    terms = describe(table)
    _refuse_smooth(smooth, terms)
    values = np.ascontiguousarray(table.values, dtype=np.float64)
    raw = columns(terms, table)
    refuse_confounded(terms, raw, table, batch, len(batches))
    flags = [
        *batch_flags(table, batches, batch, draw),
        *nearly(terms, raw, table, batch, len(batches)),
    ]
    if smooth:
        from qiqa.harmonize.combat.smooth import with_curves

        terms = with_curves(terms, smooth, table, values, batch, len(batches))
        raw = columns(terms, table)
    layout = lay_out(table, batches, draw, terms, raw)
    found = estimate(values, layout, table.features)
    drawn = draw_batches(found, layout, draw)
    flags.extend(half_drawn(draw, drawn))
    if found.count.sum(axis=0).min() < len(table):
        flags.extend(missing_values(table, values))
    return assemble(table, layout, draw, terms, raw.mean(axis=0), found, drawn, flags)


def usable_batches(table: FeatureTable, draw: Draw) -> tuple[str, ...]:
    """Return the names of a table's batches, sorted, where they can be compared as asked.

    Raises
    ------
    UsageError
        Where there is one batch, one without a name or with one row, no such reference, no
        feature, or no such way.
    """
    if draw.by not in WAYS:
        raise UsageError(f"{draw.by!r} is not a way; there are {', '.join(WAYS)}", where="by")
    if not table.features:
        raise UsageError("the table has no features", where="features")
    if len(set(table.features)) < len(table.features):
        twice = [name for name in dict.fromkeys(table.features) if table.features.count(name) > 1]
        raise UsageError(f"{few(twice)}: named more than once", where="features")
    names, rows = np.unique(table.batch, return_counts=True)
    if names.size and names[0] == "":
        unknown = table.row[table.batch == ""]
        raise UsageError(
            f"is not known in {len(unknown)} rows: {few(unknown)}",
            where=table.batch_name,
            hint="leave out these rows",
        )
    if len(names) < 2:
        raise UsageError(
            f"{few(names) or 'none'}: only {len(names)}, with nothing to compare it with",
            where=table.batch_name,
            hint="give rows of at least two",
        )
    if draw.reference and draw.reference not in names:
        raise UsageError(
            f"the reference {draw.reference!r} is none of them: {few(names)}",
            where=table.batch_name,
        )
    single = names[rows < 2]
    if len(single) and not draw.mean_only:
        raise UsageError(
            f"{few(single)}: one row, and one value has no scatter",
            where=table.batch_name,
            hint="leave out this row, or correct means only (--mean-only, mean_only=True)",
        )
    return tuple(str(name) for name in names)


def _refuse_smooth(smooth: Sequence[str], terms: Sequence[Term]) -> None:
    numeric = [term.name for term in terms if not term.levels]
    for name in smooth:
        if name not in numeric:
            raise UsageError(
                f"{name!r} is not a numeric covariate of the table; those are"
                f" {few(numeric) or 'none'}",
                where="smooth",
            )


def batch_flags(
    table: FeatureTable, batches: Sequence[str], batch: NDArray[np.int64], draw: Draw
) -> list[Flag]:
    """Return flags of batches with few rows, and of few features to learn from."""
    flags = []
    for name, rows in zip(batches, np.bincount(batch), strict=True):
        if rows < THIN:
            reason = f"{rows} rows: its mean is known to {1 / np.sqrt(rows):.2f} SD"
            if not draw.mean_only:
                reason += f" and its SD to {100 / np.sqrt(2 * (rows - 1)):.0f} %"
            where = f"{table.batch_name} {name}"
            hint = f"at least {THIN} rows"
            flags.append(Flag(kind="thin_batch", where=where, reason=reason, hint=hint))
    if draw.by != "none" and len(table.features) < FEW_FEATURES:
        count = so_many(len(table.features), "feature")
        reason = f"{count} cannot tell much about how much batches shift"
        hint = f"at least {FEW_FEATURES} features, or no empirical Bayes"
        flags.append(Flag(kind="few_features", where="features", reason=reason, hint=hint))
    return flags


def half_drawn(draw: Draw, drawn: Drawn) -> list[Flag]:
    """Return a flag that says how much of the shifts is left where means only are drawn.

    The original draws them as if a batch had one row, however many it has.
    """
    if not draw.mean_only or draw.by != "parametric":
        return []
    spread = drawn.prior[:, 1]
    left = 1 / (1 + spread[np.isfinite(spread)])
    reason = (
        f"{left.min():.0%} to {left.max():.0%} of what a feature shifts beyond the mean of all"
        " features is left: the original draws means as if a batch had one row"
    )
    hint = 'by="none" takes off the whole shift'
    return [Flag(kind="half_drawn", where="mean_only", reason=reason, hint=hint)]


def missing_values(table: FeatureTable, values: FloatArray) -> list[Flag]:
    """Return a flag that says how many values are missing, if any."""
    missing = np.isnan(values)
    if not missing.any():
        return []
    per = missing.sum(axis=0)
    worst = table.features[int(per.argmax())]
    reason = (
        f"{missing.sum()} of {missing.size} values in {(per > 0).sum()} features, most in {worst}"
        f" ({per.max()}): they stay missing"
    )
    return [Flag(kind="missing_values", where="features", reason=reason)]


def lay_out(
    table: FeatureTable,
    batches: tuple[str, ...],
    draw: Draw,
    terms: Sequence[Term],
    raw: FloatArray,
) -> Layout:
    """Return how the rows of a table are fitted; `raw` are its covariates' columns (n, c)."""
    batch = batch_numbers(table, batches)
    reference = batches.index(draw.reference) if draw.reference else -1
    if reference < 0:
        weight = np.bincount(batch) / len(batch)
    else:
        weight = (np.arange(len(batches)) == reference).astype(np.float64)
    penalty: list[float] = []
    for term in terms:
        bends = 0 if term.smooth is None else term.width - 1
        weight_of_bends = 0.0 if term.smooth is None else term.smooth.penalty
        penalty += [0.0] * (term.width - bends) + [weight_of_bends] * bends
    return Layout(
        batch=batch,
        batches=batches,
        batch_name=table.batch_name,
        design=np.ascontiguousarray(raw - raw.mean(axis=0)),
        penalty=np.array(penalty),
        weight=weight,
        reference=reference,
        mean_only=draw.mean_only,
    )


def assemble(
    table: FeatureTable,
    layout: Layout,
    draw: Draw,
    terms: tuple[Term, ...],
    center: FloatArray,
    found: Estimates,
    drawn: Drawn,
    flags: Sequence[Flag],
) -> CombatModel:
    """Return the model of what was estimated and drawn."""
    return CombatModel(
        features=table.features,
        batches=layout.batches,
        batch_name=table.batch_name,
        rows=np.bincount(layout.batch).astype(np.int64),
        draw=draw,
        terms=terms,
        center=center,
        level=found.level,
        slopes=found.slopes,
        spread=found.spread,
        shift_alone=found.shift,
        variance_alone=found.variance,
        shift=drawn.shift,
        variance=drawn.variance,
        shift_error=drawn.shift_error,
        scale_error=drawn.scale_error,
        prior=drawn.prior,
        flags=tuple(flags),
    )


def apply(
    model: CombatModel, table: FeatureTable, *, covariates_at_mean: bool = False
) -> tuple[FeatureTable, tuple[Flag, ...]]:
    """Return a table without the shift and scale of its batches, and what to know about it.

    Each row is corrected by itself, from its batch, covariates and values.

    Parameters
    ----------
    model
        What was learned; the table may hold other features besides those, which are left out.
    table
        (n, p) rows seen in training or not, of batches seen in training.
    covariates_at_mean
        Where a covariate is not known (no such column, or empty) put its training mean in its
        place, which changes the numbers and is flagged. What is known is used.

    Raises
    ------
    UsageError
        For batches, levels or features that training had not, and covariates that are missing.
    """
    values = _features(model, table)
    batch = batch_numbers(table, model.batches)
    flags: list[Flag] = []
    if covariates_at_mean:
        design, flags = columns_or_mean(model.terms, model.center, table)
    else:
        design = columns(model.terms, table) - model.center
    flags.extend(outside_range(model.terms, table))
    own = None
    if model.subjects is not None:
        own, new = _subject_levels(model, table, values, batch, design)
        values = values - own
        flags.extend(new)
    if model.draw.reference:
        batch[batch == model.batches.index(model.draw.reference)] = -1
    shift, scale = model.shift * model.spread, 1 / np.sqrt(model.variance)
    corrected = correct(values, batch, model.level, design, model.slopes, shift, scale)
    if model.scores is not None:
        corrected = _without_scores(model, table, design, corrected)
    if own is not None:
        corrected += own
    kept = FeatureTable(
        features=model.features,
        values=corrected,
        batch=table.batch,
        row=table.row,
        subject=table.subject,
        covariates=table.covariates,
        batch_name=table.batch_name,
    )
    return kept, tuple(flags)


def standardized(model: CombatModel, table: FeatureTable) -> FloatArray:
    """Return (n, p) what level and covariates leave over, in units of the features' spread."""
    design = columns(model.terms, table) - model.center
    return np.asarray((table.values - model.level - design @ model.slopes) / model.spread)


def _without_scores(
    model: CombatModel, table: FeatureTable, design: FloatArray, corrected: FloatArray
) -> FloatArray:
    """Return values (n, p) without batch effects in their principal components."""
    held = cast(Scores, model.scores)
    rest = (corrected - model.level - design @ model.slopes) / model.spread
    scores = FeatureTable(
        features=held.model.features,
        values=(rest - held.mean) / held.spread @ held.rotation,
        batch=table.batch,
        row=table.row,
        subject=table.subject,
        batch_name=table.batch_name,
    )
    moved = apply(held.model, scores)[0].values - scores.values
    return np.asarray(corrected + moved @ held.rotation.T * held.spread * model.spread)


def _subject_levels(
    model: CombatModel,
    table: FeatureTable,
    values: FloatArray,
    batch: NDArray[np.int64],
    design: FloatArray,
) -> tuple[FloatArray, list[Flag]]:
    """Return levels (n, p) of the rows' subjects, and a flag of subjects new to the model.

    A new one's level is predicted from the row itself: what is left of it times the share of the
    variance that lies between subjects.
    """
    held = cast(Subjects, model.subjects)
    place = np.minimum(np.searchsorted(held.subject, table.subject), len(held.subject) - 1)
    own = held.level[place]
    new = np.flatnonzero(held.subject[place] != table.subject)
    if not len(new):
        return own, []
    off = model.shift_alone[batch[new]] * model.spread
    rest = values[new] - model.level - design[new] @ model.slopes - off
    share = held.variance_ratio / (1 + held.variance_ratio)
    # a feature without a value has no rest either; its level does not matter
    own[new] = np.where(np.isnan(rest), 0.0, rest) * share
    names = np.unique(table.subject[new])
    reason = f"{few(names)}: not in training; their own level is predicted from single rows"
    return own, [Flag(kind="new_subject", where="subject", reason=reason)]


def _features(model: CombatModel, table: FeatureTable) -> FloatArray:
    """Return the values (n, p) of the model's features, in its order."""
    if table.features == model.features:
        return np.ascontiguousarray(table.values, dtype=np.float64)
    place = {name: number for number, name in enumerate(table.features)}
    lacking = [name for name in model.features if name not in place]
    if lacking:
        raise UsageError(
            f"{so_many(len(lacking), 'feature')} of training not in the table: {few(lacking)}",
            where="features",
            hint="give them as columns, NaN where there is no value",
        )
    return np.ascontiguousarray(table.values[:, [place[name] for name in model.features]])
