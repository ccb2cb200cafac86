"""What persons decided after a set was vetted: files that only grow, one JSON line a decision."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from qiqa.core.canonical import canonical_json, plain, storable
from qiqa.core.errors import OutputError, ReadError
from qiqa.core.restoring import restore
from qiqa.core.vetting import Override, PolicyChange
from qiqa.io.export import reported, write_file

__all__ = [
    "CHANGES",
    "OVERRIDES",
    "add_change",
    "add_override",
    "read_changes",
    "read_overrides",
]

OVERRIDES = "overrides.jsonl"
CHANGES = "policy_changes.jsonl"

Noun = TypeVar("Noun", Override, PolicyChange)


def add_override(folder: Path, override: Override) -> None:
    """Add a person's decision behind those that are there.

    Raises
    ------
    OutputError
        If it cannot be written, or another process is writing; what stood there stays.
    """
    _add(folder / OVERRIDES, override)


def read_overrides(folder: Path) -> tuple[Override, ...]:
    """Return all decisions of persons, oldest first; none where there is no file.

    Raises
    ------
    ReadError
        Naming the line that is damaged.
    """
    return _read(folder / OVERRIDES, Override)


def add_change(folder: Path, change: PolicyChange) -> None:
    """Add a change of the policy behind those that are there; errors as `add_override`."""
    _add(folder / CHANGES, change)


def read_changes(folder: Path) -> tuple[PolicyChange, ...]:
    """Return all changes of the policy since the set was vetted; errors as `read_overrides`."""
    return _read(folder / CHANGES, PolicyChange)


def _add(path: Path, noun: Override | PolicyChange) -> None:
    line = canonical_json(storable(plain(noun))) + "\n"
    with _alone(path):
        with reported(str(path)):
            before = path.read_bytes() if path.exists() else b""
        write_file(path, lambda file: file.write(before + line.encode("utf-8")))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes out: two that add at once would lose a decision."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.open("x", encoding="utf-8").close()
    except FileExistsError as error:
        raise OutputError(
            "somebody else is writing a decision here",
            where=str(path),
            hint=f"try again; if nobody is, a run was stopped: delete {lock.name}",
        ) from error
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", where=str(path)) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _read(path: Path, kind: type[Noun]) -> tuple[Noun, ...]:
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"cannot be read: {error}", where=str(path)) from error
    made = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            made.append(restore(kind, json.loads(line), kind.__name__.lower()))
        except ValueError as error:
            raise ReadError(
                f"line {number}: {error}",
                where=str(path),
                hint="put the line right from a copy; nothing was decided anew",
            ) from error
    return tuple(made)
