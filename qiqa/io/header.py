"""Decoded values of a DICOM header; whatever cannot be decoded is None, never an exception."""

from __future__ import annotations

import dataclasses
import math
import re
import struct

from qiqa.io.elements import Element, split_items
from qiqa.io.tags import TAGS, VR_OF

__all__ = ["Header", "clean"]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
_LONGEST_TEXT = 1024
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
# PS3.3 C.12.1.1.2; code extensions are decoded by Python's ISO 2022 codecs
_CODECS = {
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 166": "tis-620",
    "ISO_IR 203": "iso8859-15",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 58": "gb2312",
}


def clean(text: str) -> str:
    """Return `text` without control and direction characters, trimmed, of bounded length."""
    return _CONTROL.sub(" ", text).strip()[:_LONGEST_TEXT].strip()


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """Elements of one data set, sequence item, or frame (functional groups laid flat).

    Attributes are asked for by DICOM keyword (those of `qiqa.io.tags`) or by number; a private
    number comes from `private` and says its value representation, for files without them.
    """

    elements: dict[int, Element]
    charset: str = "latin-1"

    def _find(self, key: str | int) -> tuple[Element | None, str]:
        tag = TAGS[key][0] if isinstance(key, str) else key
        element = self.elements.get(tag)
        vr = "" if element is None or element.vr == "UN" else element.vr
        return element, vr or VR_OF.get(tag, "")

    def __contains__(self, key: str | int) -> bool:
        return self._find(key)[0] is not None

    def raw(self, key: str | int) -> bytes | None:
        """Return the undecoded value."""
        element, _ = self._find(key)
        if element is None or isinstance(element.value, tuple):
            return None
        return bytes(element.value)

    def printed(self, key: str | int) -> str | None:
        """Return the first value of a text element as it is printed, for counting digits."""
        values = self.texts(key)
        return values[0] if values else None

    def texts(self, key: str | int) -> tuple[str, ...]:
        """Return all values of a text element, cleaned."""
        raw = self.raw(key)
        if not raw:
            return ()
        raw = raw.rstrip(b"\x00 ")
        text = raw.decode(self.charset, errors="replace")
        return tuple(clean(part) for part in text.split("\\"))

    def text(self, key: str | int) -> str | None:
        """Return the first non-empty value of a text element."""
        return next((value for value in self.texts(key) if value), None)

    def numbers(self, key: str | int, vr: str = "") -> tuple[float, ...]:
        """Return all values as numbers; empty if any of them is not a finite number."""
        element, known = self._find(key)
        if element is None or isinstance(element.value, tuple):
            return ()
        raw, vr = bytes(element.value), known or vr or "DS"
        try:
            if vr in _BINARY:
                kind = _BINARY[vr]
                count = len(raw) // struct.calcsize(kind)
                order = "<" if element.syntax.little else ">"
                values = struct.unpack_from(f"{order}{count}{kind}", raw)
            else:
                text = raw.decode("ascii").strip("\x00 ")
                values = tuple(float(part) for part in text.split("\\")) if text else ()
        except (ValueError, struct.error):
            return ()
        numbers = tuple(float(value) for value in values)
        return numbers if all(math.isfinite(value) for value in numbers) else ()

    def number(self, key: str | int, vr: str = "") -> float | None:
        """Return the first value as a number."""
        values = self.numbers(key, vr)
        return values[0] if values else None

    def whole(self, key: str | int, vr: str = "") -> int | None:
        """Return the first value as a whole number."""
        value = self.number(key, vr)
        return None if value is None or value != int(value) else int(value)

    def items(self, key: str | int) -> tuple[Header, ...]:
        """Return the items of a sequence."""
        element, _ = self._find(key)
        if element is None:
            return ()
        return tuple(Header(item, self.charset) for item in split_items(element))

    def private(self, creator: str, group: int, offset: int) -> int | None:
        """Return the tag of a private element, or None where the creator reserved no block."""
        for block in range(0x10, 0x100):
            tag = group << 16 | block
            if tag in self.elements and self.text(tag) == creator:
                return group << 16 | block << 8 | offset
        return None

    def with_charset(self) -> Header:
        """Return the same elements with the character set that they declare."""
        declared = [value for value in self.texts("SpecificCharacterSet") if value]
        codecs = [_CODECS[value] for value in declared if value in _CODECS]
        return Header(self.elements, codecs[-1]) if codecs else self
