"""Say in words what differs between two results of the same input files."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

__all__ = ["what_differs"]


def what_differs(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return why `new` is another result than `old`, both `qiqa.qc/1` payloads.

    Names changed definitions, algorithm versions, parameters, entries, scanner, phantom unit.
    """
    before, after = old["provenance"], new["provenance"]
    parts = [
        _changed("definitions", _hashes(before), _hashes(after), values=False),
        _changed("algorithm version", _versions(before), _versions(after), values=True),
        _changed("parameters", before["parameters"], after["parameters"], values=True),
        _changed("entries", old["entries"], new["entries"], values=False),
        _changed("scanner", *({"": p["scanner"]["identity"]} for p in (old, new)), values=True),
        _changed("phantom unit", *({"": p["phantom"]["unit"]} for p in (old, new)), values=True),
    ]
    return "; ".join(part for part in parts if part) or "made from other definitions"


def _hashes(provenance: dict[str, Any]) -> dict[str, str]:
    return {_file_name(item["path"]): item["sha256"] for item in provenance["definitions"]}


def _file_name(path: str) -> str:
    return PurePath(path.replace("\\", "/")).name


def _versions(provenance: dict[str, Any]) -> dict[str, str]:
    """Return version by name of `name/version`; a name may have several versions in one exam."""
    found: dict[str, list[str]] = {}
    for algorithm in sorted(provenance["algorithms"]):
        name, _, version = algorithm.rpartition("/")
        found.setdefault(name or algorithm, []).append(version)
    return {name: "+".join(versions) for name, versions in found.items()}


def _changed(what: str, old: dict[str, Any], new: dict[str, Any], *, values: bool) -> str | None:
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if not names:
        return None
    if not values:
        return f"{what} changed: {', '.join(names)}"
    moves = (f"{n} {_shown(old.get(n))} -> {_shown(new.get(n))}".strip() for n in names)
    return f"{what} changed: {', '.join(moves)}"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
