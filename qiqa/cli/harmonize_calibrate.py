"""`qiqa harmonize calibrate`: the correction of each scanner and epoch, by its phantom."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser, finite, store_option
from qiqa.cli.columns import refuse_input
from qiqa.cli.console import one_line, say, write_json
from qiqa.cli.feature_options import tell_flags
from qiqa.cli.layout import Row, Section, table
from qiqa.core.calibration import CALIBRATION_SCHEMA, CalibrationSet, ScannerCalibration
from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.trial import Flag

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "-o CALIBRATION"
EPILOG = """
examples:
  qiqa harmonize calibrate -o calibration.json
  qiqa harmonize calibrate --table phantom.csv --name adc -o calibration.json

A calibration holds for one scanner and its settings, for values between those of the phantom, no
farther from isocenter than its inserts, and --valid-days around its exams; beyond it refuses.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    store: str | None = None
    table: Path | None = None
    column: tuple[str, ...] | list[str] = ()
    name: tuple[str, ...] | list[str] = ()
    valid_days: float = 90.0
    output: Path


def arguments(parser: Parser) -> None:
    """Declare the options."""
    from qiqa.cli.trial_report import table_options

    what = parser.add_argument_group("the phantom's readings")
    store_option(what)
    table_options(what)
    what.add_argument(
        "--name", action="append", default=[], metavar="NAME", help="one measurement; repeatable"
    )
    out = parser.add_argument_group("what to write")
    out.add_argument(
        "--valid-days",
        type=finite,
        default=90.0,
        metavar="DAYS",
        help="days around phantom exams for which it holds; default: 90",
    )
    out.add_argument(
        "-o", "--output", type=Path, required=True, metavar="CALIBRATION", help="JSON file"
    )


def command(options: Options) -> int:
    """Calibrate every measurement of every scanner that can be."""
    from qiqa.cli.trial_report import readings_of
    from qiqa.core.canonical import plain
    from qiqa.harmonize.phantom.calibrating import calibrate
    from qiqa.harmonize.scanners.preparing import prepare
    from qiqa.workflows.trial import chosen

    if not 0.0 < options.valid_days <= 3660.0:
        message = f"{options.valid_days:g} is not above 0 and up to 3660 days"
        raise UsageError(message, where="--valid-days")
    refuse_input(options.output, options.table)
    readings, source, odd = readings_of(options.store, options.table, options.column)
    tell_flags(odd)
    found: list[ScannerCalibration] = []
    for one in chosen(readings, options.name):
        try:
            prepared = prepare(one, today=dt.date.today())
            made, flags = calibrate(prepared.found)
        except (NotMeasurable, UsageError) as error:
            tell_flags((Flag(kind="not_calibrated", where=one.name, reason=error.message),))
            continue
        tell_flags((*prepared.flags, *flags))
        found += made
    if not found:
        raise NotMeasurable("nothing could be calibrated", where=source)
    made_at = dt.datetime.now(dt.UTC)
    content = CalibrationSet(
        schema=CALIBRATION_SCHEMA,
        made_at=made_at,
        source=source,
        valid_days=options.valid_days,
        calibrations=tuple(found),
    )
    write_json(plain(content), str(options.output))
    _tell(found)
    say(f"calibrations: {options.output.resolve()}")
    return status.PASS


_ORDERS = ("none needed", "constant", "linear", "quadratic")


def _tell(found: list[ScannerCalibration]) -> None:
    from qiqa.report.shown import range_text

    rows = tuple(
        Row(
            cells=(
                one_line(c.scanner, 30),
                c.name,
                one_line(c.epoch, 24),
                _ORDERS[len(c.coefficients)],
                f"{c.coefficients[0]:+.2g} {c.bias_unit}" if c.coefficients else "0",
                range_text((c.low, c.high), c.unit, 3),
                str(c.exams),
            )
        )
        for c in found
    )
    columns = ("scanner", "name", "settings", "correction", "bias, middle", "range", "exams")
    table(columns, [Section(rows=rows)], right=(6,))
