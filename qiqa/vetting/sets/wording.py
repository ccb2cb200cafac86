"""Tables of statements, and settings read from a policy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from qiqa.core.vetting import Settings

__all__ = ["MOST_ROWS", "named", "number", "short", "table", "words"]

MOST_ROWS = 50
"""Rows of a table on the card, besides its headings."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return rows below their headings; what is beyond `MOST_ROWS` is counted in a last row."""
    body = [tuple(row) for row in rows]
    made = [tuple(heads), *body[:MOST_ROWS]]
    if len(body) > MOST_ROWS:
        more = f"and {len(body) - MOST_ROWS} more"
        made.append((more, *("" for _ in heads[1:])))
    return tuple(made)


def short(value: float) -> str:
    """Return a number with four digits; `none` where there is none."""
    return f"{value:.4g}" if math.isfinite(value) else "none"


def named(names: Sequence[str], most: int = 5) -> str:
    """Return some names, and how many more there are."""
    shown = ", ".join(name or "unknown" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def words(settings: Settings, name: str) -> tuple[str, ...]:
    """Return a setting of several words; one word is one of them, an empty one none."""
    value = settings[name]
    found = value if isinstance(value, tuple) else (str(value),)
    return tuple(word for word in found if word)


def number(settings: Settings, name: str) -> float:
    """Return a setting that is a number; NaN where the policy says something else."""
    value = settings[name]
    try:
        return math.nan if isinstance(value, tuple) else float(value)
    except ValueError:
        return math.nan
