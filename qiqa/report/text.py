"""Text from headers and people made safe to show: no control characters, bounded length."""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = ["basename", "clean", "escape", "listing", "short_hash"]

MAX_LENGTH = 600
"""Longest text shown; longer ones end in an ellipsis. No legitimate message comes near it."""


def clean(text: str, limit: int = MAX_LENGTH) -> str:
    """Return `text` without control, format and surrogate characters, at most `limit` long.

    Line breaks and tabs become blanks. Directional overrides go too (Unicode category Cf), so
    that a header cannot reorder the words around it; right-to-left letters stay.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text
    kept = []
    for character in text[: 4 * limit]:
        if character in "\t\n\r\v\f\u2028\u2029":
            kept.append(" ")
        elif unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}:
            kept.append(character)
    shown = "".join(kept)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def escape(text: str, limit: int = MAX_LENGTH) -> str:
    """Return `text` cleaned and escaped for HTML text and quoted attributes."""
    return html.escape(clean(text, limit), quote=True)


def basename(path: str) -> str:
    """Return the last part of a path of either system.

    Folders above it are left out on purpose: they hold names of people more often than not.
    """
    parts = [part for part in re.split(r"[\\/]+", path) if part]
    return parts[-1] if parts else path


def short_hash(sha256: str) -> str:
    """Return the first twelve digits of a hash, enough to tell files apart by eye."""
    return sha256[:12]


def listing(items: list[str], most: int = 3) -> str:
    """Return "a, b and c", or "a, b, c and 4 more" where there are more than `most`.

    >>> listing(["a", "b"]), listing(["a", "b", "c", "d"], most=2)
    ('a and b', 'a, b and 2 more')
    """
    if len(items) > most:
        items = [*items[:most], f"{len(items) - most} more"]
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
