"""What a person entered: from a file or a terminal, checked against the protocol."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from qiqa.core.errors import UsageError
from qiqa.core.measurement import BudgetLine, Interval, Measurement
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
    if entry.type == "number":
        try:
            number = float(str(value).replace(",", "."))
        except ValueError:
            raise UsageError(f"{value!r} is not a number", where=place) from None
        low, high = entry.range or (-float("inf"), float("inf"))
        if not low <= number <= high:
            unit = f" {entry.unit}" if entry.unit not in (None, "1") else ""
            raise UsageError(f"{number:g}{unit} is outside {low:g} to {high:g}", where=place)
        return f"{number:g}"
    text = str(value).strip()
    if entry.type == "choice" and text not in entry.choices:
        raise UsageError(f"{text!r} is not one of {', '.join(entry.choices)}", where=place)
    return text


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
                algorithm="entered by a person",
            )
        )
    return tuple(found)
