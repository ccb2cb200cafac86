"""What a person entered: from a file or a terminal, checked against the protocol."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping

from qiqa.core.errors import UsageError
from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import ENTERED, BudgetLine, Interval, Measurement
from qiqa.core.protocol import Entry, Protocol

__all__ = ["check_entries", "check_entry", "entered_measurements"]


def check_entries(protocol: Protocol, given: Mapping[str, object], where: str) -> dict[str, str]:
    """Return entries as texts by id, each checked.

    Raises
    ------
    UsageError
        Naming the entry, the value, what is allowed, and for an unknown id the nearest.
    """
    known = {entry.id: entry for entry in protocol.entry}
    checked = {}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise UsageError(f"{name!r} is not an entry of {protocol.id}", where=where, hint=hint)
        checked[name] = check_entry(known[name], value, where)
    return checked


def check_entry(entry: Entry, value: object, where: str) -> str:
    """Return one entry as text.

    Raises
    ------
    UsageError
        If it is not of the entry's type, choice or range.
    """
    place = f"{where}: {entry.id}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        kind = "a number" if entry.type == "number" else "a text"
        raise UsageError(f"{value!r} is not {kind}", where=place, hint=_allowed(entry))
    if entry.type == "number":
        return _checked_number(entry, value, place)
    text = " ".join(str(value).split())
    if not text.isprintable():
        raise UsageError(f"{text!r} holds signs that cannot be printed", where=place)
    if entry.type == "choice" and text not in entry.choices:
        near = difflib.get_close_matches(text, entry.choices, n=1)
        hint = f"did you mean {near[0]!r}?" if near else _allowed(entry)
        message = f"{text!r} is not one of {', '.join(entry.choices)}"
        raise UsageError(message, where=place, hint=hint)
    return text


def _checked_number(entry: Entry, value: str | float, place: str) -> str:
    try:
        # a decimal comma is what much of the world types
        number = float(value.strip().replace(",", ".")) if isinstance(value, str) else float(value)
    except ValueError:
        hint = _allowed(entry)
        raise UsageError(f"{value!r} is not a number", where=place, hint=hint) from None
    low, high = entry.range or (-math.inf, math.inf)
    if not math.isfinite(number) or not low <= number <= high:
        unit = f" {entry.unit}" if entry.unit and entry.unit != "1" else ""
        outside = f"is outside {low:g} to {high:g}{unit}" if entry.range else "is not finite"
        raise UsageError(f"{number:g}{unit} {outside}", where=place, hint=_allowed(entry))
    return f"{number:.12g}"


def _allowed(entry: Entry) -> str:
    """Return what the entry takes, in words."""
    if entry.type == "choice":
        return f"write one of: {', '.join(entry.choices)}"
    if entry.type == "text":
        return "write a text in quotes"
    unit = f" in {entry.unit}" if entry.unit and entry.unit != "1" else ""
    if entry.range is None:
        return f"write a number{unit}"
    return f"write a number{unit} from {entry.range[0]:g} to {entry.range[1]:g}"


def entered_faults(protocol: Protocol, entries: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return what a person entered as not in order."""
    return tuple(
        Finding(
            code="entered_fault",
            severity=Severity.WARNING,
            message=f"{entry.question}: {entries[entry.id]}",
            where="entered by a person",
            hint="have it looked into before further use",
        )
        for entry in protocol.entry
        if entries.get(entry.id) in entry.not_in_order
    )


def entered_measurements(protocol: Protocol, entries: Mapping[str, str]) -> tuple[Measurement, ...]:
    """Return the readings by eye among the entries as measurements.

    Their uncertainty is that of the last step of the reading, a person's own is not known; holes
    and spokes are counts, so the interval is discrete.
    """
    found = []
    for entry in protocol.entry:
        if entry.measurement is None or entry.id not in entries:
            continue
        value = float(entries[entry.id])
        step = 1.0 if entry.unit == "1" else 0.1
        found.append(
            Measurement(
                name=entry.measurement,
                quantity=entry.measurement,
                unit=entry.unit or "",
                value=value,
                standard_uncertainty=step / 12**0.5,
                degrees_of_freedom=float("inf"),
                interval=Interval(low=value - step, high=value + step, kind="discrete"),
                budget=(
                    BudgetLine(name="step of the reading", standard_uncertainty=step / 12**0.5),
                ),
                role=entry.role,
                assumptions=("read by eye and entered",),
                algorithm=ENTERED,
            )
        )
    return tuple(found)
