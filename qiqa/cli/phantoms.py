"""`qiqa phantoms`: which are known, whether a definition is right, what a phantom's values are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser, finite, json_option
from qiqa.cli.console import say, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.arrangement import Arrangement
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import UsageError
from qiqa.core.phantom import Phantom

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.phantoms/1"
OPERANDS = "[check FILE | show NAME | import WORKBOOK]"
EPILOG = """
examples:
  qiqa phantoms
  qiqa phantoms check my_phantom.toml
  qiqa phantoms show nist_system --serial 130-0093 --field 3 --temperature 20.5
  qiqa phantoms import calibration.xls --phantom nist_system --serial 130-0200 \\
      -o my-definitions/certificates/130-0200.toml

Folders named in QIQA_PATH are searched first: FOLDER/phantoms/NAME.toml for types of phantom,
FOLDER/certificates/*.toml for the values of single units.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    words: tuple[str, ...] | list[str] = ()
    check: Path | None = None
    serial: str | None = None
    temperature: float | None = None
    field: float | None = None
    phantom: str | None = None
    coverage_factor: float | None = None
    output: Path | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("words", nargs="*", metavar="WHAT", help="check, show or import; then what")
    parser.add_argument("--check", type=Path, metavar="FILE", help="the same as: check FILE")
    parser.add_argument("--serial", metavar="S", help="show, import: serial number of the unit")
    show = parser.add_argument_group("show")
    show.add_argument(
        "--temperature", type=finite, metavar="T", help="values at this temperature [°C]"
    )
    show.add_argument("--field", type=finite, metavar="B", help="values at this field [T]")
    bring = parser.add_argument_group("import")
    bring.add_argument("--phantom", metavar="NAME", help="type: nist_system or qiba_diffusion")
    bring.add_argument(
        "--coverage-factor",
        type=finite,
        metavar="K",
        help="printed over standard uncertainty, where the workbook states it",
    )
    bring.add_argument("-o", "--output", type=Path, metavar="FILE", help="certificate to write")
    json_option(parser, f"{SCHEMA}; show: qiqa.reference/1")


def command(options: Options) -> int:
    """List phantoms, or do what the first word says.

    Raises
    ------
    UsageError
        If the words or options do not belong together.
    """
    words = list(options.words)
    if options.check is not None:
        words = ["check", str(options.check), *words]
    action = words[0] if words else "list"
    works: dict[str, tuple[int, tuple[str, ...], Callable[[str, Options], int]]] = {
        "list": (1 if words else 0, (), _list),
        "check": (2, (), _check),
        "show": (2, ("serial", "temperature", "field"), _show),
        "import": (2, ("serial", "phantom", "coverage_factor", "output"), _import),
    }
    if action not in works:
        raise UsageError(
            f"{action!r} is not one of list, check, show, import",
            where="qiqa phantoms",
            hint=f"qiqa phantoms check {action}" if action.endswith(".toml") else None,
        )
    n, allowed, work = works[action]
    if len(words) != n:
        given = " ".join(words[1:]) or "nothing"
        message = f"{action} needs {'one thing' if n == 2 else 'nothing'} after it, not {given}"
        raise UsageError(message, where="qiqa phantoms", hint="qiqa phantoms --help")
    for name in ("serial", "temperature", "field", "phantom", "coverage_factor", "output"):
        if getattr(options, name) is not None and name not in allowed:
            message = f"{action} has no option --{name.replace('_', '-')}"
            raise UsageError(message, where="qiqa phantoms", hint="qiqa phantoms --help")
    return work(words[1] if n == 2 else "", options)


def _list(_: str, options: Options) -> int:
    from qiqa.io.definitions import load_phantom, names

    found = [load_phantom(name) for name in names("phantoms")]
    if options.json is not None:
        write_json({"schema": SCHEMA, "phantoms": [_row(p) for p in found]}, options.json)
    if options.json != "-":
        lines = tuple(
            Row(cells=(p.id, p.name, ", ".join(_variants(p)), p.sha256[:12], p.path)) for p in found
        )
        table(("id", "name", "variants", "sha256", "file"), [Section(rows=lines)])
    return status.PASS


def _check(name: str, options: Options) -> int:
    from qiqa.io.definitions import (
        CERTIFICATE_SCHEMA,
        load_certificates,
        load_phantom,
        schema_of,
    )

    path = Path(name)
    if path.suffix == ".toml" and path.is_file() and schema_of(path) == CERTIFICATE_SCHEMA:
        unit = load_certificates(path)
        tables = f"{len(unit.certificate)} tables of {unit.phantom} unit {unit.serial}"
        if options.json is not None:
            row = {"phantom": unit.phantom, "serial": unit.serial, "path": name}
            row["sha256"] = unit.sha256
            write_json({"schema": SCHEMA, "certificates": [row]}, options.json)
        say(f"{name}: {tables}, no fault found", to_error=options.json == "-")
        return status.PASS
    phantom = load_phantom(name)
    if options.json is not None:
        write_json({"schema": SCHEMA, "phantoms": [_row(phantom)]}, options.json)
    if options.json != "-":
        say(f"{name}: {phantom.name}, {_size(phantom)}, no fault found")
    return status.PASS


def _show(name: str, options: Options) -> int:
    from qiqa.cli.phantom_values import Conditions, payload, show
    from qiqa.io.definitions import load_phantom

    phantom = load_phantom(name)
    at = Conditions(serial=options.serial, degc=options.temperature, field_t=options.field)
    if options.json is not None:
        write_json(payload(phantom, at), options.json)
    if options.json != "-":
        show(phantom, at)
    return status.PASS


def _import(workbook: str, options: Options) -> int:
    from qiqa.cli.phantom_import import bring

    return bring(Path(workbook), options)


def _row(p: Phantom) -> dict[str, object]:
    return {
        "id": p.id,
        "name": p.name,
        "family": p.family,
        "variants": list(_variants(p)),
        "path": p.path,
        "sha256": p.sha256,
        "units": [{"serial": s.serial, "path": s.path, "sha256": s.sha256} for s in p.supplements],
    }


def _variants(phantom: Phantom) -> tuple[str, ...]:
    return phantom.variants if isinstance(phantom, CylinderPhantom) else ()


def _size(phantom: Phantom) -> str:
    if isinstance(phantom, Arrangement):
        n, groups = sum(len(g.labels) for g in phantom.group), len(phantom.group)
        return f"{n} inserts in {groups} group{'s' if groups > 1 else ''}"
    return f"{len(phantom.insert)} inserts" if isinstance(phantom, CylinderPhantom) else ""
