"""`qiqa vet verify`: an output for an auditor, file by file and decision by decision."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.console import one_line, progress, say, write_json

if TYPE_CHECKING:
    from qiqa.workflows.vet_verifying import Verified

__all__ = ["EPILOG", "OPERANDS", "VERIFICATION_SCHEMA", "Options", "arguments", "command"]

VERIFICATION_SCHEMA = "qiqa.vet_verification/1"
OPERANDS = "OUT"
EPILOG = """
examples:
  qiqa vet verify vetted
  qiqa vet verify vetted --json verified.json

Every file is hashed and held against ro-crate-metadata.json, and every decision is made anew from
observations.parquet, policy.toml and overrides.jsonl. No image is read. Keep the SHA-256 of
ro-crate-metadata.json elsewhere: who can write here can write that file too.
Exit status: 0 all of it holds, 1 something was altered, or it could not be done.
"""
_MOST = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    folder: Path
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, metavar="OUT", help="what qiqa vet wrote")
    json_option(parser, VERIFICATION_SCHEMA)


def command(options: Options) -> int:
    """Say what holds."""
    from qiqa.workflows.vet_checks import known_checks
    from qiqa.workflows.vet_verifying import verify_output

    with progress() as told:
        told("deciding anew")
        found = verify_output(options.folder, known_checks())
    if options.json is not None:
        payload = {"schema": VERIFICATION_SCHEMA, "holds": found.holds}
        write_json(payload | dataclasses.asdict(found), options.json)
    _tell(found, to_error=options.json == "-")
    return status.PASS if found.holds else status.FAILED


def _tell(found: Verified, *, to_error: bool) -> None:
    if found.changed:
        altered = one_line(f"not as it was written: {', '.join(found.changed)}")
        say(altered, style="bold", to_error=to_error)
    else:
        say(f"{found.files} files are as they were written", to_error=to_error)
    if found.differing:
        some = ", ".join(found.differing[:_MOST])
        count = f"{len(found.differing):,} of {found.series:,} decisions do not follow"
        differ = one_line(f"{count} from what was seen and the policy, first {some}")
        say(differ, style="bold", to_error=to_error)
    else:
        follow = "follow from what was seen, the policy and the decisions of persons"
        say(f"{found.series:,} decisions {follow}", to_error=to_error)
    say(one_line(f"images were looked at by qiqa {found.made_by}"), to_error=to_error)
