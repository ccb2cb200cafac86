"""A model as JSON and back: another machine corrects the same row to the same bits."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from qiqa.core.errors import UsageError
from qiqa.core.features import HARMONIZATION_SCHEMA
from qiqa.core.trial import Flag
from qiqa.harmonize.combat.model import CombatModel, Draw, Scores, SmoothBasis, Subjects, Term

__all__ = ["from_payload", "to_payload"]

_NOUNS: tuple[type[Any], ...] = (CombatModel, Draw, Flag, Scores, SmoothBasis, Subjects, Term)


def to_payload(model: CombatModel) -> dict[str, Any]:
    """Return what `json.dumps` takes: names, lists and numbers; NaN is null.

    An array is its shape and its values, row after row.
    """
    return {"schema": HARMONIZATION_SCHEMA, "model": _plain(model)}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        flat = value.ravel().tolist()
        if value.dtype.kind == "f":
            flat = [number if math.isfinite(number) else None for number in flat]
        return {"shape": list(value.shape), "values": flat}
    if isinstance(value, _NOUNS):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def from_payload(payload: Any) -> CombatModel:
    """Return the model that `to_payload` made `payload` of.

    Raises
    ------
    UsageError
        For another schema, or a field that is missing, of another kind or of another shape.
    """
    schema = payload.get("schema") if isinstance(payload, Mapping) else None
    if schema != HARMONIZATION_SCHEMA:
        raise UsageError(
            f"schema {schema!r}; this version reads {HARMONIZATION_SCHEMA!r}",
            where="harmonization model",
        )
    model = typing.cast(CombatModel, _noun(CombatModel, payload.get("model"), "model"))
    _check_shapes(model, "model")
    return model


def _noun(kind: type[Any], content: Any, where: str) -> Any:
    if not isinstance(content, Mapping):
        raise UsageError(f"{str(content)[:60]!r} is not an object", where=where)
    hints = typing.get_type_hints(kind)
    given = {}
    for field in dataclasses.fields(kind):
        if field.name not in content:
            raise UsageError(f"{field.name} is missing", where=where)
        given[field.name] = _value(hints[field.name], content[field.name], f"{where}.{field.name}")
    return kind(**given)


def _value(kind: Any, content: Any, where: str) -> Any:
    if typing.get_origin(kind) is types.UnionType:
        if content is None:
            return None
        kind = typing.get_args(kind)[0]
    if kind in _NOUNS:
        return _noun(kind, content, where)
    if typing.get_origin(kind) is np.ndarray:
        dtype = typing.get_args(typing.get_args(kind)[1])[0]
        return _array(dtype, content, where)
    if typing.get_origin(kind) is tuple:
        if not isinstance(content, list):
            raise UsageError(f"{str(content)[:60]!r} is not a list", where=where)
        item = typing.get_args(kind)[0]
        return tuple(_value(item, one, f"{where}[{i}]") for i, one in enumerate(content))
    if kind is float and content is None:
        return math.nan
    if kind is float and type(content) is int:
        return float(content)
    if type(content) is not kind:
        raise UsageError(f"{str(content)[:60]!r} is not {kind.__name__}", where=where)
    return content


def _array(dtype: Any, content: Any, where: str) -> Any:
    try:
        flat = content["values"]
        if dtype is np.str_:
            # joining refuses what is not text, which an array would turn into text
            "".join(flat)
            values = np.array(flat, dtype=np.str_)
        else:
            values = np.array([math.nan if v is None else v for v in flat]).astype(dtype)
        return values.reshape(content["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"not an array of {dtype.__name__}: {error}", where=where) from error


def _check_shapes(model: CombatModel, where: str) -> None:
    """Refuse a model whose arrays do not go together."""
    b, p = len(model.batches), len(model.features)
    c = sum(term.width for term in model.terms)
    table = ("shift_alone", "variance_alone", "shift", "variance", "shift_error", "scale_error")
    expected: dict[str, tuple[int, ...]] = dict.fromkeys(table, (b, p))
    expected |= {"rows": (b,), "center": (c,), "level": (p,), "slopes": (c, p), "spread": (p,)}
    expected |= {"prior": (b, 4)}
    for name, shape in expected.items():
        found = getattr(model, name).shape
        if found != shape:
            raise UsageError(f"{name} has shape {found}, not {shape}", where=where)
    if model.subjects is not None:
        s = len(model.subjects.subject)
        if model.subjects.level.shape != (s, p) or model.subjects.variance_ratio.shape != (p,):
            raise UsageError(f"levels of {s} subjects do not go with {p} features", where=where)
    if model.scores is not None:
        k = len(model.scores.model.features)
        if model.scores.rotation.shape != (p, k):
            raise UsageError(f"directions do not go with {p} features and {k} scores", where=where)
        _check_shapes(model.scores.model, f"{where}.scores.model")
