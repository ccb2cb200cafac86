"""`qiqa protocols`: which are known, whether one is right, and what it asks a person for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.console import say, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.protocol import ANY_PHANTOM, Protocol

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.protocols/1"
ENTRIES_SCHEMA = "qiqa.entries/1"
OPERANDS = ""
EPILOG = """
examples:
  qiqa protocols
  qiqa protocols --check my_protocol.toml
  qiqa protocols --entries acr_large_2022 > monday.toml

Fill in monday.toml and give it to qiqa qc --enter monday.toml.
Folders named in QIQA_PATH are searched first: FOLDER/protocols/NAME.toml.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    check: Path | None = None
    entries: str | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--check", type=Path, metavar="FILE", help="check a protocol definition of your own"
    )
    one.add_argument(
        "--entries", metavar="PROTOCOL", help="print an entry file of this protocol to fill in"
    )
    json_option(parser, f"{SCHEMA}, with --entries {ENTRIES_SCHEMA}")


def command(options: Options) -> int:
    """List protocols, check a file, or print an entry file to fill in."""
    from qiqa.io.definitions import load_phantom, load_protocol, names

    if options.entries is not None:
        return _entries(load_protocol(options.entries), options.json)
    wanted = names("protocols") if options.check is None else (str(options.check),)
    found = [load_protocol(name) for name in wanted]
    if options.check is not None and found[0].phantom != ANY_PHANTOM:
        load_phantom(found[0].phantom)  # a protocol for a phantom that is not known is no use
    if options.json is not None:
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
        write_json({"schema": SCHEMA, "protocols": rows}, options.json)
    if options.json == "-":
        return status.PASS
    if options.check is not None:
        say(f"{options.check}: {found[0].name}, {len(found[0].limit)} limits, no fault found")
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
