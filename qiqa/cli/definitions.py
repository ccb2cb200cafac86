"""`qiqa phantoms` and `qiqa protocols`: what is known, and whether a definition is right."""

from __future__ import annotations

from pathlib import Path

from qiqa.cli import status
from qiqa.cli.console import say, table, write_json

__all__ = ["phantoms", "protocols"]


def phantoms(check: Path | None, json: str | None) -> int:
    """List phantoms or check a file."""
    from qiqa.io.definitions import load_phantom, names

    if check is not None:
        phantom = load_phantom(str(check))
        say(f"{check}: {phantom.name}, {len(phantom.insert)} inserts, no fault found")
        return status.PASS
    found = [load_phantom(name) for name in names("phantoms")]
    if json is not None:
        rows = [
            {"id": p.id, "name": p.name, "family": p.family, "path": p.path, "sha256": p.sha256}
            for p in found
        ]
        write_json({"schema": "qiqa.phantoms/1", "phantoms": rows}, json)
    if json != "-":
        rows_ = [(p.id, p.name, ", ".join(p.variants), p.sha256[:12], p.path) for p in found]
        table(("id", "name", "variants", "sha256", "file"), rows_)
    return status.PASS


def protocols(check: Path | None, entries: str | None, json: str | None) -> int:
    """List protocols, check a file, or print an entry file to fill in."""
    from qiqa.io.definitions import load_protocol, names

    if check is not None:
        protocol = load_protocol(str(check))
        say(f"{check}: {protocol.name}, {len(protocol.limit)} limits, no fault found")
        return status.PASS
    if entries is not None:
        _print_entries(entries)
        return status.PASS
    found = [load_protocol(name) for name in names("protocols")]
    if json is not None:
        rows = [
            {"id": p.id, "name": p.name, "edition": p.edition, "path": p.path, "sha256": p.sha256}
            for p in found
        ]
        write_json({"schema": "qiqa.protocols/1", "protocols": rows}, json)
    if json != "-":
        rows_ = [(p.id, p.edition, p.phantom, p.sha256[:12], p.path) for p in found]
        table(("id", "edition", "phantom", "sha256", "file"), rows_)
    return status.PASS


def _print_entries(name: str) -> None:
    from qiqa.io.definitions import load_protocol

    protocol = load_protocol(name)
    say(f"# Entries for {protocol.name}; leave empty what you do not know.")
    for entry in protocol.entry:
        allowed = f" One of: {', '.join(entry.choices)}." if entry.choices else ""
        unit = f" [{entry.unit}]" if entry.unit and entry.unit != "1" else ""
        note = f" {entry.note}." if entry.note else ""
        say(f'\n# {entry.question}{unit}.{allowed}{note}\n{entry.id} = ""')
