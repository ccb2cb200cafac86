"""`qiqa vet`: which series of a set may train a model, and why."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, json_option
from qiqa.cli.console import one_line, progress, say, tell_findings, write_json
from qiqa.core.errors import ReadError, UsageError
from qiqa.core.vetting import VET_SCHEMA, Action

if TYPE_CHECKING:
    from qiqa.core.finding import Finding
    from qiqa.core.vet_result import VetResult
    from qiqa.core.vet_table import VetTable
    from qiqa.workflows.executing import Executor
    from qiqa.workflows.vetting_walk import Given

__all__ = [
    "COMMANDS",
    "EPILOG",
    "OPERANDS",
    "PRIVATE",
    "TABLES",
    "WORK",
    "Options",
    "arguments",
    "command",
]

COMMANDS = {
    "review": ("qiqa.cli.vet_review", "Show what waits, decide on a series, change the policy."),
    "compare": ("qiqa.cli.vet_compare", "What two vettings decided differently, and why."),
    "verify": ("qiqa.cli.vet_verify", "Whether an output is as it was written and follows."),
    "policy": ("qiqa.cli.vet_policy", "Begin a policy of your own from the default one."),
}
"""What has options of its own: next word -> module, summary."""
OPERANDS = "PATH -o OUT"
EPILOG = """
commands:
  review     Show what waits, decide on a series, change the policy.
  compare    What two vettings decided differently, and why.
  verify     Whether an output is as it was written and follows.
  policy     Begin a policy of your own from the default one.

examples:
  qiqa vet images -o vetted
  qiqa vet policy -o policy.toml
  qiqa vet images --policy policy.toml --table subjects.csv --history qiqa.db -o vetted
  qiqa vet features.tsv --column row=subject_id --column site=site -o vetted

PATH is a folder, a zip archive, or a table with one row a series. A dataset.json of nnU-Net or
Decathlon in it is read: modality, channels, labels; imagesTr is train, imagesTs is test. A run that
was ended goes on where it was with the same command. Open vetted/card.html; vetted/manifest.csv
says what to use.
Exit status: 0 all series may be used as they are, 3 some are corrected or wait for a person, 4 some
are rejected, 1 it could not be done.
"""
TABLES = (".csv", ".tsv", ".parquet")
PRIVATE = "private"
"""Folder of what is not to be shared: key and working file."""
WORK = "work.sqlite"
_MOST_REASONS = 12
_CHANGED = (
    "results here were seen under another policy: the card says that it was changed.\n"
    "  To have who and why there, put [[changes]] into the policy before vetting again,\n"
    "  or change it with qiqa vet review --policy instead"
)
_LEFT_OVER = ".*.[0-9]*.part"
"""Hidden name, beside its place, of a file that is being written by a process."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    path: Path
    output: Path
    policy: Path | None = None
    table: Path | None = None
    column: tuple[str, ...] | list[str] = ()
    population: Path | None = None
    history: str | None = None
    history_key: Path | None = None
    calibration: Path | None = None
    key: Path | None = None
    processes: int | None = None
    cluster: str | None = None
    name: str = ""
    description: str = ""
    license: str = ""
    creator: str = ""
    url: str = ""
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("path", type=Path, metavar="PATH", help="folder, zip archive, or table")
    what = parser.add_argument_group("what is known")
    what.add_argument("--policy", type=Path, metavar="FILE", help="default: as qiqa vet policy")
    what.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="label, split, site, age, ... by series_uid, path or patient_id",
    )
    what.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="what a column of the table is, for instance label=diagnosis; repeatable",
    )
    what.add_argument(
        "--population", type=Path, metavar="FILE", help="column, value, share: whom it stands for"
    )
    what.add_argument(
        "--history", metavar="FILE", help="phantom QC of the scanners: database, or table of exams"
    )
    what.add_argument(
        "--history-key", type=Path, metavar="FILE", help="that the images were de-identified with"
    )
    what.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="of the scanners, from qiqa harmonize calibrate: what puts their days right",
    )
    what.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="for hashes of patients; default: OUT/private/patients.key",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--processes", type=counted, metavar="N", help="default: all processors")
    how.add_argument("--cluster", metavar="tcp://...", help="a Dask scheduler instead")
    out = parser.add_argument_group("what to write")
    out.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder")
    for field in ("name", "description", "license", "creator", "url"):
        out.add_argument(f"--{field}", default="", metavar="TEXT", help=f"{field} of the data set")
    json_option(out, VET_SCHEMA)


def command(options: Options) -> int:
    """Vet a set and write the outputs."""
    from qiqa.cli.vet_inputs import given_of, policy_of
    from qiqa.io.staged import settle, staged
    from qiqa.io.vet_override import add_change
    from qiqa.io.vet_parts import write_features
    from qiqa.report.files import made_folder
    from qiqa.workflows.reviewing import policy_again
    from qiqa.workflows.vet_checks import known_checks
    from qiqa.workflows.vet_outputs import write_decisions, write_parts
    from qiqa.workflows.vet_unaltered import OnRecord, refuse_lost_decisions

    if not options.path.exists():
        raise ReadError("no such file or folder", where=str(options.path))
    if options.output.resolve() == options.path.resolve():
        raise UsageError(
            "the outputs would lie among the images", where="-o", hint="name a folder of its own"
        )
    policy, text = policy_of(options.policy, known_checks())
    _made_private(made_folder(options.output) / PRIVATE)
    settle(options.output)
    refuse_lost_decisions(options.output)
    on_record = OnRecord.of(options.output)
    now = dt.datetime.now(dt.UTC)
    policy, change = policy_again(options.output, policy, now)
    given = given_of(options, policy, now)
    with contextlib.ExitStack() as open_files, progress() as tell:
        try:
            result, table, findings = _vetted(options, given, open_files, tell)
        except KeyboardInterrupt:
            say("stopped; the same command goes on where it was", to_error=True)
            raise
        _refuse_nothing(result, options)
        tell("writing")
        with staged(options.output) as place:
            on_record.refuse_other()
            if change is not None:
                add_change(change, options.output, place)
                say(_CHANGED, to_error=True)
            write_parts(result.parts, place)
            keys = zip(table.series_uid, table.path, strict=True)
            write_features(keys, table.features, table.values, place)
            write_decisions(result, options.output, text, place)
    tell_findings(findings, to_error=True)
    return _tell(result, options)


def _made_private(folder: Path) -> None:
    """Make the folder that only its maker may look into; one that is there stays as it is."""
    from qiqa.io.export import reported

    if not folder.exists():
        with reported(str(folder)):
            folder.mkdir(mode=0o700)


def _refuse_nothing(result: VetResult, options: Options) -> None:
    """Refuse a set without a series: nothing found must not look like nothing wrong."""
    if result.counts.series:
        return
    kinds = collections.Counter(one.kind for one in result.parts.notes)
    found = ", ".join(f"{kind}: {number}" for kind, number in kinds.most_common(3))
    raise ReadError(
        f"there is no image series ({found or 'no file at all'})",
        where=str(options.path),
        hint="give a folder with DICOM or NIfTI images below it; other formats must be "
        "exported anew as one of these",
    )


def _vetted(
    options: Options, given: Given, open_files: contextlib.ExitStack, tell: Callable[[str], None]
) -> tuple[VetResult, VetTable, tuple[Finding, ...]]:
    """Vet images, or a table of them."""
    from qiqa.cli.vet_inputs import roles_of
    from qiqa.workflows.vetting_walk import vet_images, vet_table

    if options.path.suffix.lower() in TABLES:
        from qiqa.io.vet_table import read_set

        table, found = read_set(options.path, roles_of(options))
        result, whole, more = vet_table(table, given)
        return result, whole, (*found, *more)
    from qiqa.store.vet_work import VetWork

    work = open_files.enter_context(VetWork(options.output / PRIVATE / WORK))
    _clear(options.output)
    if work.of_other_version:
        say("another version of qiqa was at work here: all images are read anew", to_error=True)
    return vet_images(options.path, work, given, _executor(options), tell)


def _clear(folder: Path) -> None:
    """Remove what a run that was killed left half written; the working file is ours alone now."""
    for path in folder.glob(_LEFT_OVER):
        path.unlink(missing_ok=True)


def _executor(options: Options) -> Executor:
    from qiqa.workflows.executing import Processes, cluster

    if options.cluster is None:
        return Processes(options.processes)
    if options.processes is not None:
        raise UsageError("not with --cluster", where="--processes")
    return cluster(options.cluster)


def _tell(result: VetResult, options: Options) -> int:
    """Say what was decided, and return the exit status."""
    from qiqa.core.vet_payload import vet_payload
    from qiqa.core.vet_words import lapsed_words
    from qiqa.io.ro_crate import seal
    from qiqa.io.vet_files import MANIFEST_CSV
    from qiqa.report.data_card import CARD

    to_error = options.json == "-"
    if options.json is not None:
        write_json(vet_payload(result), options.json)
    counts = result.counts
    said = ", ".join(f"{counts.actions[action]:,} {action.value}" for action in Action)
    say(f"{counts.series:,} series: {said}", style="bold", to_error=to_error)
    if labels := sum(counts.labels.values()):
        kept = counts.labels[Action.KEEP]
        say(f"  {labels:>9,}  hold labels, no images; {kept:,} of them kept", to_error=to_error)
    called = [
        one
        for code, one in counts.reasons.items()
        if one.above
        and code in result.policy.rules
        and result.policy.rules[code].action is not Action.KEEP
    ]
    for one in sorted(called, key=lambda r: (-r.above, r.code))[:_MOST_REASONS]:
        title = result.reasons[one.code][1].title if one.code in result.reasons else one.code
        say(f"  {one.above:>9,}  {one.code}: {one_line(title)}", to_error=to_error)
    if len(called) > _MOST_REASONS:
        say(f"  {len(called) - _MOST_REASONS} more reasons on the card", to_error=to_error)
    if lapsed := lapsed_words(result):
        say(lapsed, to_error=to_error)
    say(f"card:     {(options.output / CARD).resolve()}", to_error=to_error)
    say(f"manifest: {(options.output / MANIFEST_CSV).resolve()}", to_error=to_error)
    say(f"seal:     {seal(options.output)}", to_error=to_error)
    if counts.actions[Action.REJECT]:
        return status.ACTION
    waiting = counts.actions[Action.QUARANTINE] + counts.actions[Action.CORRECT]
    return status.TOLERANCE if waiting else status.PASS
