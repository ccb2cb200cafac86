"""Printing: tables, messages, progress, JSON; nothing from a header reaches the terminal raw."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qiqa.core.errors import OutputError, QiqaError
from qiqa.core.finding import Finding, Severity

__all__ = ["clean", "complain", "progress", "say", "table", "tell_findings", "write_json"]


def clean(text: object) -> str:
    """Return text without control characters, so that a header cannot steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in str(text))


def say(text: str = "", *, to_error: bool = False) -> None:
    """Print one line."""
    print(clean(text), file=sys.stderr if to_error else sys.stdout)


def complain(error: QiqaError) -> None:
    """Print an error: what, where, what to do."""
    say(f"qiqa: {error}", to_error=True)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    to_error: bool = False,
    styles: Sequence[str | None] = (),
    right: Sequence[int] = (),
) -> None:
    """Print a table that fits the terminal; long cells wrap.

    Parameters
    ----------
    columns, rows
        Texts.
    styles
        One rich style a row, or None.
    right
        Columns that are aligned to the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=to_error, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(stderr=to_error, highlight=False, width=_plain_width())
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, name in enumerate(columns):
        drawn.add_column(name, justify="right" if index in right else "left", overflow="fold")
    for index, row in enumerate(rows):
        style = styles[index] if index < len(styles) else None
        drawn.add_row(*(Text(clean(cell), style=style or "") for cell in row))
    console.print(drawn)


def _plain_width() -> int:
    """Width of a table that goes to a file or a pipe; COLUMNS overrules."""
    return int(os.environ.get("COLUMNS", "150")) if os.environ.get("COLUMNS", "").isdigit() else 150


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done on a terminal's last line; silent where there is none."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield lambda text: print(
            f"\r\x1b[K{clean(text)[:100]}", end="", file=sys.stderr, flush=True
        )
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def tell_findings(findings: Sequence[Finding], *, to_error: bool = False) -> None:
    """Print findings that a person should see, worst first."""
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    words = {Severity.ERROR: "!!", Severity.WARNING: "! ", Severity.INFO: "  "}
    for item in sorted(findings, key=lambda f: order[f.severity]):
        where = f" [{item.where}]" if item.where else ""
        say(f"{words[item.severity]} {item.message}{where}", to_error=to_error)
        if item.hint and item.severity is not Severity.INFO:
            say(f"     {item.hint}", to_error=to_error)


def write_json(payload: Any, target: str) -> None:
    """Write JSON to a file, whole or not at all, or to standard output for `-`.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = json.dumps(payload, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    path = Path(target)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".qiqa-", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(
            f"cannot be written: {error.strerror or error}",
            where=target,
            hint="choose another place or free some space",
        ) from error
