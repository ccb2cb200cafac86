"""`qiqa harmonize apply`: correct a table or a map by what was learned."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiqa.cli import status
from qiqa.cli.arguments import Parser, finite, moment
from qiqa.cli.columns import refuse_input
from qiqa.cli.console import one_line, say, tell_findings
from qiqa.cli.feature_options import harmonized_before, tell_flags
from qiqa.core.calibration import CALIBRATION_SCHEMA
from qiqa.core.counting import so_many
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.core.calibration import CalibrationSet

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "MODEL TABLE -o OUT"
EPILOG = """
examples:
  qiqa harmonize apply model.json new.csv -o harmonized.csv
  qiqa harmonize apply calibration.json participants.csv -o calibrated.csv
  qiqa harmonize apply calibration.json adc.nii.gz --scanner "SIEMENS 1" --settings VA30 \\
      --date 2026-03-02 -o adc_calibrated.nii.gz

A table for a calibration has one row a value: scanner, acquired_at, name, value, unit,
distance_mm (from isocenter), and the columns of settings (software, coil, ...) that the phantom's
table had. What a calibration does not reach stays empty, with the reason in column `refused`.

Exit status: 0 all values were corrected, 3 some were refused, 5 all were, 1 it could not be done.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    model: Path
    table: Path
    covariates_at_mean: bool = False
    at_isocenter: bool = False
    scanner: str | None = None
    settings: str = ""
    date: str | None = None
    name: str | None = None
    u: float | None = None
    output: Path


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="of qiqa harmonize")
    parser.add_argument("table", type=Path, metavar="TABLE", help="CSV, Parquet, or a NIfTI map")
    combat = parser.add_argument_group("for a model of ComBat")
    combat.add_argument(
        "--covariates-at-mean",
        action="store_true",
        help="where a covariate is not known (empty, or no such column), take its training mean; "
        "changes these numbers, and is flagged. What is known is used",
    )
    phantom = parser.add_argument_group("for a calibration by phantoms")
    phantom.add_argument(
        "--at-isocenter", action="store_true", help="values were measured at isocenter"
    )
    phantom.add_argument("--scanner", metavar="NAME", help="of a map")
    phantom.add_argument("--settings", default="", metavar="TEXT", help="of a map: its epoch")
    phantom.add_argument("--date", metavar="YYYY-MM-DD", help="of a map")
    phantom.add_argument("--name", metavar="NAME", help="of a map, for instance adc")
    phantom.add_argument(
        "--u",
        type=finite,
        metavar="PERCENT",
        help="of a map: standard uncertainty of its voxels; default: not known",
    )
    out = parser.add_argument_group("what to write")
    out.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")


def command(options: Options) -> int:
    """Correct what was given by whatever kind of model it is."""
    from qiqa.io.calibration_file import calibrations_of, read_json

    refuse_input(options.output, options.model, options.table)
    content = read_json(options.model)
    if content["schema"] != CALIBRATION_SCHEMA:
        _check_options(options, "a model of ComBat")
        return _combat(content, options)
    calibrations = calibrations_of(content, str(options.model))
    if options.table.name.lower().endswith((".nii", ".nii.gz")):
        _check_options(options, "a map")
        return _map(calibrations, options)
    _check_options(options, "a table for a calibration")
    return _values(calibrations, options)


_USES = {
    "covariates_at_mean": "a model of ComBat",
    "at_isocenter": "a table for a calibration",
    **dict.fromkeys(("scanner", "settings", "date", "name", "u"), "a map"),
}
"""Option -> what it is for."""


def _check_options(options: Options, kind: str) -> None:
    """Refuse an option that would have no effect."""
    for field in dataclasses.fields(options):
        use = _USES.get(field.name, kind)
        if use != kind and getattr(options, field.name) != field.default:
            where = f"--{field.name.replace('_', '-')}"
            raise UsageError(f"is for {use}, and this is {kind}", where=where)


def _combat(content: dict[str, Any], options: Options) -> int:
    from qiqa.harmonize.combat import apply
    from qiqa.harmonize.combat.saving import from_payload
    from qiqa.io.feature_table import Roles, read_features, write_features

    model = from_payload(content)
    subject = "" if model.subjects is None else content.get("subject_column", "")
    roles = Roles(
        batch=model.batch_name,
        keep=tuple(term.name for term in model.terms),
        subject=subject,
        features=model.features,
        lenient=options.covariates_at_mean,
    )
    read = read_features(options.table, roles)
    tell_findings(read.findings, to_error=True)
    before = harmonized_before(read, options.table, model.batch_name)
    done, flags = apply(model, read.table, covariates_at_mean=options.covariates_at_mean)
    write_features(options.output, done, read.others, harmonized=True)
    tell_flags((*before, *flags))
    size = f"{so_many(len(done), 'row')}, {so_many(len(done.features), 'feature')}"
    say(f"{size}: {options.output.resolve()}")
    return status.PASS


def _values(calibrations: CalibrationSet, options: Options) -> int:
    from qiqa.workflows.calibrating import calibrate_table

    done = calibrate_table(
        calibrations, options.table, options.output, at_isocenter=options.at_isocenter
    )
    tell_findings(done.findings, to_error=True)
    for reason, count in _alike(done.refused):
        say(f"!  {count} refused: {one_line(reason)}")
    refused = sum(done.refused.values())
    corrected = so_many(done.corrected, "value")
    say(f"{corrected} corrected, {refused} refused: {options.output.resolve()}")
    return _code(done.corrected, refused)


def _alike(refused: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return reasons that differ by their numbers only as one of them, with how many they are."""
    first, total = dict[str, str](), dict[str, int]()
    for reason, count in refused.items():
        kind = re.sub(r"\d[\d.e+-]*", "#", reason)
        shown = first.setdefault(kind, reason)
        total[kind] = total.get(kind, 0) + count
        if shown != reason and not shown.startswith("for instance: "):
            first[kind] = f"for instance: {shown}"
    return sorted(((first[k], n) for k, n in total.items()), key=lambda pair: -pair[1])


def _map(calibrations: CalibrationSet, options: Options) -> int:
    from qiqa.workflows.calibrating import calibrate_map

    at = moment(options.date, "--date")
    if options.scanner is None or at is None or options.name is None:
        raise UsageError("a map needs --scanner, --date and --name", where=str(options.table))
    if options.u is not None and options.u < 0.0:
        raise UsageError(f"{options.u:g} is below 0 %", where="--u")
    assert isinstance(at, dt.datetime)  # noqa: S101 - moment returns one
    corrected, refused = calibrate_map(
        calibrations,
        options.table,
        options.output,
        scanner=options.scanner,
        epoch=options.settings,
        name=options.name,
        at=at,
        u_percent=math.nan if options.u is None else options.u,
    )
    done = so_many(corrected, "voxel")
    say(f"{done} corrected, {refused} out of reach (NaN): {options.output.resolve()}")
    return _code(corrected, refused)


def _code(corrected: int, refused: int) -> int:
    if corrected == 0:
        return 5
    return 3 if refused else status.PASS
