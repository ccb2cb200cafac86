"""Let a compiled loop call the functions of a signal model without losing speed or its cache.

A `SignalModel` travels through compiled code as a type without content: its name and a digest of
everything its numbers depend on (the model's file and all kernels). Machine code on disk is found
by that type, so an edited model is compiled anew, and a model that is gone is never asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numba import types
from numba.extending import (
    NativeValue,
    models,
    overload,
    register_model,
    typeof_impl,
    unbox,
)

from qiqa.kernels.compiling import inlined
from qiqa.kernels.elementary import fade

__all__ = ["SignalModel", "basis", "decay", "finish", "kernel_digest", "value"]


@functools.cache
def kernel_digest() -> str:
    """Return the SHA-256 of the sources of all kernels."""
    whole = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        whole.update(path.read_bytes())
    return whole.hexdigest()


class _SignalModelType(types.Type):
    def __init__(self, model: str, digest: str) -> None:
        self.model = model
        self.digest = digest
        super().__init__(name=f"SignalModel({model}, {digest})")

    @property
    def key(self) -> tuple[str, str]:
        return self.model, self.digest


_FUNCTIONS: dict[tuple[str, str], Mapping[str, Any]] = {}
"""Functions of the models of this process, by type key."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class SignalModel:
    """A handle to the functions of one model, to be passed to kernels."""

    name: str
    digest: str

    @classmethod
    def of(
        cls, name: str, source: bytes, functions: Mapping[str, Callable[..., Any]]
    ) -> SignalModel:
        """Register the functions of a model and return the handle to them.

        Parameters
        ----------
        name
            Name of the model.
        source
            Text of the file that the functions come from.
        functions
            `basis`, and where the model has its own: `decay`, `value`, `finish`.
        """
        digest = hashlib.sha256(source + kernel_digest().encode("ascii")).hexdigest()[:16]
        key = (name, digest)
        if key not in _FUNCTIONS:
            _FUNCTIONS[key] = {kind: inlined(function) for kind, function in functions.items()}
        return cls(name, digest)


register_model(_SignalModelType)(models.OpaqueModel)


@typeof_impl.register(SignalModel)
def _typeof(value: SignalModel, _: Any) -> _SignalModelType:
    return _SignalModelType(value.name, value.digest)


@unbox(_SignalModelType)  # type: ignore[untyped-decorator]
def _unbox(_typ: Any, _value: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


def _function(model: Any, kind: str) -> Any:
    return _FUNCTIONS[model.key].get(kind)


def decay(model, t, x):
    """Return e that the basis is made of: exp(-x t) unless the model has its own."""


def basis(model, e, t, a, b, q):
    """Return the basis functions and their derivatives with respect to ln t."""


def value(model, t, k):
    """Return the parameter that t stands for, and its derivative with respect to ln t."""


def finish(model, t, c0, c1, k):
    """Return two parameters made of the amplitudes, and the derivatives of each.

    (p1, dp1/d ln t, dp1/dc0, dp1/dc1, p2, dp2/d ln t, dp2/dc0, dp2/dc1).
    """


@overload(decay, inline="always")
def _decay(model, t, x):
    own = _function(model, "decay")
    if own is None:
        return lambda model, t, x: fade(-x * t)
    return lambda model, t, x: own(t, x)


@overload(basis, inline="always")
def _basis(model, e, t, a, b, q):
    own = _function(model, "basis")
    return lambda model, e, t, a, b, q: own(e, t, a, b, q)


@overload(value, inline="always")
def _value(model, t, k):
    own = _function(model, "value")
    return lambda model, t, k: own(t, k)


@overload(finish, inline="always")
def _finish(model, t, c0, c1, k):
    own = _function(model, "finish")
    if own is None:
        return lambda model, t, c0, c1, k: (c0, 0.0, 1.0, 0.0, c1, 0.0, 0.0, 1.0)
    return lambda model, t, c0, c1, k: own(t, c0, c1, k)
