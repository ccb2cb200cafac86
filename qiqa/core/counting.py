"""Counted things in words."""

from __future__ import annotations

__all__ = ["so_many"]


def so_many(count: int, noun: str) -> str:
    """Return a count with its noun, which takes an s unless there is one.

    >>> so_many(1, "feature"), so_many(0, "row")
    ('1 feature', '0 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
