"""What the columns of a table are, as said on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from qiqa.core.errors import UsageError

__all__ = ["named_columns"]


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
