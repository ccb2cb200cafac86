"""`qiqa harmonize diagnose`: whether batches can still be told apart, and at what cost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, json_option
from qiqa.cli.console import one_line, progress, say, tell_findings, write_json
from qiqa.cli.feature_options import (
    FeatureOptions,
    fitter,
    harmonized_before,
    model_options,
    role_options,
    roles,
    tell_flags,
)
from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "TABLE [AFTER] --batch COLUMN"
EPILOG = """
With TABLE alone the harmonization is learned anew in every fold and judged on subjects that it has
not seen. With AFTER (the same rows, harmonized by any program) only what is left can be told.

examples:
  qiqa harmonize diagnose features.csv --batch site --keep age --interest age
  qiqa harmonize diagnose before.csv after.csv --batch site

Exit status: 0 the batch is no longer seen, 3 it is still seen or too much was taken out, 5 it
cannot be told, 1 it could not be done.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options(FeatureOptions):
    """What was asked for on the command line."""

    after: Path | None = None
    interest: str = ""
    permutations: int = 99
    seed: int = 1
    output: Path | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    from qiqa.core.diagnosis import DIAGNOSIS_SCHEMA

    parser.add_argument("table", type=Path, metavar="TABLE", help="CSV or Parquet, a row a scan")
    parser.add_argument("after", type=Path, nargs="?", metavar="AFTER", help="the same, harmonized")
    role_options(parser.add_argument_group("what the columns are"))
    model_options(parser.add_argument_group("how to harmonize"))
    how = parser.add_argument_group("how to judge")
    how.add_argument(
        "--interest", default="", metavar="COLUMN", help="covariate whose effect must stay"
    )
    how.add_argument(
        "--permutations",
        type=counted,
        default=99,
        metavar="N",
        help="for the p value, at least 59; default: 99",
    )
    how.add_argument("--seed", type=counted, default=1, metavar="N", help="default: 1")
    out = parser.add_argument_group("what to write")
    out.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="page; default: qiqa-harmonization.html"
    )
    json_option(out, DIAGNOSIS_SCHEMA)


def command(options: Options) -> int:
    """Judge a harmonization, write the page, and say the answer."""
    import numpy as np

    from qiqa.core.diagnosis import diagnosis_payload
    from qiqa.harmonize.combat import apply
    from qiqa.harmonize.diagnosis.diagnosing import diagnose
    from qiqa.io.feature_table import read_features
    from qiqa.report.harmonization_page import write_harmonization

    _check_options(options)
    wanted = roles(options)
    if options.interest and options.interest not in wanted.keep:
        wanted = dataclasses.replace(wanted, keep=(*wanted.keep, options.interest))
    read = read_features(options.table, wanted)
    tell_findings(read.findings, to_error=True)
    tell_flags(harmonized_before(read, options.table, options.batch), to_error=True)
    before = read.table
    to_error = options.json == "-"
    learn = fitter(options)

    def refit(train: FeatureTable, test: FeatureTable) -> FeatureTable:
        return apply(learn(train), test)[0]

    if options.after is None:
        model = learn(before)
        tell_flags(model.flags, to_error=True)
        after, method, refitted = apply(model, before)[0], _method(options), refit
    else:
        same = dataclasses.replace(wanted, features=before.features)
        after, method, refitted = read_features(options.after, same).table, str(options.after), None
    with progress() as told:
        told("telling batches apart, before and after")
        found = diagnose(
            before,
            after,
            rng=np.random.default_rng(options.seed),
            refit=refitted,
            interest=options.interest,
            permutations=options.permutations,
            method=method,
            progress=_left(told),
        )
    if options.json is not None:
        write_json(diagnosis_payload(found), options.json)
    page = write_harmonization(found, options.output or Path("qiqa-harmonization.html"))
    say(one_line(found.headline), style="bold", to_error=to_error)
    for words in (*found.reasons, *found.warnings, *found.help):
        say(f"  {one_line(words, 800)}", to_error=to_error)
    say(f"page: {page.resolve()}", to_error=to_error)
    return _status(found.answer.value, bool(found.over_corrected))


def _check_options(options: Options) -> None:
    """Refuse options of a fit where nothing is fitted."""
    given = {f.name: getattr(options, f.name) != f.default for f in dataclasses.fields(options)}
    for name in ("method", "by", "mean_only", "reference"):
        if options.after is not None and given[name]:
            where = f"--{name.replace('_', '-')}"
            raise UsageError("not with AFTER: nothing is fitted", where=where)


def _left(tell: Callable[[str], None]) -> Callable[[int, int], None]:
    """Return what shows the tables done and the seconds that the others take at most."""
    started = time.perf_counter()

    def show(done: int, most: int) -> None:
        seconds = (time.perf_counter() - started) / done * (most - done)
        tell(f"permuted tables: {done} of at most {most}; at most {seconds:.0f} s more")

    return show


def _method(options: Options) -> str:
    if options.method not in ("combat", "covbat", "longitudinal"):
        raise UsageError(f"{options.method!r} is no method", where="--method")
    name = {"combat": "ComBat", "covbat": "CovBat", "longitudinal": "longitudinal ComBat"}
    kept = ", ".join((*options.keep, *options.smooth)) or "nothing"
    return f"{name[options.method]}, {options.by}, {kept} kept"


def _status(answer: str, over: bool) -> int:
    if answer == "no_longer_seen":
        return 3 if over else status.PASS
    return 3 if answer == "still_seen" else 5
