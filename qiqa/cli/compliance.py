"""What `qiqa protocols check PATH` prints: deviations first, then unknowns, then what fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qiqa.cli import status
from qiqa.cli.console import progress, say, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.measurement import Verdict
from qiqa.core.series import SeriesHeader
from qiqa.workflows.compliance import Compliance, RoleCompliance, check_acquisition
from qiqa.workflows.on_protocol import Check

__all__ = ["SCHEMA", "check"]

SCHEMA = "qiqa.compliance/1"
_WORDS = {
    Verdict.PASS: ("as the protocol says", "green"),
    Verdict.TOLERANCE: ("deviates from the protocol", "yellow"),
    Verdict.NOT_EVALUATED: ("no deviation seen, but not everything is known", "yellow"),
}


def check(path: Path, protocol: str | None, json: str | None) -> int:
    """Hold the exams of a path against a protocol and print or write what was found."""
    from qiqa.io.definitions import load_protocol

    wanted = None if protocol is None else load_protocol(protocol)
    with progress() as tell:
        results = check_acquisition([path], wanted, tell)
    if json is not None:
        write_json({"schema": SCHEMA, "exams": [_payload(r) for r in results]}, json)
    if json != "-":
        for result in results:
            _show(result)
    worst = {result.verdict for result in results}
    order = (Verdict.TOLERANCE, Verdict.NOT_EVALUATED, Verdict.PASS)
    return status.of_verdict(next(v for v in order if v in worst))


def _show(result: Compliance) -> None:
    words, style = _WORDS[result.verdict]
    say(f"{result.exam.label}: {words}", style=style)
    say(f"protocol {result.protocol.id}, {result.protocol.edition} ({result.chosen})")
    sections = [_section(role) for role in result.roles if role.series or role.missing]
    table(("setting", "found", "allowed"), sections, remark="what it does")
    if result.unmatched:
        say()
        say(f"not of this protocol: {', '.join(_name(h) for h in result.unmatched)}")


def _section(role: RoleCompliance) -> Section:
    expected, rows = role.expected, []
    if role.missing:
        need = "required" if expected.required or role.series else "optional"
        style = "yellow" if need == "required" else None
        rows.append(Row(cells=("series", role.missing, need), style=style, remark=role.effect))
    alike: dict[tuple[Check, ...], list[str]] = {}
    for header, checks in zip(role.series, role.checks, strict=True):
        alike.setdefault(checks, []).append(_name(header))
    for checks, which in alike.items():
        rows += _rows(checks, f" ({', '.join(which)})" if len(alike) > 1 else "")
    names = ", ".join(_name(h) for h in role.series)
    return Section(title=f"{expected.role}: {names}" if names else expected.role, rows=tuple(rows))


def _rows(checks: tuple[Check, ...], mark: str) -> list[Row]:
    """Return what deviates, then what is unknown, then how much is in order."""
    rows = [
        Row(
            cells=(c.label + mark, c.found, c.allowed),
            style="yellow" if c.state == "deviates" else None,
            remark=c.effect,
        )
        for c in checks
        if c.state in ("deviates", "more")
    ]
    unknown = [c.label for c in checks if c.state == "unknown"]
    if unknown:
        rows.append(Row(cells=(f"unknown{mark}", "header is silent", ", ".join(unknown))))
    fine = sum(c.state in ("in_order", "more") for c in checks)
    rows.append(Row(cells=(f"in order{mark}", f"{fine} of {len(checks)}", "")))
    return rows


def _name(header: SeriesHeader) -> str:
    return header.description or header.series_uid


def _payload(result: Compliance) -> dict[str, Any]:
    return {
        "scanner": plain(result.exam.scanner),
        "acquired_at": plain(result.exam.acquired_at),
        "protocol": result.protocol.id,
        "edition": result.protocol.edition,
        "sha256": result.protocol.sha256,
        "chosen": result.chosen,
        "verdict": result.verdict.value,
        "roles": [
            {
                "role": role.expected.role,
                "required": role.expected.required,
                "verdict": role.verdict.value,
                "missing": role.missing,
                "effect": role.effect,
                "series": [
                    {**_reference(header), "checks": [plain(c) for c in checks]}
                    for header, checks in zip(role.series, role.checks, strict=True)
                ],
            }
            for role in result.roles
        ],
        "unmatched": _references(result.unmatched),
    }


def _references(headers: Sequence[SeriesHeader]) -> list[dict[str, Any]]:
    return [_reference(header) for header in headers]


def _reference(header: SeriesHeader) -> dict[str, Any]:
    return {"key": header.key, "description": header.description}
