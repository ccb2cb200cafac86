"""Words: which of a description stay, and which name the participant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from qiqa.core.scanner import is_placeholder

__all__ = ["clean_description", "diffusion_comment", "identity_words", "names_participant"]

_BETWEEN = re.compile(r"[^\w.+*]+|_+")
_SETTING = re.compile(
    r"(?:b|te|tr|ti|fa|pf|mb|pe|lb|sense|dir|p|s|r|tis|tes|avg|nsa|nex|fov)=?\d{1,4}(?:mm|ms|deg|t)?\Z"
    r"|\d{1,4}(?:\.\d{1,2})?(?:mm|ms|deg|hz|khz|dir|nsa|meas|ch)\Z"
    r"|\d{1,2}(?:\.\d{1,2})?t?\Z",
    re.IGNORECASE,
)
"""A setting with its number; a bare number has at most two digits, so it is no date and no ID."""
_COUNTED = re.compile(r"([a-z]+)\d{1,2}\Z")
"""A word with the number of a repeat."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=[0-9])")
_DIFFUSION = re.compile(r"b=\d+(?:\.\d+)?\((?:\s*[-+]?\d+\.\d+\s*,){2}\s*[-+]?\d+\.\d+\s*\)")
_WORD = re.compile(r"\w+")
_SHORTEST = 3
"""Shorter parts of names (initials, `de`) are in too many harmless words."""
_LONGEST = 64


def clean_description(
    text: str, words: frozenset[str], identity: frozenset[str]
) -> tuple[str, int]:
    """Return what stays of a description, and how many words went.

    Parameters
    ----------
    text
        As the scanner holds it.
    words
        Words that stay, in lower case; settings like `b1000`, `TE90`, `5mm` stay too.
    identity
        Words that name the participant: they go whatever `words` says.

    Examples
    --------
    >>> clean_description("ax T2 Smith 19561204 b1000", frozenset({"ax", "t2"}), frozenset())
    ('ax T2 b1000', 2)
    """
    parts = [part for part in _BETWEEN.split(text) if part]
    kept = [part for part in parts if part.casefold() not in identity and _harmless(part, words)]
    while len(" ".join(kept)) > _LONGEST:
        kept.pop()
    return " ".join(kept), len(parts) - len(kept)


def _harmless(part: str, words: frozenset[str]) -> bool:
    """Say whether a part is a known word, a setting, or several of them in camel case."""
    lower = part.casefold().strip("*+.")
    counted = _COUNTED.match(lower)
    if lower in words or _SETTING.match(part) or (counted and counted[1] in words):
        return True
    pieces = _CAMEL.split(part)
    return len(pieces) > 1 and all(_harmless(piece, words) for piece in pieces)


def diffusion_comment(text: str) -> str:
    """Return b-value and direction that Canon writes into image comments; nothing else."""
    found = _DIFFUSION.search(text)
    return found.group(0) if found else ""


def identity_words(texts: Iterable[str]) -> frozenset[str]:
    """Return words, in lower case, that names and IDs of a participant are made of.

    Words that an anonymizer put there (`NONE`, `ANONYMOUS`) name nobody.
    """
    return frozenset(
        word.casefold()
        for text in texts
        for part in _WORD.findall(text)
        for word in (part, *part.split("_"))
        if len(word) >= _SHORTEST and not is_placeholder(word)
    )


def names_participant(text: str, identity: frozenset[str], words: frozenset[str]) -> bool:
    """Say whether one of the words of a text names the participant and is no MR term.

    NORM in Image Type is a filter, whoever Norm is; HEAD is a coil.
    """
    return any(word not in words for word in identity_words([text]) & identity)
