"""`qiqa vet verify`: an output for an auditor, file by file and decision by decision."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.console import one_line, progress, say, write_json
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.workflows.vet_verifying import Verified

__all__ = ["EPILOG", "OPERANDS", "VERIFICATION_SCHEMA", "Options", "arguments", "command"]

VERIFICATION_SCHEMA = "qiqa.vet_verification/1"
OPERANDS = "OUT"
EPILOG = """
examples:
  qiqa vet verify vetted
  qiqa vet verify vetted --seal 9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab

Every file is hashed and held against ro-crate-metadata.json, and every decision is made anew from
observations.parquet, policy.toml and overrides.jsonl. No image is read. Who can write here can
write that file too: keep its SHA-256, the seal that qiqa vet prints, elsewhere and give it.
Exit status: 0 all of it holds, 1 something was altered, or it could not be done.
"""
_MOST = 5
_SEAL = re.compile(r"[0-9a-fA-F]{64}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    folder: Path
    seal: str | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, metavar="OUT", help="what qiqa vet wrote")
    parser.add_argument("--seal", metavar="SHA256", help="as qiqa vet printed it")
    json_option(parser, VERIFICATION_SCHEMA)


def command(options: Options) -> int:
    """Say what holds."""
    from qiqa.workflows.vet_checks import known_checks
    from qiqa.workflows.vet_verifying import verify_output

    known = None if options.seal is None else options.seal.strip()
    # an empty one too: a variable of a script that was not set must not pass for a seal
    if known is not None and not _SEAL.fullmatch(known):
        raise UsageError(f"{known!r} is no SHA-256: 64 digits of 0-9, a-f", where="--seal")
    with progress() as told:
        told("deciding anew")
        found = verify_output(options.folder, known_checks(), known or "")
    if options.json is not None:
        payload = {"schema": VERIFICATION_SCHEMA, "holds": found.holds}
        write_json(payload | dataclasses.asdict(found), options.json)
    _tell(found, sealed=known is not None, to_error=options.json == "-")
    return status.PASS if found.holds else status.FAILED


def _tell(found: Verified, *, sealed: bool, to_error: bool) -> None:
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
    if found.strangers:
        more = ", ..." if len(found.strangers) > _MOST else ""
        beside = f"beside it, no part of it: {', '.join(found.strangers[:_MOST])}{more}"
        say(one_line(beside), to_error=to_error)
    said = " as given" if sealed and found.holds else ""
    say(f"seal: {found.seal}{said}", to_error=to_error)
