"""`qiqa drift design`: which chart finds a shift how soon, at how many false alarms."""

from __future__ import annotations

import dataclasses
import math

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, finite, json_option
from qiqa.cli.console import say, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.design/1"
OPERANDS = "--shift SD --every N"
EPILOG = """
examples:
  qiqa drift design --shift 1 --every 370
  qiqa drift design --shift 2 --every 1000 --exams 20

With weekly exams --every 520 is one false alarm of one chart in ten years; 60 charts of a scanner
at --every 3130 have one a year together, or fewer.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    shift: float = 1.0
    every: float = 370.0
    exams: int | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--shift",
        type=finite,
        default=1.0,
        metavar="SD",
        help="shift to be found, in SDs of one exam; default: %(default)s",
    )
    parser.add_argument(
        "--every",
        type=finite,
        default=370.0,
        metavar="N",
        help="exams between false alarms of one chart; default: %(default)s",
    )
    parser.add_argument(
        "--exams",
        type=counted,
        metavar="M",
        help="exams that mean and SD come from; default: both are known",
    )
    json_option(parser, SCHEMA)


def command(options: Options) -> int:
    """Propose charts, soonest first."""
    from qiqa.drift.design import design

    found = design(options.shift, options.every, options.exams)
    if options.json is not None:
        write_json({"schema": SCHEMA, "proposals": plain(list(found))}, options.json)
    if options.json == "-":
        return status.PASS
    known = "mean and SD known" if options.exams is None else f"from {options.exams} exams"
    say(f"shift of {options.shift:g} SD, one false alarm in {options.every:g} exams, {known}")
    rows = tuple(
        Row(
            cells=(
                one.chart,
                ", ".join(f"{name} {value:.3g}" for name, value in one.parameters),
                _exams(one.delay_late),
                _exams(one.delay),
                _exams(one.delay_half),
                _exams(one.delay_double),
            )
        )
        for one in found
    )
    columns = ("chart", "settings", "delay", "from start", "half shift", "double")
    table(columns, [Section(rows=rows)], right=(2, 3, 4, 5))
    say("delays in exams, the one that signals counted; delay: after a long time in control")
    return status.PASS


def _exams(value: float) -> str:
    if not math.isfinite(value) or value >= 1e5:
        return "never"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
