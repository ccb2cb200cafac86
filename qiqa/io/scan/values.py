"""Values of undecoded elements, each decoded once: most repeat from file to file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from qiqa.io.elements import Element, Malformed, Syntax, split
from qiqa.io.header import Header
from qiqa.io.scan.attributes import ATTRIBUTES, DATES, FREE_TEXT, NUMBERS, SEQUENCES, Value, date_of
from qiqa.io.tags import TAGS, VR_OF

__all__ = ["KEPT", "Decoder", "Raw", "letters", "mapped"]

Raw = tuple[int, int, bytes]
"""Tag, value representation as the two letters make a number (0: not written), bytes. Of a
sequence the bytes are those of the whole element."""

KEPT = {TAGS[keyword][0]: keyword for keyword in ATTRIBUTES}
"""Tag -> keyword of what is kept."""
_SHORT = 1024
_NUMERIC = frozenset(("DS", "IS", "US", "FD", "UL", "SL", "SS", "FL"))


def letters(representation: int) -> str:
    """Return a value representation as text; empty where none was written."""
    return "" if not representation else f"{chr(representation >> 8)}{chr(representation & 255)}"


@dataclasses.dataclass(slots=True)
class Decoder:
    """Decodes elements of files with one character set and byte order, and remembers."""

    charset: str
    syntax: Syntax
    known: dict[Raw, tuple[Value, ...]] = dataclasses.field(default_factory=dict)
    attributes: dict[Raw, tuple[tuple[str, Value], ...]] = dataclasses.field(default_factory=dict)

    def values(self, raw: Raw | None) -> tuple[Value, ...]:
        """Return all values of an element; nothing for None. Empty texts are left out."""
        if raw is None:
            return ()
        found = self.known.get(raw)
        if found is None:
            found = self.known[raw] = self._decoded(raw)
        return found

    def _decoded(self, raw: Raw) -> tuple[Value, ...]:
        tag, vr, data = raw
        quick = _quickly(tag, vr, data)
        if quick is not None:
            return quick
        element = Element(letters(vr), memoryview(data), self.syntax)
        header = Header({tag: element}, self.charset)
        if VR_OF.get(tag, "LO") in _NUMERIC:
            return header.numbers(tag)
        return tuple(text for text in header.texts(tag) if text)

    def text(self, raw: Raw | None) -> str:
        """Return the first value as text; empty where there is none."""
        values = self.values(raw)
        return str(values[0]) if values else ""

    def number(self, raw: Raw | None) -> float | None:
        """Return the first value as a number; None where there is none."""
        values = self.values(raw)
        return values[0] if values and isinstance(values[0], float) else None

    def whole(self, raw: Raw | None) -> int | None:
        """Return the first value as a whole number; None where it is none."""
        value = self.number(raw)
        return None if value is None or value != int(value) else int(value)

    def kept(self, raw: Raw) -> tuple[tuple[str, Value], ...]:
        """Return keyword and value of what is kept of an element; nothing if it is not listed."""
        found = self.attributes.get(raw)
        if found is None:
            found = self.attributes[raw] = tuple(self._kept(raw))
        return found

    def _kept(self, raw: Raw) -> Iterator[tuple[str, Value]]:
        keyword = KEPT.get(raw[0], "")
        if keyword in SEQUENCES:
            yield keyword, 1.0
            if keyword == "RealWorldValueMappingSequence":
                yield from self._mapping(raw)
            return
        values = self.values(raw)
        if not keyword or not values or keyword == "PatientAge":
            return  # the age needs other elements too
        if keyword in DATES:
            day = date_of(str(values[0]))
            if day:
                yield keyword, day
        elif keyword in NUMBERS:
            # 0.0 and -0.0 are one value
            numbers = [value + 0.0 for value in values if isinstance(value, float)]
            one = len(numbers) == 1
            yield keyword, numbers[0] if one else "\\".join(f"{v:.10g}" for v in numbers)
        else:
            joined = " " if keyword in FREE_TEXT else "\\"
            yield keyword, joined.join(map(str, values))

    def _mapping(self, raw: Raw) -> Iterator[tuple[str, Value]]:
        """Yield slope, intercept and unit of the real-world values."""
        data = memoryview(raw[2])
        try:
            elements, _, _ = split(data, 0, len(data), self.syntax)
        except Malformed:
            return
        yield from mapped(Header(elements, self.charset))


def _quickly(tag: int, vr: int, data: bytes) -> tuple[Value, ...] | None:
    """Return the values of plain ASCII as `Header` would in a third of the time; None: ask it."""
    if not data.isascii() or len(data) > _SHORT:
        return None
    text = data.rstrip(b"\x00 ").decode("ascii")
    if VR_OF.get(tag, "LO") in _NUMERIC:
        if letters(vr) not in ("DS", "IS"):
            return None
        try:
            numbers = tuple([float(part) for part in text.lstrip("\x00 ").split("\\")])
        except ValueError:
            return None
        return numbers if all(map(math.isfinite, numbers)) else ()
    if not text.isprintable():
        return None
    return tuple([part for part in map(str.strip, text.split("\\")) if part])


def mapped(header: Header) -> Iterator[tuple[str, Value]]:
    """Yield slope, intercept and unit of the real-world values of a header."""
    for item in header.items("RealWorldValueMappingSequence"):
        for keyword in ("RealWorldValueSlope", "RealWorldValueIntercept"):
            value = item.number(keyword)
            if value is not None:
                yield keyword, value
        for unit in item.items("MeasurementUnitsCodeSequence"):
            code = unit.text("CodeValue")
            if code:
                yield "MeasurementUnitsCodeSequence", code
