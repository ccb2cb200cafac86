"""What persons decided after a set was vetted: files that only grow, one JSON line a decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from qiqa.core.canonical import canonical_json, plain, storable
from qiqa.core.errors import ReadError
from qiqa.core.restoring import restore
from qiqa.core.vetting import Override, PolicyChange
from qiqa.io.export import reported, write_file

__all__ = [
    "CHANGES",
    "OVERRIDES",
    "add_change",
    "add_overrides",
    "read_changes",
    "read_overrides",
]

OVERRIDES = "overrides.jsonl"
CHANGES = "policy_changes.jsonl"

Noun = TypeVar("Noun", Override, PolicyChange)


def add_overrides(overrides: Sequence[Override], folder: Path, place: Path) -> None:
    """Write decisions of persons behind those of a folder.

    Parameters
    ----------
    overrides
        The decisions.
    folder
        With those before them.
    place
        Where all of them are written to: of `qiqa.io.staged`, which keeps other processes out.

    Raises
    ------
    OutputError
        If it cannot be written; what stood there stays.
    """
    _add(OVERRIDES, overrides, folder, place)


def read_overrides(folder: Path) -> tuple[Override, ...]:
    """Return all decisions of persons, oldest first; none where there is no file.

    Raises
    ------
    ReadError
        Naming the line that is damaged.
    """
    return _read(folder / OVERRIDES, Override)


def add_change(change: PolicyChange, folder: Path, place: Path) -> None:
    """Write a change of the policy behind those of a folder; as `add_overrides`."""
    _add(CHANGES, [change], folder, place)


def read_changes(folder: Path) -> tuple[PolicyChange, ...]:
    """Return all changes of the policy since the set was vetted; errors as `read_overrides`."""
    return _read(folder / CHANGES, PolicyChange)


def _add(name: str, nouns: Sequence[Override | PolicyChange], folder: Path, place: Path) -> None:
    lines = "".join(canonical_json(storable(plain(noun))) + "\n" for noun in nouns)
    with reported(str(folder / name)):
        before = (folder / name).read_bytes() if (folder / name).exists() else b""
    write_file(place / name, lambda file: file.write(before + lines.encode("utf-8")))


def _read(path: Path, kind: type[Noun]) -> tuple[Noun, ...]:
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"cannot be read: {error}", where=str(path)) from error
    made = []
    # not splitlines: words pasted into a reason may hold separators of Unicode, which JSON leaves
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), start=1):
        try:
            made.append(restore(kind, json.loads(line), kind.__name__.lower()))
        except ValueError as error:
            raise ReadError(
                f"line {number}: {error}",
                where=str(path),
                hint="put the line right from a copy; nothing was decided anew",
            ) from error
    return tuple(made)
