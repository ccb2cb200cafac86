"""`qiqa trial deidentify`: images that may leave the hospital, and a log of what was done."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option, paths_argument
from qiqa.cli.console import one_line, progress, say, write_json
from qiqa.core.errors import UsageError
from qiqa.core.measurement import Verdict

if TYPE_CHECKING:
    from qiqa.core.pseudonyms import PseudonymKey
    from qiqa.workflows.deidentifying import Deidentified

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.deidentified/1"
OPERANDS = "PATH ... -o FOLDER --key FILE"
EPILOG = """
examples:
  qiqa trial deidentify exams/ -o outgoing/ --key ~/trial.key
  qiqa trial deidentify phantom/ -o outgoing-qc/ --key ~/trial.key --phantom

The same key gives the same pseudonyms, UIDs and shifts of dates, so that exams of one participant
and of one scanner stay together. Keep it, keep it secret, and give every site its own unless
participants move between sites. Run the same command again after an interruption.

Faces and text drawn into pixels are not removed. This supports a de-identification that a person
answers for; it does not certify one. See docs/deidentification.md.

Exit status: 0 all images written, 3 some refused (named here, coded in the log), 1 none written.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    paths: list[Path] = dataclasses.field(default_factory=list)
    output: Path | None = None
    key: Path | None = None
    phantom: bool = False
    shift_dates: bool = False
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    paths_argument(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="where to write images and log"
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="secret of at least 32 bytes; made for you alone where there is none",
    )
    phantom = parser.add_argument_group("phantoms")
    phantom.add_argument(
        "--phantom", action="store_true", help="no person is in the images: their dates stay"
    )
    phantom.add_argument(
        "--shift-dates", action="store_true", help="with --phantom: move them, by scanner"
    )
    json_option(parser, SCHEMA)


def command(options: Options) -> int:
    """De-identify, and say what became of the files."""
    from qiqa.io.deid.files import DeidOptions
    from qiqa.workflows.deidentifying import check_places, deidentify

    for name, value in (("--output", options.output), ("--key", options.key)):
        if value is None:
            raise UsageError("is needed", where=name)
    if options.shift_dates and not options.phantom:
        hint = "dates of participants are always moved"
        raise UsageError("goes with --phantom", where="--shift-dates", hint=hint)
    out, key_file = options.output or Path(), options.key or Path()
    check_places(options.paths, out, key_file)
    wanted = DeidOptions(phantom=options.phantom, shift_phantom_dates=options.shift_dates)
    key = _key(key_file, to_error=options.json == "-")
    with progress() as tell:
        done = deidentify(options.paths, out, key, wanted, tell)
    if options.json is not None:
        write_json(_payload(done), options.json)
    return _report(done, out, to_error=options.json == "-")


def _payload(done: Deidentified) -> dict[str, object]:
    """Return what became of the files; it names refused originals and stays where these are."""
    counts = ("written", "unchanged", "duplicates", "not_dicom")
    return {
        "schema": SCHEMA,
        **{name: getattr(done, name) for name in counts},
        "refused": [
            {"where": r.where, "code": getattr(r, "code", "unreadable"), "message": r.message}
            for r in done.refused
        ],
        "participants": sorted(done.participants),
        "scanners": sorted(done.scanners),
    }


def _key(path: Path, *, to_error: bool) -> PseudonymKey:
    from qiqa.io.keyfile import is_private, key_from, make_key

    if not path.exists():
        key = make_key(path)
        text = f"a new key was made: {path}. Keep it safe: without it nothing can be linked again"
        say(text, to_error=to_error)
        return key
    key = key_from(path)
    if not is_private(path):
        say(f"! {path} can be read by others: chmod 600 keeps it yours", to_error=True)
    return key


def _report(done: Deidentified, out: Path, *, to_error: bool) -> int:
    for refusal in done.refused:
        say(f"!! {one_line(refusal.where or '', 200)}: {refusal.message}", to_error=True)
        if refusal.hint:
            say(f"     {one_line(refusal.hint)}", to_error=True)
    say(
        f"{done.written} images of {len(done.participants)} participants or phantoms written to "
        f"{out}; {done.unchanged} were there, {done.duplicates} duplicates, "
        f"{len(done.refused)} refused, {done.not_dicom} not DICOM",
        to_error=to_error,
    )
    for scanner in sorted(done.scanners):
        say(f"scanner: {scanner}", to_error=to_error)
    if not done.participants:
        say("!! no image was written: look at the folder that was given", to_error=True)
        return status.FAILED
    return status.of_verdict(Verdict.TOLERANCE) if done.refused else status.PASS
