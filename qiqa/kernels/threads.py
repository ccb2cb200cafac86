"""How many threads to use."""

from __future__ import annotations

import os

__all__ = ["thread_count"]


def thread_count(threads: int | None) -> int:
    """Return how many threads to use; None means as many as this process may run on."""
    if threads is not None:
        return max(int(threads), 1)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Windows and macOS
        return os.cpu_count() or 1
