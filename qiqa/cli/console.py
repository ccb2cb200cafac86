"""Printing: lines, messages, progress, JSON; nothing from a header reaches the terminal raw."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from qiqa.core.errors import OutputError, QiqaError
from qiqa.core.finding import Finding, Severity

__all__ = [
    "clean",
    "complain",
    "one_line",
    "prepare_streams",
    "progress",
    "say",
    "say_parts",
    "tell_findings",
    "width",
    "write_json",
    "write_text",
]

LONGEST = 400
"""Longest text from a header or path that is shown; no legitimate one comes near it."""
_PLAIN_WIDTH = 120

Part = tuple[str, str | None]
"""Text and its style."""


def prepare_streams() -> None:
    """Make the streams forgiving: a sign that the console's code page lacks becomes `?`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def clean(text: object) -> str:
    """Return text without control characters, so that a header cannot steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in str(text))


def one_line(text: object, limit: int = LONGEST) -> str:
    """Return text from a header as one line of bounded length."""
    shown = clean(" ".join(str(text).split()))
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def say(text: str = "", *, style: str | None = None, to_error: bool = False) -> None:
    """Print lines."""
    say_parts([(text, style)], to_error=to_error)


def say_parts(parts: Sequence[Part], *, to_error: bool = False) -> None:
    """Print parts of a line side by side, in color where there is a terminal.

    A reader that has gone (`| head -1`) does not stop the work.

    Raises
    ------
    OutputError
        If it cannot be printed for another reason, for instance a full disk; the work can go on,
        what is printed later goes nowhere.
    """
    stream = sys.stderr if to_error else sys.stdout
    if stream is None:  # closed by whoever started us
        return
    try:
        if stream.isatty() and any(style for _, style in parts):
            _print_styled(parts, stream)
        else:
            print("".join(clean(text) for text, _ in parts), file=stream, flush=True)
    except OSError as error:
        _silence(stream)
        if isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL):
            return
        name = "standard error" if to_error else "standard output"
        raise OutputError(f"cannot be written: {error.strerror or error}", where=name) from error


def _print_styled(parts: Sequence[Part], stream: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    line = Text.assemble(*((clean(text), style or "") for text, style in parts))
    Console(file=stream, highlight=False).print(line, soft_wrap=True)
    stream.flush()


def _silence(stream: TextIO) -> None:
    """Send what is still to come, and what is waiting, nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def width() -> int:
    """Return how many columns there are; COLUMNS overrules, also for files and pipes."""
    import shutil

    return max(shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns, 40)


def complain(error: QiqaError) -> None:
    """Print an error: what, where, what to do."""
    # an error that cannot be printed has nowhere else to go
    with contextlib.suppress(OutputError):
        say(f"qiqa: {error}", to_error=True)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done on a terminal's last line; silent where there is none."""
    stream = sys.stderr
    if stream is None or not stream.isatty():
        yield lambda _: None
        return
    try:
        yield lambda text: print(
            f"\r\x1b[K{one_line(text, width() - 1)}", end="", file=stream, flush=True
        )
    finally:
        print("\r\x1b[K", end="", file=stream, flush=True)


def tell_findings(findings: Sequence[Finding], *, to_error: bool = False) -> None:
    """Print findings, worst first."""
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    marks = {Severity.ERROR: ("!! ", "bold red"), Severity.WARNING: ("!  ", "yellow")}
    for item in sorted(findings, key=lambda f: order[f.severity]):
        where = f" [{one_line(item.where, 120)}]" if item.where else ""
        mark = marks.get(item.severity, ("   ", None))
        say_parts([mark, (f"{one_line(item.message)}{where}", None)], to_error=to_error)
        if item.hint and item.severity is not Severity.INFO:
            say(f"     {one_line(item.hint)}", to_error=to_error)


def write_json(payload: Any, target: str) -> None:
    """Write JSON to a file, whole or not at all, or to standard output for `-`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    import json

    if target == "-":
        # plain ASCII: no code page can spoil it and no control character reaches a terminal
        say(json.dumps(payload, indent=2, ensure_ascii=True, allow_nan=False))
        return
    write_text(json.dumps(payload, indent=2, ensure_ascii=False, allow_nan=False) + "\n", target)


def write_text(text: str, target: str) -> None:
    """Write a text file, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    import tempfile

    path = Path(target)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".qiqa-", suffix=".part")
        temporary = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # temporary files are for their maker only; a result is for the department
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror or error}",
            where=target,
            hint="choose another place or free some space",
        ) from error
    finally:  # also when interrupted
        if temporary is not None:
            temporary.unlink(missing_ok=True)
