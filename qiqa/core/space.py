"""Where the columns of a large set are made: in memory, or wherever who has the set says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import DTypeLike, NDArray

__all__ = ["Space"]

Space = Callable[[tuple[int, ...], DTypeLike], NDArray[Any]]
"""Shape and type -> an array of zeros that may be written; `numpy.zeros` is one.

`qiqa.store.scratch.Scratch` makes them in files, so that the memory of a set does not grow with the
number of its series."""
