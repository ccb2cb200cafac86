"""What looks wrong in a table of readings: names nearly alike, doubled rows, participants."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.trial import Flag
from qiqa.io._table_columns import Columns

__all__ = ["alike", "doubled", "refuse_participants", "tell_scanners_apart", "unit_of"]

TextArray = NDArray[np.str_]

_PEOPLE = ("participant", "participant_id", "patient", "patient_id", "subject", "subject_id")
_MOST = 5
"""Rows that a flag names one by one."""
_UNITS = {"mm2/s": "mm²/s", "um2/s": "µm²/s", "s/mm2": "s/mm²"}


def unit_of(text: str) -> str:
    """Return a unit in its one spelling, so that two tables of one unit go together.

    >>> unit_of("mm2/s"), unit_of("mm^2/s"), unit_of("dB")
    ('mm²/s', 'mm²/s', 'dB')
    """
    bare = text.replace("^", "").replace("²", "2").replace("\N{GREEK SMALL LETTER MU}", "u")
    return _UNITS.get(bare.replace("\N{MICRO SIGN}", "u").replace(" ", ""), text)


def refuse_participants(table: Columns) -> None:
    """Refuse values of people where those of a phantom are asked for.

    Raises
    ------
    UsageError
        If a column names people, and none an insert or a reference.
    """
    person = next((name for name in _PEOPLE if table.has(name) and any(table.texts(name))), "")
    phantom = any(any(table.texts(name)) for name in ("insert", "reference_value"))
    if person and not phantom:
        raise UsageError(
            f"holds values of participants: it has a column {person!r}, and none of insert and "
            "reference_value",
            where=table.where,
            hint="give the table of the phantom's readings",
        )


def _bare(text: str) -> str:
    return "".join(text.casefold().split())


def tell_scanners_apart(scanner: TextArray, site: TextArray) -> tuple[TextArray, tuple[Flag, ...]]:
    """Return scanners (n,) as "site / scanner" where several sites have one of that name.

    Rows that state no site keep the name. Sites that differ by blanks or case are one.
    """
    spelled: dict[str, str] = {}
    sites: dict[str, dict[str, None]] = {}
    pairs = list(zip(scanner.tolist(), site.tolist(), strict=True))
    for name, place in dict.fromkeys(pairs):
        if name and place:
            sites.setdefault(name, {})[spelled.setdefault(_bare(place), place)] = None
    several = {name: sorted(places) for name, places in sites.items() if len(places) > 1}
    if not several:
        return scanner, ()
    named = [
        f"{spelled[_bare(place)]} / {name}" if name in several and place else name
        for name, place in pairs
    ]
    flags = []
    for name, places in several.items():
        nowhere = sum(one == name and not place for one, place in pairs)
        reason = f"is the name of a scanner at each of {', '.join(places[:_MOST])}" + (
            f" and {len(places) - _MOST} more sites" if len(places) > _MOST else ""
        )
        reason += f": each is a scanner of its own here, for instance {places[0]} / {name}"
        if nowhere:
            reason += f"; {nowhere} rows state no site and are taken for another one"
        hint = "is it one scanner? state one site for it"
        flags.append(Flag(kind="scanner_at_several_sites", where=name, reason=reason, hint=hint))
    return np.array(named), tuple(flags)


def alike(
    fields: Mapping[str, TextArray], usable: NDArray[np.bool_], line: Callable[[int], int]
) -> list[Flag]:
    """Return flags of names that differ by blanks or case only, with their rows.

    Parameters
    ----------
    fields
        Column -> texts (n,).
    usable
        (n,) rows that are looked at.
    line
        Line of the file of a row.
    """
    flags = []
    for role, texts in fields.items():
        rows: dict[str, list[int]] = {}
        for row in np.flatnonzero(usable).tolist():
            rows.setdefault(str(texts[row]), []).append(row)
        groups: dict[str, list[str]] = {}
        for text in filter(None, rows):
            groups.setdefault(_bare(text), []).append(text)
        for spellings in groups.values():
            if len(spellings) > 1:
                said = " and ".join(_spelled(text, rows[text], line) for text in spellings)
                one = role == "manufacturer"
                reason = f"{said} differ by blanks or case only: taken for " + (
                    "one" if one else f"{len(spellings)} of them"
                )
                hint = "" if one else "spell it in one way, if it is one"
                flags.append(Flag(kind="names_alike", where=role, reason=reason, hint=hint))
    return flags


def _spelled(text: str, rows: Sequence[int], line: Callable[[int], int]) -> str:
    if len(rows) == 1:
        return f"{text!r} (line {line(rows[0])})"
    return f"{text!r} ({len(rows)} rows, first line {line(rows[0])})"


def doubled(
    table: Columns, scanner: TextArray, usable: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], list[Flag]]:
    """Return which rows repeat another in every cell (n,), and a flag for each scanner.

    Values alone say nothing: three scans in a row may well give the same number of two digits.
    What tells them apart stands in some column, used here or not.

    Parameters
    ----------
    table
        The file.
    scanner
        (n,)
    usable
        (n,) rows that are looked at.
    """
    seen: dict[tuple[str, ...], int] = {}
    again = np.zeros(len(scanner), dtype=bool)
    pairs: dict[str, list[tuple[int, int]]] = collections.defaultdict(list)
    for row in np.flatnonzero(usable).tolist():
        first = seen.setdefault(tuple(map(str, table.cells(row))), row)
        if first != row:
            again[row] = True
            pairs[str(scanner[row])].append((table.line(first), table.line(row)))
    flags = []
    for name, found in pairs.items():
        shown = ", ".join(f"line {two} as line {one}" for one, two in found[:_MOST])
        more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
        words = "row repeats another in every cell and counts"
        if len(found) > 1:
            words = "rows repeat others in every cell and count"
        reason = f"{len(found)} {words} once: {shown}{more}"
        hint = "if they are repeats, give a column that tells them apart"
        flags.append(Flag(kind="doubled_rows", where=name, reason=reason, hint=hint))
    return again, flags
