"""What a person enters: from a file, or asked for on the terminal."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiqa.cli.console import clean, complain
from qiqa.core.errors import UsageError
from qiqa.core.protocol import Entry, Protocol

if TYPE_CHECKING:
    from qiqa.cli.qc import Options

__all__ = ["entries_of"]


def entries_of(options: Options, protocol: Protocol) -> dict[str, object]:
    """Return what was entered, by id; checked before anything is measured.

    Raises
    ------
    UsageError
        If a file cannot be read, or an entry is not of its type, choice or range.
    """
    from qiqa.workflows.entries import check_entries

    given: dict[str, object] = {}
    if options.enter is not None:
        given.update(check_entries(protocol, _entry_file(options.enter), str(options.enter)))
    if options.phantom_unit is not None:
        unit = {"phantom_unit": options.phantom_unit}
        given.update(check_entries(protocol, unit, "--phantom-unit"))
    if options.temperature is not None:
        degc = {"temperature": options.temperature}
        given.update(check_entries(protocol, degc, "--temperature"))
    if options.ask:
        given.update(_asked(protocol, given))
    return given


def _entry_file(path: Path) -> dict[str, object]:
    hint = "qiqa protocols --entries PROTOCOL prints one to fill in"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("the entry file is not UTF-8 text", where=str(path), hint=hint) from error
    except OSError as error:
        message = f"the entry file cannot be read: {error.strerror or error}"
        raise UsageError(message, where=str(path), hint=hint) from error
    kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
    try:
        data: Any = json.loads(text) if kind == "JSON" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"the entry file is not valid {kind}: {error}"
        raise UsageError(message, where=str(path), hint=hint) from error
    if not isinstance(data, dict):
        message = "the entry file must hold name = value pairs"
        raise UsageError(message, where=str(path), hint=hint)
    return {name: value for name, value in data.items() if value not in ("", None)}


def _asked(protocol: Protocol, given: Mapping[str, object]) -> dict[str, object]:
    """Ask for every entry that is not given; empty answers leave it open, Ctrl-D ends."""
    from qiqa.workflows.entries import check_entry

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("--ask needs a terminal", hint="use --enter FILE instead")
    answers: dict[str, object] = {}
    _tell("Enter leaves an answer open, Ctrl-D leaves the rest open.\n")
    for entry in protocol.entry:
        while entry.id not in given:
            _tell(_question(entry))
            line = sys.stdin.readline()
            if not line:
                _tell("\n")
                return answers
            answer = line.strip()
            if not answer:
                break
            try:
                answers[entry.id] = check_entry(entry, answer, "--ask")
            except UsageError as error:
                complain(error)
                continue
            break
    return answers


def _question(entry: Entry) -> str:
    unit = f" [{entry.unit}]" if entry.unit and entry.unit != "1" else ""
    choice = f" ({' / '.join(entry.choices)})" if entry.choices else ""
    return f"{entry.question}{unit}{choice}: "


def _tell(text: str) -> None:
    # questions go where progress goes: standard output may be JSON
    print(clean(text), end="", file=sys.stderr, flush=True)
