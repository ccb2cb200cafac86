"""Put planes together to stacks by what they are and where they lie, never by name or number."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from qiqa.core.finding import Finding, Severity
from qiqa.io.plane import Plane, Vector

__all__ = ["Stack", "groups", "stacks"]

_SAME_PLACE_MM = 0.02
_SAME_DIRECTION = 2e-3
"""Largest difference of a component of two unit vectors that count as parallel (0.1 degree)."""
_REGULAR = 0.05
"""Share of the spacing by which regular slices may be off."""
_MOST_MISSING = 3
"""A larger hole separates two stacks."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Axis:
    """What may tell volumes apart."""

    name: str
    unit: str
    value: Callable[[Plane], float | None]

    def rounded(self, plane: Plane) -> float:
        """Return the value for comparing; -1 where there is none."""
        value = self.value(plane)
        return -1.0 if value is None else round(value, 3)


_NONE = _Axis("none", "", lambda _: 0.0)
_B_VALUE = _Axis("b_value", "s/mm²", lambda p: p.reading.b_value)
_REPETITION = _Axis("repetition_time", "ms", lambda p: p.reading.acquisition.tr_ms)
_TR_STEP = 1.05
"""Ratio of neighboring repetition times from which on they were set; less comes of a trigger."""
_AXES = (
    _Axis("echo_time", "ms", lambda p: p.reading.acquisition.te_ms),
    _Axis("inversion_time", "ms", lambda p: p.reading.acquisition.ti_ms),
    _B_VALUE,
    _Axis("flip_angle", "degree", lambda p: p.reading.acquisition.flip_angle_deg),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Planes in order: volumes[n][k], with the encoding axis that tells the volumes apart."""

    volumes: tuple[tuple[Plane, ...], ...]
    heights: tuple[float, ...]
    spacing_mm: float | None
    """Regular distance between slices; None for one slice."""
    axis: str
    unit: str
    values: tuple[float, ...]


def groups(planes: Iterable[Plane]) -> list[list[Plane]]:
    """Return planes that may form one stack: same series, kind, matrix, orientation, pixels."""
    found: dict[tuple[object, ...], list[list[Plane]]] = defaultdict(list)
    for plane in planes:
        reading = plane.reading
        exact = (plane.origin.series_uid, plane.rows, plane.columns, plane.stack)
        alike = found[(*exact, reading.component, reading.derived)]
        for group in alike:
            if _parallel(group[0], plane):
                group.append(plane)
                break
        else:
            alike.append([plane])
    return [group for alike in found.values() for group in alike]


def _parallel(a: Plane, b: Plane) -> bool:
    pairs = zip((*a.row, *a.column), (*b.row, *b.column), strict=True)
    same_spacing = all(abs(x - y) <= 1e-3 * x for x, y in zip(a.spacing, b.spacing, strict=True))
    return same_spacing and all(abs(x - y) <= _SAME_DIRECTION for x, y in pairs)


def stacks(planes: Sequence[Plane]) -> tuple[list[Stack], list[Finding]]:
    """Return the stacks that planes of one group form, and what is odd about them."""
    places = _places(planes)
    varying = [axis for axis in _AXES if _varies(planes, places, axis)]
    if len(varying) > 1:
        by_value: dict[float, list[Plane]] = defaultdict(list)
        for plane in planes:
            by_value[varying[-1].rounded(plane)].append(plane)
        return _together(stacks(by_value[value]) for value in sorted(by_value))
    isotropic = [p for p in planes if p.reading.isotropic and (p.reading.b_value or 0) > 0]
    directional = [p for p in planes if p.reading.direction is not None]
    if isotropic and directional:
        apart = {id(p) for p in isotropic}
        rest = [p for p in planes if id(p) not in apart]
        return _together(stacks(part) for part in (rest, isotropic))
    axis = varying[0] if varying else _NONE
    if not varying and (_directions_vary(planes, places) or _weighted(planes, places)):
        axis = _B_VALUE
    elif not varying and _varies(planes, places, _REPETITION) and _set_apart(planes):
        axis = _REPETITION
    covers = _volumes(planes, places, axis)
    found, findings = _together(_blocks(volumes, axis) for volumes in covers)
    return found, [*findings, *_incomplete(covers, places)]


def _together(
    parts: Iterable[tuple[list[Stack], list[Finding]]],
) -> tuple[list[Stack], list[Finding]]:
    found, findings = [], []
    for stack_list, finding_list in parts:
        found += stack_list
        findings += finding_list
    return found, findings


def _places(planes: Sequence[Plane]) -> dict[int, int]:
    """Return the number of the slice position of each plane, by id(plane)."""
    order = sorted(planes, key=lambda p: p.height)
    places, number, before = {}, -1, float("-inf")
    for plane in order:
        if plane.height - before > _SAME_PLACE_MM:
            number, before = number + 1, plane.height
        places[id(plane)] = number
    return places


def _varies(planes: Sequence[Plane], places: dict[int, int], axis: _Axis) -> bool:
    seen: dict[int, float] = {}
    for plane in planes:
        value = axis.rounded(plane)
        if seen.setdefault(places[id(plane)], value) != value:
            return True
    return False


def _set_apart(planes: Sequence[Plane]) -> bool:
    """Say whether the repetition times of the planes are known and clearly differ."""
    values = sorted({_REPETITION.rounded(plane) for plane in planes})
    return values[0] > 0 and all(b >= _TR_STEP * a for a, b in itertools.pairwise(values))


def _directions_vary(planes: Sequence[Plane], places: dict[int, int]) -> bool:
    seen: dict[int, Vector | None] = {}
    for plane in planes:
        direction = plane.reading.direction
        if seen.setdefault(places[id(plane)], direction) != direction:
            return True
    return False


def _weighted(planes: Sequence[Plane], places: dict[int, int]) -> bool:
    """Say whether planes with one b-value are diffusion images, so that it must be told.

    A b-value of zero is told of one echo-planar volume alone: it may be the first of a series a
    b-value. Some scanners state it for every image, so it says nothing of repeats.
    """
    readings = [plane.reading for plane in planes]
    known = all(r.b_value is not None for r in readings)
    if known and any(r.b_value or r.component == "tracew" for r in readings):
        return True
    alone = len(set(places.values())) == len(planes)
    return known and alone and all("EP" in (r.acquisition.sequence or "") for r in readings)


def _volumes(
    planes: Sequence[Plane], places: dict[int, int], axis: _Axis
) -> list[list[list[Plane]]]:
    """Return lists of volumes that cover the same positions; the fullest list first."""
    cells: dict[tuple[object, ...], dict[int, list[Plane]]] = defaultdict(lambda: defaultdict(list))
    for plane in planes:
        direction = plane.reading.direction
        spread = None if direction is None else tuple(round(x, 3) for x in direction)
        key = (axis.rounded(plane), spread)
        cells[key][places[id(plane)]].append(plane)
    volumes: list[dict[int, Plane]] = []
    for cell in cells.values():
        volumes += _repeats(cell)
    by_cover: dict[tuple[int, ...], list[list[Plane]]] = defaultdict(list)
    for volume in volumes:
        cover = tuple(sorted(volume))
        by_cover[cover].append([volume[place] for place in cover])
    for same in by_cover.values():
        same.sort(key=lambda v: (axis.rounded(v[0]), v[0].order, v[0].source.frame))
    return [by_cover[cover] for cover in sorted(by_cover, key=lambda c: (-len(c), c))]


def _incomplete(covers: list[list[list[Plane]]], places: dict[int, int]) -> list[Finding]:
    """Tell which volumes lack slices that the fullest volumes have."""
    full = {places[id(plane)]: plane.height for plane in covers[0][0]}
    findings = []
    for volumes in covers[1:]:
        here = {places[id(plane)] for plane in volumes[0]}
        missing = [full[place] for place in sorted(full.keys() - here)]
        if not missing or not here & full.keys():
            continue
        shown = ", ".join(f"{height:.2f}" for height in missing[:6])
        text = (
            f"{len(volumes)} of {sum(map(len, covers))} volumes have no image at {shown} mm "
            f"along the slice normal ({len(missing)} of {len(full)} slices): read as a stack "
            "of their own"
        )
        origin = volumes[0][0].origin
        findings.append(
            _finding("missing_slice", Severity.WARNING, text, origin.description, origin.series_uid)
        )
    return findings


def _repeats(cell: dict[int, list[Plane]]) -> list[dict[int, Plane]]:
    """Return the repeats of one encoding: by temporal position or acquisition, else by rank."""
    for index in (0, 1):
        stated = all(len({p.order[index] for p in same}) == len(same) for same in cell.values())
        if stated and max(len(same) for same in cell.values()) > 1:
            found: dict[float, dict[int, Plane]] = defaultdict(dict)
            for place, same in cell.items():
                for plane in same:
                    found[plane.order[index]][place] = plane
            return [found[number] for number in sorted(found)]
    ranked: dict[int, dict[int, Plane]] = defaultdict(dict)
    for place, same in cell.items():
        for rank, plane in enumerate(sorted(same, key=lambda p: p.order)):
            ranked[rank][place] = plane
    return [ranked[rank] for rank in sorted(ranked)]


def _blocks(volumes: list[list[Plane]], axis: _Axis) -> tuple[list[Stack], list[Finding]]:
    """Cut volumes where the gap between slices is irregular; report holes."""
    first = volumes[0]
    heights = [plane.height for plane in first]
    gaps = [b - a for a, b in itertools.pairwise(heights)]
    where, uid = first[0].origin.description, first[0].origin.series_uid
    if not gaps:
        return [_stack(volumes, heights, None, axis)], []
    base = sorted(gaps)[len(gaps) // 2] if len(gaps) > 2 else min(gaps)
    findings, cuts = [], [0]
    for index, gap in enumerate(gaps):
        steps = round(gap / base)
        fits = abs(gap - steps * base) <= 2 * _REGULAR * base and len(gaps) > 1
        if fits and 1 < steps <= _MOST_MISSING + 1:
            findings.append(_hole(heights, index, steps, base, where, uid))
        elif gap > 1.5 * base:
            cuts.append(index + 1)
            text = (
                f"the slices at {heights[index]:.2f} and {heights[index + 1]:.2f} mm lie "
                f"{gap:.2f} mm apart, the others {base:.2f} mm: read as separate stacks"
            )
            findings.append(_finding("irregular_spacing", Severity.INFO, text, where, uid))
        elif abs(gap - base) > _REGULAR * base:
            text = (
                f"the slices at {heights[index]:.2f} and {heights[index + 1]:.2f} mm lie "
                f"{gap:.2f} mm apart instead of {base:.2f} mm"
            )
            findings.append(_finding("irregular_spacing", Severity.WARNING, text, where, uid))
    found = []
    for start, end in itertools.pairwise([*cuts, len(heights)]):
        part = [volume[start:end] for volume in volumes]
        spacing = base if end - start > 1 else None
        found.append(_stack(part, heights[start:end], spacing, axis))
    return found, findings


def _hole(
    heights: list[float], index: int, steps: int, base: float, where: str | None, uid: str
) -> Finding:
    missing = [heights[index] + step * base for step in range(1, steps)]
    numbers = [str(index + 1 + step) for step in range(1, steps)]
    text = (
        f"no image at {', '.join(f'{m:.2f}' for m in missing)} mm along the slice normal: "
        f"slice {', '.join(numbers)} of the stack, counted from the lowest position"
    )
    hint = "export the series again; check that all images were sent"
    return dataclasses.replace(
        _finding("missing_slice", Severity.WARNING, text, where, uid), hint=hint
    )


def _finding(code: str, severity: Severity, text: str, where: str | None, uid: str) -> Finding:
    return Finding(code=code, severity=severity, message=text, where=where, series_uid=uid)


def _stack(
    volumes: list[list[Plane]], heights: list[float], spacing: float | None, axis: _Axis
) -> Stack:
    name, unit = axis.name, axis.unit
    if name == "none" and len(volumes) > 1:
        name, unit = "repeat", "1"
        values = tuple(float(n) for n in range(len(volumes)))
    elif name == "none":
        values = (0.0,)
    else:
        values = tuple(float(axis.value(volume[0]) or 0.0) for volume in volumes)
    return Stack(
        volumes=tuple(tuple(volume) for volume in volumes),
        heights=tuple(heights),
        spacing_mm=spacing,
        axis=name,
        unit=unit,
        values=values,
    )
