"""`qiqa protocols`: which are known, whether one is right or was kept, what it asks for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.console import say, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.errors import UsageError
from qiqa.core.protocol import Protocol

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.protocols/1"
ENTRIES_SCHEMA = "qiqa.entries/1"
OPERANDS = "[check FILE | check PATH]"
EPILOG = """
examples:
  qiqa protocols
  qiqa protocols check my_protocol.toml
  qiqa protocols check monday/
  qiqa protocols check monday/ --protocol qiba_dwi_ice_water
  qiqa protocols --entries acr_large_2022 > monday.toml

check FILE.toml looks for faults in a definition; check PATH names how the series in PATH deviate
from a protocol and what that does to the result. Status: 0 in order, 3 deviates, 5 cannot be
judged.
Fill in monday.toml and give it to qiqa qc --enter monday.toml.
Folders named in QIQA_PATH are searched first: FOLDER/protocols/NAME.toml.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    words: tuple[str, ...] | list[str] = ()
    check: Path | None = None
    protocol: str | None = None
    entries: str | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("words", nargs="*", metavar="WHAT", help="check; then a file or folder")
    parser.add_argument(
        "--protocol", metavar="NAME", help="check PATH: against this one, not the best fitting"
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--check", type=Path, metavar="FILE", help="the same as: check FILE")
    one.add_argument(
        "--entries", metavar="PROTOCOL", help="print an entry file of this protocol to fill in"
    )
    json_option(parser, f"{SCHEMA}, with --entries {ENTRIES_SCHEMA}, check PATH: qiqa.compliance/1")


def command(options: Options) -> int:
    """List protocols, check a definition or an exam, or print an entry file to fill in.

    Raises
    ------
    UsageError
        If the words or options do not belong together.
    """
    words = list(options.words)
    if words and (words[0] != "check" or len(words) != 2 or options.check or options.entries):
        given = " ".join(words)
        message = f"{given!r} is not: check, then one file or folder"
        raise UsageError(message, where="qiqa protocols", hint="qiqa protocols --help")
    definition = not words or words[1].endswith(".toml")
    if options.protocol is not None and definition:
        message = "--protocol belongs to check PATH"
        raise UsageError(message, where="qiqa protocols", hint="qiqa protocols --help")
    if not definition:
        from qiqa.cli.compliance import check

        return check(Path(words[1]), options.protocol, options.json)
    if options.entries is not None:
        from qiqa.io.definitions import load_protocol

        return _entries(load_protocol(options.entries), options.json)
    return _definitions(Path(words[1]) if words else options.check, options.json)


def _definitions(file: Path | None, json: str | None) -> int:
    """List all protocols, or check the definition in one file."""
    from qiqa.io.definitions import load_phantom, load_protocol, names

    wanted = names("protocols") if file is None else (str(file),)
    found = [load_protocol(name) for name in wanted]
    if file is not None:
        load_phantom(found[0].phantom)  # a protocol for a phantom that is not known is no use
    if json is not None:
        rows = [
            {
                "id": p.id,
                "name": p.name,
                "edition": p.edition,
                "phantom": p.phantom,
                "path": p.path,
                "sha256": p.sha256,
            }
            for p in found
        ]
        write_json({"schema": SCHEMA, "protocols": rows}, json)
    if json == "-":
        return status.PASS
    if file is not None:
        say(f"{file}: {found[0].name}, {len(found[0].limit)} limits, no fault found")
        return status.PASS
    lines = tuple(Row(cells=(p.id, p.edition, p.phantom, p.sha256[:12], p.path)) for p in found)
    table(("id", "edition", "phantom", "sha256", "file"), [Section(rows=lines)])
    return status.PASS


def _entries(protocol: Protocol, json: str | None) -> int:
    """Print what a person may enter, as a TOML file or, for other programs, as JSON."""
    if json is not None:
        payload = {
            "schema": ENTRIES_SCHEMA,
            "protocol": protocol.id,
            "entries": [plain(entry) for entry in protocol.entry],
        }
        write_json(payload, json)
        return status.PASS
    say(f"# Entries for {protocol.name}; leave empty what you do not know.")
    for entry in protocol.entry:
        allowed = f" One of: {', '.join(entry.choices)}." if entry.choices else ""
        unit = f" [{entry.unit}]" if entry.unit and entry.unit != "1" else ""
        note = f" {entry.note}." if entry.note else ""
        say(f'\n# {entry.question}{unit}.{allowed}{note}\n{entry.id} = ""')
    return status.PASS
