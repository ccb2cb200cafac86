"""Covariates to columns, and whether their effects can be told from those of the batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable
from qiqa.core.trial import Flag
from qiqa.harmonize.combat.model import Term

__all__ = [
    "CONFOUNDED",
    "batch_numbers",
    "columns",
    "columns_or_mean",
    "describe",
    "few",
    "nearly",
    "outside_range",
    "refuse_confounded",
]

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]

CONFOUNDED = 0.95
"""R2 of a covariate on batch and the other covariates to flag: docs/decisions/harmonization.md."""

_SAME = 1e-10
"""Share of a column's scatter that is rounding and no scatter: far above 1e-16 times n."""


def few(names: Sequence[str] | NDArray[np.str_], most: int = 5) -> str:
    """Return names for a message, at most `most` of them."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def batch_numbers(table: FeatureTable, batches: Sequence[str]) -> Places:
    """Return (n,) place of each row's batch in the sorted `batches`.

    Raises
    ------
    UsageError
        Naming the batches that are not among them.
    """
    known = np.asarray(batches)
    place = np.minimum(np.searchsorted(known, table.batch), len(known) - 1)
    unseen = np.unique(table.batch[known[place] != table.batch])
    if len(unseen):
        raise UsageError(
            f"{few(unseen)}: not among the {len(known)} batches that were learned from",
            where=table.batch_name,
            hint="learn from a table that holds rows of it; or correct a new scanner by a phantom"
            " that was measured on it and on the others (a phantom-anchored calibration)",
        )
    return place.astype(np.int64)


def describe(table: FeatureTable) -> tuple[Term, ...]:
    """Return what the covariates of a table are: numbers or texts, with range or levels.

    Raises
    ------
    UsageError
        Where a covariate is unknown in some row or the same in all.
    """
    terms = []
    for name, column in table.covariates.items():
        _refuse_unknown(table, name, column)
        if column.dtype.kind in "US":
            levels = tuple(str(level) for level in np.unique(column))
            term, distinct = Term(name=name, levels=levels), len(levels)
        else:
            low, high = float(np.min(column)), float(np.max(column))
            term, distinct = Term(name=name, low=low, high=high), 1 + (high > low)
        if distinct < 2:
            raise UsageError(
                f"is {column[0]} in every row: there is no effect of it to keep",
                where=name,
                hint="leave this covariate out",
            )
        terms.append(term)
    return tuple(terms)


def _refuse_unknown(table: FeatureTable, name: str, column: FloatArray | NDArray[np.str_]) -> None:
    if column.dtype.kind not in "USfiub":
        raise UsageError(
            f"holds {column.dtype.name}; a covariate holds numbers or texts", where=name
        )
    if column.dtype.kind in "US":
        unknown = np.flatnonzero(column == "")
    else:
        unknown = np.flatnonzero(~np.isfinite(column.astype(np.float64)))
    if len(unknown):
        raise UsageError(
            f"is not known in {len(unknown)} of {len(column)} rows: {few(table.row[unknown])}",
            where=name,
            hint="leave out these rows, or this covariate, or fill it knowingly",
        )


def columns(terms: Sequence[Term], table: FeatureTable) -> FloatArray:
    """Return (n, c) columns of the terms for the rows of a table, not centered.

    Texts are compared with the first level, one column for each other level. A smooth term has a
    column of its own values and those of its basis.

    Raises
    ------
    UsageError
        Where a covariate is missing, unknown in some row, of another kind than in training, has a
        level that training had not, or is outside a smooth term's range.
    """
    blocks = [np.empty((len(table), 0))]
    for term in terms:
        if term.name not in table.covariates:
            raise UsageError(
                f"the table has no covariate {term.name!r}; it has"
                f" {few(list(table.covariates)) or 'none'}",
                where=term.name,
                hint="give it, or ask for covariates at their training mean, which is flagged",
            )
        column = table.covariates[term.name]
        _refuse_unknown(table, term.name, column)
        if bool(term.levels) != (column.dtype.kind in "US"):
            kinds = ("texts", "numbers") if term.levels else ("numbers", "texts")
            raise UsageError(f"was {kinds[0]} in training and is {kinds[1]} here", where=term.name)
        if term.levels:
            blocks.append(_levels(term, table, np.asarray(column)))
        else:
            blocks.append(_numbers(term, table, np.asarray(column, dtype=np.float64)))
    return np.ascontiguousarray(np.hstack(blocks))


def columns_or_mean(
    terms: Sequence[Term], center: FloatArray, table: FeatureTable
) -> tuple[FloatArray, list[Flag]]:
    """Return centered columns (n, c), 0 where a covariate is not known, with a flag for each such.

    Parameters
    ----------
    terms
        Covariates of training.
    center
        (c,) training means of their columns.
    table
        n rows; covariates may be missing or unknown.

    Raises
    ------
    UsageError
        As `columns`, for what is known.
    """
    design = np.zeros((len(table), len(center)))
    flags = []
    spans = _spans(terms)
    for term in terms:
        known = np.zeros(len(table), dtype=bool)
        if term.name in table.covariates:
            column = table.covariates[term.name]
            known = column != "" if column.dtype.kind in "US" else np.isfinite(column)
        if known.any():
            rows = np.flatnonzero(known)
            span = spans[term.name]
            design[rows, span] = columns((term,), table.take(rows)) - center[span]
        if not known.all():
            reason = (
                f"not known in {int((~known).sum())} of {len(table)} rows and taken at the training"
                " mean there: what it explains counts as rest"
            )
            flags.append(Flag(kind="covariates_at_mean", where=term.name, reason=reason))
    return design, flags


def _levels(term: Term, table: FeatureTable, column: NDArray[np.str_]) -> FloatArray:
    unseen = np.unique(column[~np.isin(column, term.levels)])
    if len(unseen):
        at = table.row[np.isin(column, unseen)]
        raise UsageError(
            f"{few(unseen)}: not a level in training ({few(term.levels)}); rows {few(at)}",
            where=term.name,
            hint="learn from a table that holds this level, or leave out these rows",
        )
    return np.asarray(column[:, None] == np.asarray(term.levels[1:])[None, :], dtype=np.float64)


def _numbers(term: Term, table: FeatureTable, column: FloatArray) -> FloatArray:
    if term.smooth is None:
        return column[:, None]
    from qiqa.harmonize.combat.smooth import basis

    outside = np.flatnonzero((column < term.low) | (column > term.high))
    if len(outside):
        raise UsageError(
            f"{few([f'{value:g}' for value in column[outside]])}: outside {term.low:g} to"
            f" {term.high:g} in training; rows {few(table.row[outside])}",
            where=term.name,
            hint="a curve has no value there: leave out these rows or keep the covariate as a line",
        )
    return np.hstack([column[:, None], basis(term.smooth, column)])


def outside_range(terms: Sequence[Term], table: FeatureTable) -> list[Flag]:
    """Return flags of numeric covariates beyond their range in training."""
    flags = []
    for term in terms:
        if term.levels or term.smooth is not None or term.name not in table.covariates:
            continue
        column = np.asarray(table.covariates[term.name], dtype=np.float64)
        outside = np.flatnonzero((column < term.low) | (column > term.high))
        if len(outside):
            reason = (
                f"{len(outside)} rows outside {term.low:g} to {term.high:g} in training"
                f" ({few(table.row[outside])}): the line is carried on to where nobody was"
            )
            flags.append(Flag(kind="outside_range", where=term.name, reason=reason))
    return flags


def _spans(terms: Sequence[Term]) -> Mapping[str, slice]:
    """Return which columns belong to which term."""
    found, start = {}, 0
    for term in terms:
        found[term.name] = slice(start, start + term.width)
        start += term.width
    return found


def _scatter_kept(block: FloatArray, others: FloatArray) -> float:
    """Return the least share of scatter that a combination of columns keeps beside `others`.

    Columns are centered; the share is the smallest eigenvalue of what is left of them after
    regression on `others`, against what they had.
    """
    own, size, _ = np.linalg.svd(block, full_matrices=False)
    own = own[:, size > _SAME * size[0]]
    if not others.shape[1]:
        return 1.0
    base, size, _ = np.linalg.svd(others, full_matrices=False)
    base = base[:, size > _SAME * size[0]] if size[0] > 0 else base[:, :0]
    rest = own - base @ (base.T @ own)
    return float(np.linalg.svd(rest, compute_uv=False)[-1] ** 2)


def _parts(
    terms: Sequence[Term], design: FloatArray, batch: Places, count: int
) -> list[tuple[Term, FloatArray, FloatArray, FloatArray]]:
    """Return each term with its columns, those of the batches and those of the other terms."""
    membership = (batch[:, None] == np.arange(count)[None, :]).astype(np.float64)
    membership -= membership.mean(axis=0)
    centered = design - design.mean(axis=0)
    size = np.linalg.norm(centered, axis=0)
    centered = centered / np.where(size > 0, size, 1.0)
    spans = _spans(terms)
    parts = []
    for term in terms:
        others = [centered[:, spans[other.name]] for other in terms if other is not term]
        rest = np.hstack([membership, *others])
        parts.append((term, centered[:, spans[term.name]], membership, rest))
    return parts


def refuse_confounded(
    terms: Sequence[Term], design: FloatArray, table: FeatureTable, batch: Places, count: int
) -> None:
    """Refuse covariates whose effect cannot be told from that of the batches.

    Raises
    ------
    UsageError
        Naming the covariate and the batches, or the other covariates that determine it.
    """
    for term, own, membership, rest in _parts(terms, design, batch, count):
        if _scatter_kept(own, membership) < _SAME:
            raise UsageError(
                f"cannot be told from {table.batch_name}: {_why(term, table, batch, count)}",
                where=term.name,
                hint=f"leave this covariate out, and do not read its effect from the result; or add"
                f" rows in which it varies within a {table.batch_name}",
            )
        if _scatter_kept(own, rest) < _SAME:
            names = [other.name for other in terms if other is not term]
            raise UsageError(
                f"is determined by {table.batch_name} and {few(names)} together",
                where=term.name,
                hint="leave one of these covariates out",
            )


def _why(term: Term, table: FeatureTable, batch: Places, count: int) -> str:
    """Return in words how a covariate and the batches determine each other."""
    names = [str(np.unique(table.batch[batch == b])[0]) for b in range(count)]
    column = table.covariates[term.name]
    held = [np.unique(column[batch == b]) for b in range(count)]
    if not term.levels:
        pairs = [f"{name} {values[0]:g}" for name, values in zip(names, held, strict=True)]
        return f"within each {table.batch_name} it has one value ({few(pairs)})"
    groups: list[tuple[set[str], list[str]]] = []
    for name, values in zip(names, held, strict=True):
        levels, members = {str(value) for value in values}, [name]
        apart = []
        for other in groups:
            if other[0] & levels:
                levels, members = levels | other[0], [*other[1], *members]
            else:
                apart.append(other)
        groups = [*apart, (levels, members)]
    told = [f"{few(sorted(levels))} in {few(members)} only" for levels, members in groups]
    return "; ".join(told)


def nearly(
    terms: Sequence[Term], design: FloatArray, table: FeatureTable, batch: Places, count: int
) -> list[Flag]:
    """Return flags of covariates that batch, alone or with the others, nearly determines."""
    flags = []
    for term, own, membership, rest in _parts(terms, design, batch, count):
        alone, together = 1 - _scatter_kept(own, membership), 1 - _scatter_kept(own, rest)
        if together <= CONFOUNDED:
            continue
        by = table.batch_name if alone > CONFOUNDED else f"{table.batch_name} and other covariates"
        reason = (
            f"{max(alone, together):.1%} of its scatter goes with {by}: its effect stands on the"
            " rest, and what is taken off the batches depends on it"
        )
        hint = f"add rows in which it varies within a {table.batch_name}"
        flags.append(Flag(kind="nearly_confounded", where=term.name, reason=reason, hint=hint))
    return flags
