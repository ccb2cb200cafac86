"""Compile a function to machine code, kept on disk between runs where a folder allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["compiled", "inlined"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Return `function` compiled by numba with numpy's rules for division."""
    try:
        return cast(Function, njit(cache=True, error_model="numpy")(function))
    except RuntimeError:
        # No folder for the cache can be written (a service account): compile in every process.
        return cast(Function, njit(error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Return `function` to be copied into those that call it; arrays cost much to hand over."""
    return cast(Function, njit(error_model="numpy", inline="always")(function))
