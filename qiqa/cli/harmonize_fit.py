"""`qiqa harmonize fit`: learn the shift and scale of each batch from a table of features."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.columns import refuse_input
from qiqa.cli.console import say, tell_findings, write_json
from qiqa.cli.feature_options import (
    FeatureOptions,
    fitter,
    harmonized_before,
    model_options,
    role_options,
    roles,
    tell_flags,
)
from qiqa.core.counting import so_many
from qiqa.core.errors import UsageError
from qiqa.core.features import HARMONIZATION_SCHEMA, FeatureTable
from qiqa.core.trial import Flag

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "TABLE --batch COLUMN -o MODEL"
EPILOG = """
TABLE has one row a scan: a column for the batch (scanner, site), columns of features, covariates.

examples:
  qiqa harmonize fit features.csv --batch site --keep age --keep sex -o model.json
  qiqa harmonize fit features.csv --batch site --smooth age --write harmonized.csv -o model.json
  qiqa harmonize fit visits.csv --batch site --method longitudinal --subject id -o model.json

What was learned is applied to other rows with: qiqa harmonize apply. Never fit on rows that a model
is tested on: use held-out rows, and qiqa harmonize diagnose, which refits in every fold.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options(FeatureOptions):
    """What was asked for on the command line."""

    output: Path
    write: Path | None = None
    uncalibrated: Path | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("table", type=Path, metavar="TABLE", help="CSV or Parquet, a row a scan")
    role_options(parser.add_argument_group("what the columns are"))
    model_options(parser.add_argument_group("how"))
    out = parser.add_argument_group("what to write")
    out.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MODEL", help="what was learned (JSON)"
    )
    out.add_argument(
        "--write", type=Path, metavar="FILE", help="also the table itself, corrected (CSV, Parquet)"
    )
    out.add_argument(
        "--uncalibrated",
        type=Path,
        metavar="FILE",
        help="the same rows before calibration by phantoms: says what each step removed",
    )
    json_option(out, HARMONIZATION_SCHEMA)


def command(options: Options) -> int:
    """Learn, write the model, and the corrected table where asked for."""
    from qiqa.harmonize.combat import apply
    from qiqa.harmonize.combat.saving import to_payload
    from qiqa.io.feature_table import read_features, write_features

    for written in (options.output, options.write):
        refuse_input(written, options.table, options.uncalibrated)
    learn = fitter(options)
    read = read_features(options.table, roles(options))
    tell_findings(read.findings, to_error=True)
    before = harmonized_before(read, options.table, options.batch)
    model = learn(read.table)
    to_error = options.json == "-"
    # which column says who is not of the model, but whoever applies it must know
    payload = {**to_payload(model), "subject_column": options.subject}
    write_json(payload, str(options.output))
    if options.json is not None:
        write_json(payload, options.json)
    flags: tuple[Flag, ...] = (*before, *model.flags)
    corrected, more = apply(model, read.table)
    flags = (*flags, *(flag for flag in more if flag not in flags))
    if options.write is not None:
        write_features(options.write, corrected, read.others, harmonized=True)
    tell_flags(flags, to_error=to_error)
    steps = [("before", read.table), ("after", corrected)]
    if options.uncalibrated is not None:
        raw = read_features(options.uncalibrated, roles(options)).table
        if raw.features != read.table.features or len(raw) != len(read.table):
            raise UsageError(
                f"holds {len(raw)} rows and {len(raw.features)} features, the table "
                f"{len(read.table)} and {len(read.table.features)}",
                where=str(options.uncalibrated),
                hint="give the same rows and columns, before qiqa harmonize apply",
            )
        steps = [("as measured", raw), ("after the phantom", read.table), ("after both", corrected)]
    _tell(steps, to_error=to_error)
    say(f"model: {options.output.resolve()}", to_error=to_error)
    if options.write is not None:
        say(f"corrected table: {options.write.resolve()}", to_error=to_error)
    return status.PASS


def _tell(steps: Sequence[tuple[str, FeatureTable]], *, to_error: bool) -> None:
    """Say how much of the variance of features was between batches, step by step."""
    import numpy as np

    from qiqa.harmonize.combat.removed import between_share

    first = steps[0][1]
    count = np.unique(first.batch).size
    shares = ", ".join(
        f"{100 * float(np.nanmedian(between_share(table))):.1f} % {when}" for when, table in steps
    )
    say(
        f"{so_many(len(first), 'row')}, {so_many(len(first.features), 'feature')}, "
        f"{count} values of {first.batch_name}; variance between them, median over features: "
        f"{shares}",
        to_error=to_error,
    )
    say("whether they can still be told apart says: qiqa harmonize diagnose", to_error=to_error)
