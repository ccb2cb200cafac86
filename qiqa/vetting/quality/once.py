"""Compute once what several checks ask of the same series."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TypeVar

__all__ = ["once"]

Thing = TypeVar("Thing")
Found = TypeVar("Found")


def once(function: Callable[[Thing], Found]) -> Callable[[Thing], Found]:
    """Return `function` with its last answers remembered for as long as what was asked of is there.

    Parameters
    ----------
    function
        Of one argument that is compared by identity and does not change. The answer must not hold
        the argument, or neither would ever be let go.
    """
    kept: weakref.WeakKeyDictionary[Thing, Found] = weakref.WeakKeyDictionary()

    @functools.wraps(function)
    def remembered(thing: Thing) -> Found:
        if thing not in kept:
            kept[thing] = function(thing)
        return kept[thing]

    return remembered
