"""Series that differ in one setting: one run of a protocol, several, or nobody can tell."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence

from qiqa.core.series import SeriesHeader
from qiqa.io.kinship import Axis

__all__ = ["Runs", "runs_of"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How series at one place fall into runs."""

    collections: list[list[SeriesHeader]] = dataclasses.field(default_factory=list)
    """One list a run, values rising."""
    apart: list[SeriesHeader] = dataclasses.field(default_factory=list)
    """Those that are in no run."""
    trouble: str | None = None
    """Why, where they would be in one."""


def runs_of(headers: Sequence[SeriesHeader], axis: Axis) -> Runs:
    """Return the runs among headers that differ only in the value of `axis`.

    Where no value occurs twice they are one run. Else every run must hold the same values, told
    by the names of the series (`diff_1`, `diff_2`), or by the order of acquisition: one run ended
    before the next began.
    """
    counts = Counter(axis.rounded(header) for header in headers)
    if len(counts) < 2:
        return Runs(apart=list(headers))
    if max(counts.values()) == 1:
        return Runs(collections=[_rising(headers, axis)])
    for split in (_by_name(headers), _by_time(headers, len(counts))):
        if len(split) > 1 and all(_complete(part, counts, axis) for part in split):
            return Runs(collections=[_rising(part, axis) for part in split])
    return Runs(apart=list(headers), trouble=_trouble(headers, counts, axis))


def _rising(headers: Sequence[SeriesHeader], axis: Axis) -> list[SeriesHeader]:
    return sorted(headers, key=lambda h: (axis.value(h) or 0.0, str(axis.rounded(h)), h.series_uid))


def _complete(
    part: Sequence[SeriesHeader], counts: Counter[tuple[object, ...]], axis: Axis
) -> bool:
    return Counter(axis.rounded(header) for header in part) == Counter(dict.fromkeys(counts, 1))


def _by_name(headers: Sequence[SeriesHeader]) -> list[list[SeriesHeader]]:
    named: dict[str | None, list[SeriesHeader]] = defaultdict(list)
    for header in headers:
        named[header.description].append(header)
    return list(named.values())


def _by_time(headers: Sequence[SeriesHeader], length: int) -> list[list[SeriesHeader]]:
    """Return runs of `length` in the order of acquisition; none where it is not known."""
    dated = [(h.acquisition.acquired_at, h) for h in headers]
    moments = [moment for moment, _ in dated if moment is not None]
    if len(set(moments)) < len(dated):
        return []
    order = [h for _, h in sorted(dated, key=lambda pair: str(pair[0]))]
    return [order[start : start + length] for start in range(0, len(order), length)]


def _trouble(
    headers: Sequence[SeriesHeader], counts: Counter[tuple[object, ...]], axis: Axis
) -> str:
    twice = sorted({axis.value(h) or 0.0 for h in headers if counts[axis.rounded(h)] > 1})
    shown = ", ".join(f"{value:g}" for value in twice[:6])
    text = f"{axis.words} {shown} {axis.unit} occurs more than once"
    if any(header.acquisition.acquired_at is None for header in headers):
        return f"{text}, and no time of acquisition tells which belong together"
    return f"{text}, and neither names nor times of acquisition tell which belong together"
