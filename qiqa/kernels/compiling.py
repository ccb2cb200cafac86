"""Compile a loop to machine code, kept on disk between processes where a folder allows it.

No `fastmath` beyond contraction to fused multiply-add: with `nnan` the tests for NaN fail, with
`reassoc` a result depends on where its block begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

__all__ = ["BLOCK", "cache_folder", "inlined", "kernel", "rows"]

Function = TypeVar("Function", bound=Callable[..., Any])

BLOCK = 256
"""Voxels side by side. Known when a kernel is compiled, so that the compiler sees that the rows of
a buffer never overlap and runs a loop over them in vectors; results do not depend on it."""

_FLAGS = {"contract", "nsz"}


def kernel(function: Function) -> Function:
    """Return `function` compiled; the lock of the interpreter is free while it runs."""
    settings: dict[str, Any] = {"error_model": "numpy", "fastmath": _FLAGS, "nogil": True}
    try:
        return cast(Function, njit(cache=True, **settings)(function))
    except RuntimeError:
        # No folder for the cache can be written (a service account): compile in every process.
        return cast(Function, njit(**settings)(function))


def inlined(function: Function) -> Function:
    """Return a small `function` that is merged into the loops that call it."""
    return cast(Function, njit(error_model="numpy", fastmath=_FLAGS, forceinline=True)(function))


def _rows(_: Any, buffer: Any) -> Any:
    """Return a buffer (n, BLOCK) as it is, but with the length of a row known to the compiler.

    An inlined function is optimized before it is merged into its caller, when it does not know yet
    how far apart the rows are: it would then take two rows for the same memory and give up vectors
    (32 rows: 37 ns a voxel instead of 7).
    """

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = signature.args[0]
        given = make_array(kind)(context, builder, values[0])
        known = make_array(kind)(context, builder)
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))

        def pair(first: Any, second: int) -> Any:
            return cgutils.pack_array(builder, [first, context.get_constant(types.intp, second)])

        populate_array(
            known,
            data=given.data,
            shape=pair(cgutils.unpack_tuple(builder, given.shape)[0], BLOCK),
            strides=pair(context.get_constant(types.intp, BLOCK * size), size),
            itemsize=given.itemsize,
            meminfo=given.meminfo,
            parent=given.parent,
        )
        whole = known._getvalue()  # noqa: SLF001
        return impl_ret_borrowed(context, builder, signature.return_type, whole)

    return buffer(buffer), write


rows: Any = intrinsic(_rows)


def cache_folder(function: Any) -> str | None:
    """Return where machine code of a kernel is kept, or None where nothing can be kept."""
    path = getattr(function.stats, "cache_path", None)
    return None if path is None else str(path)
