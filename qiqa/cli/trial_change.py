"""`qiqa trial change`: whether a change of a value is the patient."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, finite, json_option, moment, store_option
from qiqa.cli.console import one_line, say, say_parts, write_json
from qiqa.cli.feature_options import tell_flags
from qiqa.core.change import CHANGE_SCHEMA, ChangeAnswer
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.core.change import Change, DatedValue, Tissue
    from qiqa.core.trial import Readings

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "A B"
EPILOG = """
A and B are VALUE@DATE@SCANNER, values in one unit and above zero.

examples:
  qiqa trial change 1.05@2026-01-10@"SIEMENS 1" 1.31@2026-03-02@"SIEMENS 1" --tissue breast
  qiqa trial change 0.78@2026-01-10@A 0.90@2026-03-02@B --wcv 2.9 --table phantom.csv

Exit status: 0 the change is real, 3 it cannot be told from chance, 5 it is not interpretable,
1 it could not be done.
"""
_WORDS = {
    ChangeAnswer.REAL: ("This change is the patient", "bold green"),
    ChangeAnswer.CANNOT_TELL: ("This change cannot be told from chance", "yellow"),
    ChangeAnswer.NOT_INTERPRETABLE: ("This change cannot be interpreted", "bold red"),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    values: tuple[str, ...] | list[str] = ()
    store: str | None = None
    table: Path | None = None
    column: tuple[str, ...] | list[str] = ()
    name: str = "adc"
    tissue: str | None = None
    wcv: float | None = None
    wcv_df: float | None = None
    position_u: float | None = None
    phantom_within: float = 60.0
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    from qiqa.cli.trial_report import table_options
    from qiqa.harmonize.patient.tissues import TISSUES

    parser.add_argument("values", nargs=2, metavar="VALUE@DATE@SCANNER", help="two values")
    how = parser.add_argument_group("the tissue: one of these is needed")
    how.add_argument(
        "--tissue", choices=sorted(TISSUES), help="its repeatability is that of published studies"
    )
    how.add_argument(
        "--wcv", type=finite, metavar="PERCENT", help="within-subject CV of your own test-retest"
    )
    how.add_argument(
        "--wcv-df", type=finite, metavar="N", help="pairs that it rests on; default: endless"
    )
    where = parser.add_argument_group("the scanners")
    store_option(where)
    table_options(where)
    where.add_argument(
        "--name", default="adc", metavar="NAME", help="measurement on the phantom; default: adc"
    )
    where.add_argument(
        "--phantom-within",
        type=finite,
        default=60.0,
        metavar="DAYS",
        help="days within which a phantom must have been scanned; default: 60",
    )
    where.add_argument(
        "--position-u",
        type=finite,
        metavar="PERCENT",
        help="standard uncertainty of what gradients do off-center, between two scanners",
    )
    json_option(parser.add_argument_group("what to write"), CHANGE_SCHEMA)


def command(options: Options) -> int:
    """Answer for two values."""
    from qiqa.cli.trial_report import readings_of
    from qiqa.core.canonical import plain
    from qiqa.harmonize.patient.change import is_it_the_patient
    from qiqa.harmonize.scanners.bias import study_bias
    from qiqa.harmonize.scanners.preparing import prepare
    from qiqa.workflows.changing import shared_on_the_days, state_on_the_day
    from qiqa.workflows.trial import chosen

    first, second = (_value(text) for text in options.values)
    tissue = _tissue(options)
    if options.phantom_within < 0.0:
        raise UsageError(f"{options.phantom_within:g} is below 0", where="--phantom-within")
    if options.position_u is not None and options.position_u < 0.0:
        raise UsageError(f"{options.position_u:g} is below 0 %", where="--position-u")
    readings, _, odd = readings_of(options.store, options.table, options.column)
    tell_flags(odd, to_error=options.json == "-")
    own = _one(chosen(readings, [options.name]))
    prepared = prepare(own, percent=True, today=dt.date.today())
    study = study_bias(prepared, None)
    one, two = (state_on_the_day(study, prepared.found, v) for v in (first, second))
    found = is_it_the_patient(
        first,
        second,
        tissue,
        (one, two),
        phantom_within_days=options.phantom_within,
        position_u_percent=options.position_u,
        shared=shared_on_the_days(study, (one, two), (first, second)),
    )
    if options.json is not None:
        write_json({"schema": CHANGE_SCHEMA, **plain(found)}, options.json)
    _tell(found, tissue, to_error=options.json == "-")
    return {ChangeAnswer.REAL: status.PASS, ChangeAnswer.CANNOT_TELL: 3}.get(found.answer, 5)


def _one(readings: Sequence[Readings]) -> Readings:
    """Return the only readings of a name; in two units nobody knows which values are meant."""
    if len(readings) > 1:
        units = " and ".join(repr(one.unit) for one in readings)
        raise UsageError(
            f"{readings[0].name} is stated in {units}",
            where="--name",
            hint="state it in one unit in the table",
        )
    return readings[0]


def _value(text: str) -> DatedValue:
    """Return VALUE@DATE@SCANNER as a value."""
    from qiqa.core.change import DatedValue

    value, _, rest = text.partition("@")
    date, _, scanner = rest.partition("@")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or not date or not scanner:
        raise UsageError(
            f"{text!r} is not VALUE@DATE@SCANNER", hint="for instance 1.05@2026-01-10@SIEMENS-1"
        )
    at = moment(date, text)
    assert at is not None  # noqa: S101 - a text was given
    return DatedValue(value=number, unit="", at=at, scanner=scanner)


def _tissue(options: Options) -> Tissue:
    from qiqa.core.change import Tissue
    from qiqa.harmonize.patient.tissues import TISSUES

    if (options.tissue is None) == (options.wcv is None):
        raise UsageError("give --tissue or --wcv, one of them", where="--tissue")
    if options.tissue is not None:
        return TISSUES[options.tissue]
    wcv = options.wcv or 0.0
    df = math.inf if options.wcv_df is None else options.wcv_df
    if not 0.0 < wcv < 100.0:
        raise UsageError(f"{wcv:g} is not above 0 and below 100 %", where="--wcv")
    if df < 1.0:
        raise UsageError(f"{df:g} is not 1 or more", where="--wcv-df")
    return Tissue(
        name="tissue", wcv_percent=wcv, degrees_of_freedom=df, off_center=False, source="--wcv"
    )


def _percent(logarithm: float) -> float:
    """Return a change that was reckoned as 100 times a logarithm in percent."""
    return 100.0 * math.expm1(logarithm / 100.0)


def _tell(found: Change, tissue: Tissue, *, to_error: bool) -> None:
    words, style = _WORDS[found.answer]
    a, b = found.first, found.second
    say_parts([(words, style)], to_error=to_error)
    say(
        f"  {a.value:g} on {a.at:%Y-%m-%d} ({one_line(a.scanner, 40)}) to {b.value:g} on "
        f"{b.at:%Y-%m-%d} ({one_line(b.scanner, 40)}): {_percent(found.observed_percent):+.1f} %",
        to_error=to_error,
    )
    if found.answer is not ChangeAnswer.NOT_INTERPRETABLE:
        low, high = found.interval
        say(
            f"  change of the patient {_percent(found.change_percent):+.1f} % "
            f"({_percent(low):+.1f} to {_percent(high):+.1f}, "
            f"95 %); that it has this direction: {100 * found.probability:.1f} %; called real from "
            f"{_percent(found.needed_percent):+.1f} or {_percent(-found.needed_percent):+.1f} % on",
            to_error=to_error,
        )
    for reason in found.reasons:
        say(f"  {one_line(reason)}", to_error=to_error)
    total = sum(line.standard_uncertainty**2 for line in found.budget)
    say("  what makes the doubt:", to_error=to_error)
    for line in found.budget:
        share = 100 * line.standard_uncertainty**2 / total if total else 0.0
        said = (
            f"    {line.standard_uncertainty:5.2f} %  {share:3.0f} % of it  {one_line(line.name)}"
        )
        say(said, to_error=to_error)
    say(f"  repeatability: {tissue.source}", to_error=to_error)
