"""`qiqa simulate history`: years of weekly exams as a table, with faults whose truth is known."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, finite, moment
from qiqa.cli.console import progress, say, write_json
from qiqa.cli.simulate_faults import faults_of, kinds_text
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.simulate.history_metrics import Metric
    from qiqa.simulate.history_result import SimulatedHistory
    from qiqa.simulate.history_spec import HistorySpec

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "FILE"
_WEEKS_OF_A_YEAR = 365.25 / 7
_LONGEST_YEARS = 150.0
EPILOG = f"""
examples:
  qiqa simulate history years.csv
  qiqa simulate history years.parquet --scanners 20 --years 5 --metrics all --fault none
  qiqa simulate history years.csv --fault step:scanner=2,name=piu,week=60,size=-2sd \\
      --fault missed:scanner=3,week=80,weeks=6

A fault is KIND:scanner=N,week=N and, where they apply, name=NAME, insert=NAME, weeks=N (how
long), size=X (in the unit of the quantity, or in SD of one exam: -2sd). Without a name it is to
all quantities of the scanner. Kinds, and what holds where weeks and size are left away:
{kinds_text()}
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    output: Path
    scanners: int = 6
    years: float = 3.0
    start: str = "2021-01-04"
    metrics: str = "usual"
    fault: list[str] | None = None
    seed: int = 1
    store: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "output", type=Path, metavar="FILE", help="table to write: .csv or .parquet"
    )
    fleet = parser.add_argument_group("fleet")
    fleet.add_argument(
        "--scanners", type=counted, default=6, metavar="N", help="default: %(default)s"
    )
    fleet.add_argument(
        "--years", type=finite, default=3.0, metavar="X", help="of weekly exams; default: 3"
    )
    fleet.add_argument(
        "--start", default="2021-01-04", metavar="YYYY-MM-DD", help="default: %(default)s"
    )
    fleet.add_argument(
        "--metrics",
        default="usual",
        metavar="WHAT",
        help="usual (12 quantities), all (60), or names with commas; default: %(default)s",
    )
    fleet.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of the random numbers; default: 1"
    )
    fleet.add_argument(
        "--fault",
        action="append",
        metavar="TEXT",
        help="plant it, see below; repeat for more; none: a fleet in order; "
        "default: one of each kind",
    )
    store = parser.add_argument_group("history database")
    store.add_argument(
        "--store", metavar="URL", help="store the exams there too, marked as simulated"
    )


def command(options: Options) -> int:
    """Write the table and its truth; store the exams where asked."""
    import numpy as np

    from qiqa.simulate.history import simulate_history
    from qiqa.simulate.history_table import table, truth_payload

    write = _writer(options.output)
    spec = _spec(options)
    faults = faults_of(options.fault, spec)
    truth = options.output.with_name(f"{options.output.name}.truth.json")
    with progress() as tell:
        tell("simulating")
        history = simulate_history(spec, faults, np.random.default_rng(options.seed))
        tell("writing")
        rows = write(table(history), options.output)
        write_json(truth_payload(history, options.seed), str(truth))
    say(f"{rows} rows of {len(history.exam_at)} exams written to {options.output.resolve()}")
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    say(f"{count} planted; what is true is in {truth.resolve()}")
    if options.store is not None:
        _store(history, options)
    return status.PASS


def _writer(path: Path) -> Callable[..., int]:
    from qiqa.io.columns import columns_to_csv, columns_to_parquet

    writers = {".csv": columns_to_csv, ".parquet": columns_to_parquet}
    suffix = path.suffix.lower()
    if suffix not in writers:
        raise UsageError(
            f"{suffix or 'no suffix'!r} is not one of {', '.join(writers)}",
            where=str(path),
            hint="the suffix says what is written",
        )
    return writers[suffix]


def _spec(options: Options) -> HistorySpec:
    from qiqa.simulate.history_spec import HistorySpec

    if options.seed < 0:
        raise UsageError(f"{options.seed} is below 0", where="--seed")
    if not 0.0 < options.years <= _LONGEST_YEARS:
        message = f"{options.years:g} is not above 0 and at most {_LONGEST_YEARS:g}"
        raise UsageError(message, where="--years")
    start = moment(options.start, "--start")
    assert start is not None  # noqa: S101 - only None gives None
    return HistorySpec(
        scanners=options.scanners,
        start=start.date(),
        weeks=max(round(options.years * _WEEKS_OF_A_YEAR), 1),
        metrics=_metrics(options.metrics),
    )


def _metrics(text: str) -> tuple[Metric, ...]:
    from qiqa.simulate.history_metrics import ALL, USUAL

    if text in ("usual", "all"):
        return USUAL if text == "usual" else ALL
    names = tuple(dict.fromkeys(metric.name for metric in ALL))
    asked = text.split(",")
    for name in asked:
        if name not in names:
            hint = f"there is: usual, all, or of {', '.join(names)}"
            raise UsageError(f"{name!r} is no simulated quantity", where="--metrics", hint=hint)
    return tuple(metric for metric in ALL if metric.name in asked)


def _store(history: SimulatedHistory, options: Options) -> None:
    from qiqa.cli.deliver import current_user
    from qiqa.store import open_store
    from qiqa.workflows.simulated_history import exam_results

    user, now = current_user(), dt.datetime.now(dt.UTC)
    new = same = 0
    with open_store(options.store) as store, progress() as tell:
        for result in exam_results(history, options.seed, user=user, now=now):
            created = store.save(result, user=user, now=now).created
            new, same = new + created, same + (not created)
            tell(f"storing exam {new + same} of {len(history.exam_at)}")
        url = store.url
    say(f"{new} exams stored in {url}, {same} were there already")
