"""Nouns of vetting as short bytes and back: what is kept between scanning and deciding."""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import Any

from qiqa.core.vetting import (
    Examined,
    FileNote,
    Instance,
    Observation,
    SeriesFacts,
    SeriesSummary,
)

__all__ = [
    "facts_from",
    "facts_to",
    "note_from",
    "note_to",
    "summary_from",
    "summary_to",
]

_INSTANCE = tuple(field.name for field in dataclasses.fields(Instance))
_OBSERVATION = tuple(field.name for field in dataclasses.fields(Observation))


def _pack(value: Any) -> bytes:
    # names of files that are no text come back as they were, and NaN is written as NaN
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return zlib.compress(text.encode("ascii"), 1)


def _unpack(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _row(noun: Any, names: tuple[str, ...]) -> list[Any]:
    return [getattr(noun, name) for name in names]


def _observations(rows: list[list[Any]]) -> tuple[Observation, ...]:
    return tuple(Observation(**dict(zip(_OBSERVATION, row, strict=True))) for row in rows)


def facts_to(facts: SeriesFacts) -> bytes:
    """Return the facts of a series as bytes."""
    fields = {f.name: getattr(facts, f.name) for f in dataclasses.fields(facts)}
    fields["instances"] = [_row(one, _INSTANCE) for one in facts.instances]
    fields["observations"] = [_row(one, _OBSERVATION) for one in facts.observations]
    return _pack(fields)


def facts_from(data: bytes) -> SeriesFacts:
    """Return the facts of a series from bytes of `facts_to`."""
    fields = _unpack(data)
    fields["instances"] = tuple(
        Instance(**dict(zip(_INSTANCE, map(_tuples, row), strict=True)))
        for row in fields["instances"]
    )
    fields["observations"] = _observations(fields["observations"])
    fields["grid"] = tuple(fields["grid"])
    fields["attributes"] = {name: tuple(values) for name, values in fields["attributes"].items()}
    return SeriesFacts(**fields)


def note_to(note: FileNote) -> bytes:
    """Return a file's note as bytes."""
    return _pack(
        [note.path, note.kind, note.size, [_row(one, _OBSERVATION) for one in note.observations]]
    )


def note_from(data: bytes) -> FileNote:
    """Return a file's note from bytes of `note_to`."""
    path, kind, size, rows = _unpack(data)
    return FileNote(path=path, kind=kind, size=size, observations=_observations(rows))


def summary_to(summary: SeriesSummary) -> bytes:
    """Return what is kept of an examined series as bytes, without signature and thumbnail."""
    s = summary
    seen = [_row(one, _OBSERVATION) for one in s.examined.observations]
    whose = (s.path, s.series_uid, s.texts, s.numbers, s.date, s.files, s.size, s.seen)
    return _pack([*whose, seen, s.examined.features])


def summary_from(data: bytes, signature: bytes = b"", thumbnail: bytes = b"") -> SeriesSummary:
    """Return an examined series from bytes of `summary_to`."""
    path, uid, texts, numbers, date, files, size, content, seen, features = _unpack(data)
    return SeriesSummary(
        path=path,
        series_uid=uid,
        texts=texts,
        numbers=numbers,
        date=date,
        files=files,
        size=size,
        seen=content,
        examined=Examined(
            observations=_observations(seen),
            features=features,
            signature=signature,
            thumbnail=thumbnail,
        ),
    )
