"""`qiqa simulate training-set`: a set of series with faults whose truth is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, finite
from qiqa.cli.console import progress, say
from qiqa.core.errors import UsageError

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = ""
EPILOG = """
examples:
  qiqa simulate training-set -o set
  qiqa simulate training-set -o spoiled --all-faults 0.01
  qiqa simulate training-set -o copies --fault copy_flipped=0.02 --fault identity=0.01

It writes dicom/ (made-up heads: T1-weighted, T2-weighted and ADC series of each person) and
truth.csv (what every series is, and what is wrong with it and how much). The names are made up.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    output: Path
    sites: int = 6
    people: int = 20
    slices: int = 8
    matrix: int = 96
    fault: tuple[str, ...] | list[str] = ()
    all_faults: float = 0.0
    makers: str | None = None
    seed: int = 1
    processes: int | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    out = parser.add_argument_group("what to write")
    out.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="new folder"
    )
    who = parser.add_argument_group("who")
    who.add_argument("--sites", type=counted, default=6, metavar="N", help="default: 6")
    who.add_argument(
        "--people", type=counted, default=20, metavar="N", help="at each site; default: 20"
    )
    who.add_argument(
        "--makers", metavar="A,B", help="default: SIEMENS, GE MEDICAL SYSTEMS, Philips"
    )
    who.add_argument("--slices", type=counted, default=8, metavar="N", help="default: 8")
    who.add_argument("--matrix", type=counted, default=96, metavar="N", help="default: 96")
    wrong = parser.add_argument_group("what is wrong")
    wrong.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND=SHARE",
        help="share of all series that get it; repeatable",
    )
    wrong.add_argument(
        "--all-faults", type=finite, default=0.0, metavar="SHARE", help="each of them so often"
    )
    parser.add_argument("--seed", type=counted, default=1, metavar="N", help="default: 1")
    parser.add_argument("--processes", type=counted, metavar="N", help="default: all processors")


def command(options: Options) -> int:
    """Make up a training set."""
    from qiqa.simulate.set_faults import FAULTS
    from qiqa.simulate.training_set import MAKERS, TrainingSetSpec
    from qiqa.workflows.executing import processors
    from qiqa.workflows.simulated_training_set import make_training_set

    shares = {fault.kind: options.all_faults for fault in FAULTS if options.all_faults > 0}
    for text in options.fault:
        kind, _, share = text.partition("=")
        shares[kind] = _share(share, text)
    makers = tuple(m.strip() for m in options.makers.split(",")) if options.makers else MAKERS[:3]
    spec = TrainingSetSpec(
        sites=options.sites,
        people_a_site=options.people,
        slices=options.slices,
        matrix=options.matrix,
        makers=makers,
        faults=shares,
        seed=options.seed,
    )
    with progress() as tell:
        plan = make_training_set(
            spec, options.output, processes=options.processes or processors(), tell=tell
        )
    spoiled = sum(1 for one in plan.series if one.faults)
    say(f"{len(plan.series):,} series of {options.sites} sites, {spoiled:,} with faults")
    say(f"images: {(options.output / 'dicom').resolve()}")
    say(f"truth:  {(options.output / 'truth.csv').resolve()}")
    return status.PASS


def _share(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"{whole!r} is not KIND=SHARE", where="--fault", hint="for instance spikes=0.01"
        ) from None
