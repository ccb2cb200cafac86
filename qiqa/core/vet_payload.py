"""A vetted set as JSON `qiqa.vet/1`, and what of it has to be read again to decide anew."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

from qiqa.core.canonical import plain, storable
from qiqa.core.regulation import evidence_rows
from qiqa.core.restoring import restore
from qiqa.core.vet_result import About, FeatureSummary, VetProvenance, VetResult
from qiqa.core.vet_words import standing_words
from qiqa.core.vetting import VET_SCHEMA, SetStatement

__all__ = ["StoredWords", "restore_words", "vet_payload"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredWords:
    """What JSON keeps of `VetParts`; the rest is in tables beside it."""

    provenance: VetProvenance
    about: About
    statements: Mapping[str, tuple[SetStatement, ...]]
    not_run: Mapping[str, str]
    features: tuple[FeatureSummary, ...]


def vet_payload(result: VetResult) -> dict[str, Any]:
    """Return `qiqa.vet/1`: everything but the series, which are rows of the manifest.

    NaN and infinities are null. Paths of single series are left out: they may hold names.
    """
    parts, counts = result.parts, result.counts
    kinds = collections.Counter(note.kind for note in parts.notes)
    payload = {
        "schema": VET_SCHEMA,
        "about": parts.about,
        "provenance": parts.provenance,
        "policy": result.policy,
        "counts": {
            "series": counts.series,
            "patients": counts.patients,
            "actions": dict(counts.actions),
            "modalities": dict(counts.modalities),
            "groups": counts.groups,
            "labels": dict(counts.labels),
            "overridden": len(counts.overridden),
            "lapsed": len(counts.lapsed),
            "corrections": [
                {"correction": words, "series": number}
                for words, number in counts.corrections.items()
            ],
        },
        "reasons": [
            {"code": one.code, "seen": one.seen, "above": one.above, "only": one.only}
            for one in counts.reasons.values()
        ],
        "other_files": dict(sorted(kinds.items())),
        "statements": {name: parts.statements[name] for name in sorted(parts.statements)},
        "checks": parts.checks,
        "not_run": dict(parts.not_run),
        "features": parts.features,
        "overrides": [
            {**_plain_all(one), "stands": words}
            for one, words in zip(result.overrides, standing_words(result), strict=True)
        ],
        "regulation": evidence_rows(result),
    }
    cleaned: dict[str, Any] = storable(_plain_all(payload))
    return cleaned


def _plain_all(value: Any) -> Any:
    """Turn mappings of any kind into dicts on the way: `plain` knows dicts only."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain_all(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_all(item) for item in value]
    return plain(value)


def restore_words(content: Any) -> StoredWords:
    """Return what `vet_payload` kept.

    Raises
    ------
    ValueError
        Naming the field that is missing or not of its type, or another schema.
    """
    if not isinstance(content, Mapping) or content.get("schema") != VET_SCHEMA:
        found = content.get("schema") if isinstance(content, Mapping) else None
        raise ValueError(f"schema is {found!r}, this version reads {VET_SCHEMA!r}")
    statements, not_run = content.get("statements", {}), content.get("not_run", {})
    for name, given in (("statements", statements), ("not_run", not_run)):
        if not isinstance(given, Mapping):
            raise ValueError(f"{name}: {given!r} is not an object")  # noqa: TRY004 - content
    return StoredWords(
        provenance=restore(VetProvenance, content.get("provenance"), "provenance"),
        about=restore(About, content.get("about"), "about"),
        statements={
            name: tuple(restore(SetStatement, one, f"statements.{name}") for one in given)
            for name, given in statements.items()
        },
        not_run={str(name): str(why) for name, why in not_run.items()},
        features=tuple(
            restore(FeatureSummary, one, "features") for one in content.get("features", ())
        ),
    )
