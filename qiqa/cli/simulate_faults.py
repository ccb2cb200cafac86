"""Faults of a simulated history as texts: `step:scanner=2,name=piu,week=60,size=-2sd`."""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING

from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.simulate.history_spec import Fault, HistorySpec

__all__ = ["faults_of", "kinds_text"]

_KEYS = ("scanner", "name", "insert", "week", "weeks", "size")
_NEEDED = ("scanner", "week")
_EXAMPLE = "for instance --fault step:scanner=2,name=piu,week=60,size=-2sd"
_SIZE = re.compile(r"(?P<number>[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)(?P<suffix>[a-z]*)\Z")
_SUFFIXES = {"level": ("sd", ""), "rate": ("sd", ""), "ratio": ("x", ""), "days": ("d", "")}
_WORDS = {
    "level": "a number in the quantity's unit, or in SD as -2sd",
    "rate": "a number in the quantity's unit a year, or in SD a year as -2sd",
    "ratio": "a factor as 3x",
    "days": "days as -30d",
}


def faults_of(texts: list[str] | None, spec: HistorySpec) -> tuple[Fault, ...]:
    """Return the faults asked for; each kind once where nothing is said, none for `none`.

    Raises
    ------
    UsageError
        If one is not understood or cannot be planted.
    """
    from qiqa.simulate.history_defaults import default_faults
    from qiqa.simulate.history_spec import checked

    if not texts:
        return default_faults(spec)
    if "none" in texts:
        if len(texts) > 1:
            raise UsageError("none goes with no other fault", where="--fault")
        return ()
    found = tuple(_fault(text) for text in texts)
    for text, fault in zip(texts, found, strict=True):
        try:
            checked(fault, spec)
        except UsageError as error:
            message = f"{error.message} ({error.where})"
            raise UsageError(message, where=f"--fault {text}", hint=error.hint) from None
    return found


def kinds_text() -> str:
    """Return the kinds of faults for the help, a line each."""
    from qiqa.simulate.history_spec import KINDS

    lines = []
    for name, kind in KINDS.items():
        lasts = "to the end" if kind.weeks is None else f"{kind.weeks} weeks"
        size = {"level": "sd", "rate": "sd", "ratio": "x", "days": "d"}.get(kind.size)
        default = "" if size is None else f", size={kind.default_size:g}{size}"
        lines.append(f"  {name:11}{kind.meaning} ({lasts.replace('1 weeks', '1 week')}{default})")
    return "\n".join(lines)


def _fault(text: str) -> Fault:
    from qiqa.simulate.history_spec import KINDS, Fault

    where = f"--fault {text}"
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise UsageError(
            f"{kind!r} is no kind of fault{_near(kind, tuple(KINDS))}",
            where=where,
            hint=f"there is: {', '.join(KINDS)}; or none",
        )
    given = _pairs(rest, where)
    missing = [key for key in _NEEDED if key not in given]
    if missing:
        raise UsageError(f"{' and '.join(missing)} is missing", where=where, hint=_EXAMPLE)
    size, in_sd = None, True
    if "size" in given:
        if not KINDS[kind].size:
            raise UsageError(f"{kind} has no size", where=where, hint="leave size away")
        size, in_sd = _size(given["size"], KINDS[kind].size, where)
    return Fault(
        kind=kind,
        scanner=_whole(given["scanner"], "scanner", where),
        name=given.get("name", ""),
        insert=given.get("insert", ""),
        week=_whole(given["week"], "week", where),
        weeks=_whole(given["weeks"], "weeks", where) if "weeks" in given else None,
        size=size,
        in_sd=in_sd,
    )


def _pairs(text: str, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not value:
            raise UsageError(f"{part!r} is not key=value", where=where, hint=_EXAMPLE)
        if key not in _KEYS:
            message = f"{key!r} is not known{_near(key, _KEYS)}"
            raise UsageError(message, where=where, hint=f"there is: {', '.join(_KEYS)}")
        if key in found:
            raise UsageError(f"{key} is there twice", where=where)
        found[key] = value
    return found


def _near(given: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _whole(text: str, key: str, where: str) -> int:
    # a number of more digits than any week would only fill the message
    if not text.isdecimal() or len(text) > 9:
        raise UsageError(f"{key}={text} is not a whole number", where=where)
    return int(text)


def _size(text: str, kind: str, where: str) -> tuple[float, bool]:
    """Return the size, and whether it is in SD."""
    match = _SIZE.match(text)
    if match is None or match["suffix"] not in _SUFFIXES[kind]:
        raise UsageError(f"size={text} is not {_WORDS[kind]}", where=where)
    size = float(match["number"])
    if not math.isfinite(size):
        raise UsageError(f"size={text} is too large", where=where)
    return size, match["suffix"] == "sd"
