"""`qiqa phantoms`: which are known, and whether a definition is right."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.console import say, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.arrangement import Arrangement
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.phantom import Phantom

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.phantoms/1"
OPERANDS = ""
EPILOG = """
examples:
  qiqa phantoms
  qiqa phantoms --check my_phantom.toml

Folders named in QIQA_PATH are searched first: FOLDER/phantoms/NAME.toml.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    check: Path | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--check", type=Path, metavar="FILE", help="check a phantom definition of your own"
    )
    json_option(parser, SCHEMA)


def command(options: Options) -> int:
    """List phantoms or check a file."""
    from qiqa.io.definitions import load_phantom, names

    wanted = names("phantoms") if options.check is None else (str(options.check),)
    found = [load_phantom(name) for name in wanted]
    if options.json is not None:
        rows = [
            {
                "id": p.id,
                "name": p.name,
                "family": p.family,
                "variants": list(_variants(p)),
                "path": p.path,
                "sha256": p.sha256,
            }
            for p in found
        ]
        write_json({"schema": SCHEMA, "phantoms": rows}, options.json)
    if options.json == "-":
        return status.PASS
    if options.check is not None:
        phantom = found[0]
        say(f"{options.check}: {phantom.name}, {_size(phantom)}, no fault found")
        return status.PASS
    lines = tuple(
        Row(cells=(p.id, p.name, ", ".join(_variants(p)), p.sha256[:12], p.path)) for p in found
    )
    table(("id", "name", "variants", "sha256", "file"), [Section(rows=lines)])
    return status.PASS


def _variants(phantom: Phantom) -> tuple[str, ...]:
    return phantom.variants if isinstance(phantom, CylinderPhantom) else ()


def _size(phantom: Phantom) -> str:
    if isinstance(phantom, Arrangement):
        return f"{sum(len(g.labels) for g in phantom.group)} inserts in {len(phantom.group)} groups"
    return f"{len(phantom.insert)} inserts" if isinstance(phantom, CylinderPhantom) else ""
