"""Cells of a table of values over time: texts, numbers, dates, and what is none of these."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Wrong", "moment_of", "numbers_of", "text_of", "texts_of"]

FloatArray = NDArray[np.float64]
Wrong = list[tuple[int, str]]
"""Cells that are not what they should be: place and text."""

_EMPTY = frozenset(("", "nan", "na", "n/a", "none", "null", "-", "not_evaluated"))
_LARGEST = 1e100
"""Numbers from here on are slips of some program; their squares soon leave double precision."""
_EARLIEST = 1970
"""Year before which there was no scanner: programs write such dates where they know none."""


def text_of(cell: object) -> str:
    """Return a cell as text; empty where there is nothing in it."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    text = str(cell).strip()
    # the exporter puts an apostrophe before what a spreadsheet would run
    return text[1:] if text[:1] == "'" and text[1:2] in "=+-@" else text


def texts_of(cells: Sequence[object]) -> list[str]:
    """Return cells as texts; few texts stand in many rows, and each is looked at once."""
    try:
        shown = {cell: text_of(cell) for cell in set(cells)}
    except TypeError:  # a list in a cell of Parquet has no hash
        return [text_of(cell) for cell in cells]
    return [shown[cell] for cell in cells]


def numbers_of(cells: Sequence[object], *, comma: bool = False) -> tuple[FloatArray, Wrong, int]:
    """Return cells as numbers (n,), those that are none, and how many had a decimal comma.

    Parameters
    ----------
    cells
        Texts or numbers; empty ones and words for nothing are NaN.
    comma
        Whether `1,5` is one and a half: true where commas do not part the columns.
    """
    try:
        made = np.array(cells, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        pass
    else:
        if made.ndim == 1 and not (np.abs(made) >= _LARGEST).any():
            return made, [], 0
    made = np.full(len(cells), math.nan)
    wrong: Wrong = []
    commas = 0
    for i, cell in enumerate(cells):
        text = text_of(cell)
        if text.lower() in _EMPTY:
            continue
        swapped = comma and text.count(",") == 1 and "." not in text
        try:
            value = float(text.replace(",", ".") if swapped else text)
        except ValueError:
            value = math.inf
        if abs(value) >= _LARGEST:
            wrong.append((i, text))
            continue
        made[i] = value
        commas += swapped
    return made, wrong, commas


def moment_of(cell: object) -> tuple[dt.datetime | None, bool]:
    """Return a date as wall-clock time, and whether a time zone stood behind it.

    Only forms that have one meaning are read: ISO 8601 and DICOM's digits. None where a cell is no
    such date, or one from before there were scanners.
    """
    made = _moment(cell)
    if made is None or made.year < _EARLIEST:
        return None, False
    return made.replace(tzinfo=None), made.tzinfo is not None


def _moment(cell: object) -> dt.datetime | None:
    if isinstance(cell, dt.datetime):
        return cell
    if isinstance(cell, dt.date):
        return dt.datetime(cell.year, cell.month, cell.day)
    text = text_of(cell)
    if len(text) < 8:
        return None
    if 14 <= len(text) <= 20 and text.isdecimal():  # as DICOM writes it; a fraction may follow
        text = f"{text[:8]}T{text[8:14]}"
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None
