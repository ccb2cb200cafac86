"""What series are called in a report: their role, and which of several where they share it."""

from __future__ import annotations

from collections.abc import Sequence

from qiqa.core.result import ExamSeries

__all__ = ["series_names"]


def series_names(series: Sequence[ExamSeries]) -> dict[str, str]:
    """Return names by stack key, in the order of acquisition that the result keeps.

    Repeats are told apart for a person who reads one exam; what is stored over time is their
    role alone.
    """
    used = [item for item in series if item.failure is None]
    found: dict[str, str] = {}
    for role in dict.fromkeys(item.role for item in used):
        same = list(dict.fromkeys(item.stack for item in used if item.role == role))
        for number, stack in enumerate(same, start=1):
            found[stack] = f"{role} {number}/{len(same)}" if len(same) > 1 else role
    return found
