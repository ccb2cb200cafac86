"""Compile a loop to machine code, kept on disk between processes where a folder allows it.

No `fastmath` beyond contraction to fused multiply-add: with `nnan` the tests for NaN fail, with
`reassoc` a result depends on where its block begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["BLOCK", "cache_folder", "inlined", "kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])

BLOCK = 256
"""Voxels side by side. Known when a kernel is compiled, so that the compiler sees that the rows of
a buffer never overlap and runs a loop over them in vectors; results do not depend on it."""

_FLAGS = {"contract", "nsz"}


def kernel(function: Function) -> Function:
    """Return `function` compiled; the lock of the interpreter is free while it runs."""
    settings = {"error_model": "numpy", "fastmath": _FLAGS, "nogil": True}
    try:
        return cast(Function, njit(cache=True, **settings)(function))
    except RuntimeError:
        # No folder for the cache can be written (a service account): compile in every process.
        return cast(Function, njit(**settings)(function))


def inlined(function: Function) -> Function:
    """Return a small `function` that is merged into the loops that call it."""
    return cast(Function, njit(error_model="numpy", fastmath=_FLAGS, forceinline=True)(function))


def cache_folder(function: Any) -> str | None:
    """Return where machine code of a kernel is kept, or None where nothing can be kept."""
    path = getattr(function.stats, "cache_path", None)
    return None if path is None else str(path)
