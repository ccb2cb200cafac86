"""What is done with which attribute: the standard's table and our lists, as data."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import tomllib
from collections.abc import Mapping
from typing import Any

__all__ = ["CODES", "PrivateRule", "Rules", "load_rules"]

CODES: Mapping[str, str] = {
    "113100": "Basic Application Confidentiality Profile",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113111": "Retain Safe Private Option",
}
"""Code values and meanings of PS3.16 CID 7050 (edition 2026d) that can be claimed here.

Retain Device Identity (113109) is not among them: serial numbers are replaced, which the basic
profile itself allows (action X/Z/D).
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PrivateRule:
    """How one private attribute is carried over."""

    creator: str
    group: int
    offset: int
    """Last two digits of the element number."""
    vr: str
    form: str
    """`numbers`, `code`, `items` or `csa`."""
    pattern: str = ""
    numbers: tuple[str, ...] = ()
    basis: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All of it. Tags are numbers."""

    edition: str
    basic: Mapping[int, str]
    """Action code of Table E.1-1."""
    shifted: frozenset[int]
    times: frozenset[int]
    cleaned: frozenset[int]
    texts: frozenset[int]
    emptied: frozenset[int]
    equipment: frozenset[int]
    creators: frozenset[int]
    bytes: frozenset[int]
    coding_schemes: frozenset[str]
    private: Mapping[tuple[str, int, int], PrivateRule]
    """Creator, group, last two digits of the element."""
    words: frozenset[str]


@functools.cache
def load_rules() -> Rules:
    """Return the rules that come with this version."""
    from pydicom.datadict import tag_for_keyword

    table, kept, words = (_toml(name) for name in ("profile.toml", "kept.toml", "words.toml"))

    def tags(name: str) -> frozenset[int]:
        found = {keyword: tag_for_keyword(keyword) for keyword in kept[name]}
        return frozenset(tag for tag in found.values() if tag is not None)

    return Rules(
        edition=table["edition"],
        basic={
            int(digits, 16): action
            for action, listed in table["basic"].items()
            for digits in listed.split()
        },
        shifted=tags("shifted"),
        times=tags("times"),
        cleaned=tags("cleaned"),
        texts=tags("texts"),
        emptied=tags("emptied"),
        equipment=tags("equipment"),
        creators=tags("creators"),
        bytes=tags("bytes"),
        coding_schemes=frozenset(kept["coding_schemes"]),
        private={(r.creator, r.group, r.offset): r for r in _private(kept["private"])},
        words=frozenset(words["words"].split()),
    )


def _toml(name: str) -> dict[str, Any]:
    folder = importlib.resources.files("qiqa.io.deid")
    return tomllib.loads(folder.joinpath(name).read_text(encoding="utf-8"))


def _private(entries: list[dict[str, Any]]) -> list[PrivateRule]:
    rules = []
    for entry in entries:
        for element in entry["elements"]:
            number, vr = element.split()
            group, offset = number.split(",")
            rules.append(
                PrivateRule(
                    creator=entry["creator"],
                    group=int(group, 16),
                    offset=int(offset, 16),
                    vr=vr,
                    form=entry["form"],
                    pattern=entry.get("pattern", ""),
                    numbers=tuple(entry.get("numbers", ())),
                    basis=entry["basis"],
                )
            )
    return rules
