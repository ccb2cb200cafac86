"""Files that claim to be the same image: used once if they are, kept apart if they are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import PurePath

from qiqa.core.finding import Finding, Severity
from qiqa.io.plane import Plane

__all__ = ["Part", "settle"]

Part = tuple[str | None, list[Plane]]
"""Planes of one copy, and which copy; None where there is only one."""


def settle(
    planes: Sequence[Plane], digest: Callable[[Plane], str]
) -> tuple[list[Part], list[Finding]]:
    """Return the planes once each, or in one part a copy where copies differ.

    Suspects share series, position, encoding and number; only their pixels are read, by
    `digest`, since headers of copies are rewritten by archives and anonymizers while honest
    repeats carry other numbers.
    """
    alike = [same for same in _suspects(planes).values() if len(same) > 1]
    if not alike:
        return [(None, list(planes))], []
    hashes = {id(plane): digest(plane) for same in alike for plane in same}
    if all(len({hashes[id(plane)] for plane in same}) == 1 for same in alike):
        spare = {id(plane) for same in alike for plane in same[1:]}
        kept = [plane for plane in planes if id(plane) not in spare]
        return [(None, kept)], [_duplicates(alike)]
    parts = _by_folder(planes, hashes)
    return parts, [_conflict(alike, hashes, parts)]


def _suspects(planes: Sequence[Plane]) -> dict[tuple[object, ...], list[Plane]]:
    found: dict[tuple[object, ...], list[Plane]] = defaultdict(list)
    for plane in sorted(planes, key=lambda p: (p.source.path, p.source.member or "")):
        reading, acquisition = plane.reading, plane.reading.acquisition
        encoding = (acquisition.te_ms, acquisition.ti_ms, acquisition.flip_angle_deg)
        numbered = plane.order[2] >= 0
        moment = None if numbered else acquisition.acquired_at
        place = tuple(round(x, 2) for x in plane.position)
        key = (place, encoding, reading.b_value, reading.direction, plane.order, moment)
        found[key].append(plane)
    return found


def _folder(plane: Plane) -> str:
    source = plane.source
    if source.member is None:
        return str(PurePath(source.path).parent)
    return f"{source.path}: {PurePath(source.member).parent}"


def _by_folder(planes: Sequence[Plane], hashes: dict[int, str]) -> list[Part]:
    """Return one part a folder and serial number; copies inside a folder by rank."""
    parts: dict[tuple[str, str], list[Plane]] = defaultdict(list)
    for plane in planes:
        parts[_folder(plane), plane.origin.scanner.serial_number or ""].append(plane)
    settled: list[Part] = []
    for (folder, serial), part in sorted(parts.items()):
        label = f"{folder} ({serial})" if serial else folder
        ranked: dict[int, list[Plane]] = defaultdict(list)
        for same in _suspects(part).values():
            distinct = {hashes.get(id(plane), ""): plane for plane in reversed(same)}
            for rank, plane in enumerate(reversed(distinct.values())):
                ranked[rank].append(plane)
        for rank in sorted(ranked):
            settled.append((f"{label} #{rank + 1}" if rank else label, ranked[rank]))
    return settled


def _duplicates(alike: list[list[Plane]]) -> Finding:
    spare = sorted({plane.source.path for same in alike for plane in same[1:]})
    first = alike[0][0]
    return Finding(
        code="duplicate_files",
        severity=Severity.INFO,
        message=f"{sum(len(same) - 1 for same in alike)} images occur more than once with the "
        f"same pixels and are used once; for instance {spare[0]}",
        where=_folder(first),
        series_uid=first.origin.series_uid,
    )


def _conflict(alike: list[list[Plane]], hashes: dict[int, str], parts: list[Part]) -> Finding:
    differing = [same for same in alike if len({hashes[id(plane)] for plane in same}) > 1]
    first = differing[0][0]
    folders = sorted({_folder(plane) for same in differing for plane in same})
    return Finding(
        code="conflicting_copies",
        severity=Severity.ERROR,
        message=f"{len(differing)} images of one series exist in {len(parts)} copies with "
        f"different pixels, in {' and in '.join(folders)}; each copy is read as its own series",
        where=" ; ".join(folders),
        hint="find out which copy came from the scanner, and give only that one",
        series_uid=first.origin.series_uid,
    )
