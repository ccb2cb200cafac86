"""Tables as text: columns that fit the width, sections, remarks beside or below a row."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator, Sequence

from qiqa.cli.console import Part, one_line, say_parts, width

__all__ = ["Row", "Section", "columns_of", "fold", "table"]

_GAP = 2
_NARROWEST = 6
_REMARK = 30
"""Narrowest column of remarks; with less room they stand below their row."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    cells: tuple[str, ...]
    style: str | None = None
    styled: int | None = None
    """Which cell has the style; None: all."""
    remark: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows that belong together, under a title."""

    rows: tuple[Row, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    """Lines below the title."""


def table(
    columns: Sequence[str],
    sections: Sequence[Section],
    *,
    remark: str = "",
    right: Sequence[int] = (),
    to_error: bool = False,
) -> None:
    """Print a table that fits the width.

    Parameters
    ----------
    columns
        Headings.
    sections
        Rows; texts may come from headers.
    remark
        Heading of the remarks; empty: there are none.
    right
        Columns that are aligned to the right.
    """
    for line in _lines(columns, sections, remark, right, width()):
        say_parts(line, to_error=to_error)


def _lines(
    columns: Sequence[str],
    sections: Sequence[Section],
    remark: str,
    right: Sequence[int],
    total: int,
) -> Iterator[list[Part]]:
    indent, gap = (2 if any(section.title for section in sections) else 0), _GAP
    cells = [tuple(columns), *(row.cells for section in sections for row in section.rows)]
    natural = [max(columns_of(one_line(row[i])) for row in cells) for i in range(len(columns))]
    if indent + sum(natural) + gap * (len(natural) - 1) > total:
        indent, gap = 0, 1
    widths = _shrunk(natural, total - indent - gap * (len(natural) - 1))
    room = total - indent - sum(widths) - gap * len(widths)
    beside = room if remark and room >= _REMARK else 0
    heading = (*columns, remark) if beside else tuple(columns)
    all_widths = (*widths, beside) if beside else tuple(widths)
    yield from _row_lines(Row(cells=heading, style="bold"), all_widths, right, indent, gap)
    for section in sections:
        if section.title:
            yield [("", None)]
            yield from _texts(section.title, "bold", 0, total)
        for note in section.notes:
            yield from _texts(note, "yellow", indent, total)
        for row in section.rows:
            shown = row
            if beside:
                shown = dataclasses.replace(row, cells=(*row.cells, row.remark))
            yield from _row_lines(shown, all_widths, right, indent, gap)
            if row.remark and not beside:
                yield from _texts(row.remark, None, indent + 4, total)


def _texts(text: str, style: str | None, indent: int, total: int) -> Iterator[list[Part]]:
    for part in fold(one_line(text), total - indent):
        yield [(" " * indent + part, style)]


def _row_lines(
    row: Row, widths: Sequence[int], right: Sequence[int], indent: int, gap: int
) -> Iterator[list[Part]]:
    folded = [fold(one_line(c), w) for c, w in zip(row.cells, widths, strict=True)]
    last = len(widths) - 1
    for height in range(max(len(lines) for lines in folded)):
        parts: list[Part] = [(" " * indent, None)]
        for index, (lines, size) in enumerate(zip(folded, widths, strict=True)):
            text = lines[height] if height < len(lines) else ""
            blank = " " * (size - columns_of(text))
            after = "" if index == last else " " * gap
            shown = f"{blank}{text}{after}" if index in right else f"{text}{blank}{after}"
            style = row.style if row.styled in (None, index) else None
            parts.append((shown, style))
        while len(parts) > 1 and not parts[-1][0].strip():
            parts.pop()
        parts[-1] = (parts[-1][0].rstrip(), parts[-1][1])
        yield parts


def _shrunk(natural: list[int], room: int) -> list[int]:
    """Return widths that fit; the widest columns give first."""
    widths = list(natural)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return [max(size, 1) for size in widths]


def columns_of(text: str) -> int:
    """Return how many columns a text takes: wide letters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def fold(text: str, size: int) -> list[str]:
    """Return a text as lines of at most `size` columns, broken at blanks where there are some.

    >>> fold("limit at least 80", 9)
    ['limit at', 'least 80']
    """
    lines, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if columns_of(joined) <= size:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while columns_of(line) > size:
            cut = next(n for n in range(len(line), 0, -1) if n == 1 or columns_of(line[:n]) <= size)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]
