"""What the columns of a table are, as said on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qiqa.core.errors import UsageError

__all__ = ["named_columns", "refuse_input"]


def named_columns(given: Sequence[str]) -> dict[str, str]:
    """Return name of qiqa -> name in the file, from texts NAME=COLUMN.

    Raises
    ------
    UsageError
        If one is not of this form.
    """
    made = {}
    for text in given:
        name, sign, column = text.partition("=")
        if not sign or not name.strip() or not column.strip():
            raise UsageError(
                f"{text!r} is not NAME=COLUMN", where="--column", hint="for instance value=PSNR"
            )
        made[name.strip()] = column.strip()
    return made


def refuse_input(output: Path | None, *given: Path | None) -> None:
    """Refuse to write over what was given to read: measured values exist once.

    Raises
    ------
    UsageError
        If `output` is one of the files that were given.
    """
    if output is None:
        return
    for path in given:
        if path is not None and path.resolve() == output.resolve():
            raise UsageError(
                "is what was given to read: it would be replaced",
                where=str(output),
                hint="write to another file",
            )
