"""`qiqa demo`: an exam that needs nothing, through the whole walk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qiqa.cli import qc, simulate, status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.console import say
from qiqa.core.errors import OutputError

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = ""
EPILOG = """
example:
  qiqa demo -o demo

Needs no data and no network, and keeps its own history, apart from the real one.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    output: Path | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where to write; default: in your data folder",
    )
    json_option(parser, "qiqa.qc/1")


def command(options: Options) -> int:
    """Simulate a slightly imperfect exam, run its QC, say where everything is."""
    folder = options.output if options.output is not None else _default_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot be made: {error.strerror or error}",
            where=str(folder),
            hint="choose one with -o",
        ) from error
    to_error = options.json == "-"
    say("simulating: phantom turned by 1.5 degrees, slices 1.2 mm too far up\n", to_error=to_error)
    exam = folder / "exam"
    simulate.write(
        simulate.Options(
            phantom="acr_large",
            output=exam,
            snr=120.0,
            rotation=1.5,
            displacement=1.2,
            thickness=5.1,
            gradient_error="0.3,-0.2,0.1",
            bubble=8.0,
        )
    )
    code = qc.command(
        qc.Options(
            paths=(exam,),
            report=folder / "report.html",
            json=options.json,
            store=str(folder / "history.db"),
        )
    )
    if code == status.FAILED:
        return code
    say("\nyour own scans: qiqa qc FOLDER", to_error=to_error)
    return status.PASS


def _default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("qiqa", appauthor=False)) / "demo"
