"""Turn parsed TOML into frozen dataclasses, strictly, with errors that name the place."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import types
import typing
from typing import Any, Literal, Union

from qiqa.core.errors import DefinitionError

__all__ = ["build"]


def build(target: Any, value: Any, *, file: str, path: str = "") -> Any:
    """Return `value` as an object of type `target`.

    Understands dataclasses, unions of dataclasses told apart by a field `kind`, tuples, Literal,
    str, int, float, bool and None.

    Raises
    ------
    DefinitionError
        Naming the file, the path inside it, the value, what is allowed and, for an unknown key,
        the nearest known one.
    """
    origin = typing.get_origin(target)
    where = f"{file}: {path}" if path else file
    if origin in (Union, types.UnionType):
        return _build_union(target, value, file, path)
    if origin is Literal:
        allowed = typing.get_args(target)
        if value not in allowed:
            raise DefinitionError(f"{value!r} is not one of {_quoted(allowed)}", where=where)
        return value
    if origin is tuple:
        return _build_tuple(typing.get_args(target), value, file, path)
    if dataclasses.is_dataclass(target):
        return _build_dataclass(target, value, file, path)
    return _build_scalar(target, value, where)


@functools.cache
def _hints(target: Any) -> dict[str, Any]:
    """Return the field types of a dataclass; evaluating their texts is what takes time."""
    return typing.get_type_hints(target)


def _quoted(names: Any) -> str:
    return ", ".join(repr(name) for name in names)


def _build_scalar(target: Any, value: Any, where: str) -> Any:
    if target is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise DefinitionError(f"{value!r} is not a number", where=where)
        return float(value)
    if target in (int, bool, str):
        if type(value) is not target:
            kind = {int: "a whole number", bool: "true or false", str: "a text"}[target]
            raise DefinitionError(f"{value!r} is not {kind}", where=where)
        return value
    raise TypeError(f"no rule for fields of type {target!r}")


def _build_union(target: Any, value: Any, file: str, path: str) -> Any:
    members = [member for member in typing.get_args(target) if member is not type(None)]
    if len(members) == 1:
        return build(members[0], value, file=file, path=path)
    kinds = {typing.get_args(_hints(m)["kind"])[0]: m for m in members}
    where = f"{file}: {path}.kind"
    if not isinstance(value, dict) or "kind" not in value:
        raise DefinitionError(f"missing; it must be one of {_quoted(kinds)}", where=where)
    if not isinstance(value["kind"], str) or value["kind"] not in kinds:
        near = difflib.get_close_matches(str(value["kind"]), kinds, n=1)
        hint = f"did you mean {near[0]!r}?" if near else None
        message = f"{value['kind']!r} is not one of {_quoted(kinds)}"
        raise DefinitionError(message, where=where, hint=hint)
    return build(kinds[value["kind"]], value, file=file, path=path)


def _build_tuple(args: tuple[Any, ...], value: Any, file: str, path: str) -> Any:
    where = f"{file}: {path}"
    if not isinstance(value, list):
        raise DefinitionError(f"{value!r} is not a list", where=where)
    if len(args) == 2 and args[1] is Ellipsis:
        items = [build(args[0], v, file=file, path=f"{path}[{i}]") for i, v in enumerate(value)]
        return tuple(items)
    if len(value) != len(args):
        raise DefinitionError(f"{value!r} has {len(value)} items, not {len(args)}", where=where)
    pairs = enumerate(zip(args, value, strict=True))
    items = [build(a, v, file=file, path=f"{path}[{i}]") for i, (a, v) in pairs]
    if args == (float, float) and items[0] > items[1] and path.endswith(_SPANS):
        raise DefinitionError(f"{value!r} runs from high to low", where=where)
    return tuple(items)


_SPANS = ("x_mm", "y_mm", "z_mm", "tolerance", "action", "tr_ms", "te_ms", "range")


def _build_dataclass(target: Any, value: Any, file: str, path: str) -> Any:
    where = f"{file}: {path}" if path else file
    if not isinstance(value, dict):
        raise DefinitionError(f"{value!r} is not a table", where=where)
    hints = _hints(target)
    fields = {f.name: f for f in dataclasses.fields(target)}
    for key in value:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}"
            inside = f"{file}: {path}.{key}" if path else f"{file}: {key}"
            raise DefinitionError("unknown key", where=inside, hint=hint)
    missing = [
        f.name
        for f in fields.values()
        if f.name not in value
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise DefinitionError(f"missing {_quoted(missing)}", where=where)
    prefix = f"{path}." if path else ""
    given = {k: build(hints[k], v, file=file, path=f"{prefix}{k}") for k, v in value.items()}
    return target(**given)
