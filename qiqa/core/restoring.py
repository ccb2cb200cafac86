"""Nouns from the JSON that `plain` made of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["restore"]

Noun = TypeVar("Noun")

_OPEN = (-math.inf, math.inf)
"""What null means at the low and at the high end of a pair of numbers."""


def restore(kind: type[Noun], content: Any, where: str = "") -> Noun:
    """Return the dataclass `kind` that `plain` turned into `content`.

    A number that is null is NaN, in a pair of numbers an open end: -inf or inf. Fields that
    are missing have their default; fields that `kind` does not know are left out, since a schema
    may gain fields within a version.

    Parameters
    ----------
    kind
        A dataclass of texts, numbers, times, enumerations, tuples and such dataclasses.
    content
        What JSON gives back.
    where
        Name of the content in messages.

    Raises
    ------
    ValueError
        Naming the field that is missing or not of its type.
    """
    name = where or kind.__name__
    if not isinstance(content, Mapping):
        raise ValueError(f"{name}: {content!r} is not an object")  # noqa: TRY004 - content
    hints = typing.get_type_hints(kind)
    given = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in content:
            at = f"{name}.{field.name}"
            given[field.name] = _value(hints[field.name], content[field.name], at)
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{name}: {field.name} is missing")
    return kind(**given)


def _value(kind: Any, content: Any, where: str) -> Any:
    """Return one value of type `kind`."""
    if typing.get_origin(kind) is types.UnionType:
        if content is None:
            return None
        (kind,) = (one for one in typing.get_args(kind) if one is not types.NoneType)
    if typing.get_origin(kind) is tuple:
        return _tuple(typing.get_args(kind), content, where)
    if dataclasses.is_dataclass(kind):
        return restore(typing.cast("type[Any]", kind), content, where)
    try:
        if kind is float and not isinstance(content, bool | str):
            return math.nan if content is None else float(content)
        if kind is dt.datetime:
            return dt.datetime.fromisoformat(content)
        if issubclass(kind, enum.Enum):
            return kind(content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error
    if type(content) is not kind:
        raise ValueError(f"{where}: {content!r} is not {kind.__name__}")
    return content


def _tuple(kinds: tuple[Any, ...], content: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(content, list):
        raise ValueError(f"{where}: {content!r} is not a list")  # noqa: TRY004 - content
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(content)
    if len(content) != len(kinds):
        raise ValueError(f"{where}: {len(content)} values, not {len(kinds)}")
    if kinds == (float, float):
        filled = zip(content, _OPEN, strict=True)
        content = [end if value is None else value for value, end in filled]
    each = zip(kinds, content, strict=True)
    return tuple(_value(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(each))
