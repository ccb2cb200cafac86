"""Which column of a table of features is what: options that several commands share."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.core.features import FeatureTable
    from qiqa.core.trial import Flag
    from qiqa.harmonize.combat.model import CombatModel
    from qiqa.io.feature_table import Roles, WideTable

__all__ = [
    "FeatureOptions",
    "fitter",
    "harmonized_before",
    "model_options",
    "role_options",
    "roles",
    "tell_flags",
]

METHODS = ("combat", "covbat", "longitudinal")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOptions:
    """What was asked for on the command line."""

    table: Path
    batch: str
    keep: tuple[str, ...] | list[str] = ()
    subject: str = ""
    row: str = ""
    features: str = ""
    method: str = "combat"
    by: str = "parametric"
    mean_only: bool = False
    reference: str = ""
    smooth: tuple[str, ...] | list[str] = ()


def role_options(group: argparse._ArgumentGroup) -> None:
    """Add what the columns are."""
    group.add_argument(
        "--batch", required=True, metavar="COLUMN", help="scanner or site: what is taken out"
    )
    group.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="COLUMN",
        help="covariate whose effect is kept, for instance age; repeatable",
    )
    group.add_argument("--subject", default="", metavar="COLUMN", help="who; default: each row")
    group.add_argument("--row", default="", metavar="COLUMN", help="name of each scan")
    group.add_argument(
        "--features",
        default="",
        metavar="A,B",
        help="default: all other columns of numbers, but those that say where, when and how "
        "(visit, slice, x_mm, ...)",
    )


def model_options(group: argparse._ArgumentGroup) -> None:
    """Add how batches are learned."""
    group.add_argument("--method", choices=METHODS, default="combat", help="default: combat")
    group.add_argument(
        "--by",
        choices=("parametric", "nonparametric", "none"),
        default="parametric",
        help="how batches learn from all features; none: each feature alone",
    )
    group.add_argument("--mean-only", action="store_true", help="correct means, not scatter")
    group.add_argument(
        "--reference", default="", metavar="BATCH", help="bring the others to this one"
    )
    group.add_argument(
        "--smooth",
        action="append",
        default=[],
        metavar="COLUMN",
        help="keep this covariate as a curve instead of a line; repeatable",
    )


def roles(options: FeatureOptions) -> Roles:
    """Return what the columns are, with smooth covariates among those that are kept."""
    from qiqa.io.feature_table import Roles

    named = tuple(part.strip() for part in options.features.split(",") if part.strip())
    return Roles(
        batch=options.batch,
        keep=tuple(dict.fromkeys((*options.keep, *options.smooth))),
        subject=options.subject,
        row=options.row,
        features=named,
    )


def harmonized_before(read: WideTable, path: Path, batch: str) -> tuple[Flag, ...]:
    """Return a flag where a table was harmonized by another column before.

    Raises
    ------
    UsageError
        If it was harmonized by this one: what is learned or taken off then is not there any more.
    """
    from qiqa.core.trial import Flag
    from qiqa.io.feature_table import HARMONIZED

    if batch in read.harmonized:
        raise UsageError(
            f"was harmonized by {batch!r} before: its column {HARMONIZED!r} says so",
            where=str(path),
            hint="give the table that it was made from",
        )
    if not read.harmonized:
        return ()
    reason = f"was harmonized by {', '.join(read.harmonized)} before, and now by {batch}"
    hint = "what is taken off depends on the order"
    return (Flag(kind="harmonized_before", where=str(path), reason=reason, hint=hint),)


def fitter(options: FeatureOptions) -> Callable[[FeatureTable], CombatModel]:
    """Return what learns the batches of a table, as asked for.

    Raises
    ------
    UsageError
        If options do not go together.
    """
    smooth = tuple(options.smooth)
    if options.method == "longitudinal":
        for name, given in (("--reference", options.reference), ("--smooth", smooth)):
            if given:
                raise UsageError("not with --method longitudinal", where=name)
        if not options.subject:
            raise UsageError("is needed for --method longitudinal", where="--subject")
    if options.method == "covbat" and options.mean_only:
        raise UsageError("not with --method covbat", where="--mean-only")

    def fit(table: FeatureTable) -> CombatModel:
        if options.method == "covbat":
            from qiqa.harmonize.combat.covbat import fit_covbat

            return fit_covbat(table, by=options.by, reference=options.reference, smooth=smooth)
        if options.method == "longitudinal":
            from qiqa.harmonize.combat.longitudinal import fit_longitudinal

            return fit_longitudinal(table, by=options.by, mean_only=options.mean_only)
        from qiqa.harmonize.combat import fit as fit_combat

        return fit_combat(
            table,
            by=options.by,
            mean_only=options.mean_only,
            reference=options.reference,
            smooth=smooth,
        )

    return fit


def tell_flags(flags: tuple[Flag, ...], *, to_error: bool = False) -> None:
    """Print what to know before believing a result."""
    from qiqa.cli.console import one_line, say, say_parts

    for flag in flags:
        words = f"{flag.kind.replace('_', ' ')}: {one_line(flag.where)}: {one_line(flag.reason)}"
        say_parts([("!  ", "yellow"), (words, None)], to_error=to_error)
        if flag.hint:
            say(f"      {one_line(flag.hint)}", to_error=to_error)
