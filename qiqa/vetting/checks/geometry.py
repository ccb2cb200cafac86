"""Whether the slices of a series make one regular stack, from their headers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vetting import (
    Check,
    Instance,
    Needs,
    Observation,
    Reason,
    SeriesFacts,
    Setting,
    Settings,
)

__all__ = ["CHECK", "look"]

FloatArray = NDArray[np.float64]

_WARN = Severity.WARNING
_ERROR = Severity.ERROR
CHECK = Check(
    name="geometry",
    needs=Needs.HEADER,
    title="Slices make one regular stack",
    reasons=(
        Reason(
            code="slices_missing",
            severity=_ERROR,
            title="slices missing",
            meaning="Gaps between slices that are a multiple of their spacing: slices were lost. "
            "The value is their number.",
        ),
        Reason(
            code="spacing_irregular",
            severity=_ERROR,
            title="spacing irregular",
            meaning="Distances between slices differ: a volume resampled as if they did not is "
            "distorted. The value is the largest departure from the usual distance.",
            unit="%",
        ),
        Reason(
            code="slices_repeated",
            severity=_ERROR,
            title="slices repeated",
            meaning="Images at the same place, of the same echo, b-value and time: one of them is "
            "not what it says. The value is their number.",
        ),
        Reason(
            code="volume_incomplete",
            severity=_ERROR,
            title="volumes incomplete",
            meaning="Some volumes (echoes, b-values, times) have fewer slices than others. The "
            "value is how many images are missing.",
        ),
        Reason(
            code="fewer_than_stated",
            severity=_ERROR,
            title="fewer images than stated",
            meaning="The headers state more images in the acquisition than there are: the series "
            "was not sent completely. The value is how many are missing.",
        ),
        Reason(
            code="several_orientations",
            severity=_WARN,
            title="several orientations",
            meaning="Slices that are not parallel, as in a localizer. The value is the number of "
            "orientations beyond one.",
        ),
        Reason(
            code="sizes_differ",
            severity=_WARN,
            title="sizes differ",
            meaning="Matrix or voxel size differ within the series. The value is the number of "
            "sizes beyond one.",
        ),
        Reason(
            code="spacing_contradicts",
            severity=_WARN,
            title="spacing contradicts positions",
            meaning="The stated distance between slices is not that of their positions. The value "
            "is the difference.",
            unit="%",
        ),
        Reason(
            code="repeated_instance",
            severity=_WARN,
            title="same image twice",
            meaning="Files that are the same image by their identifier; one of each is used. The "
            "value is how many are too many.",
        ),
        Reason(
            code="no_position",
            severity=_ERROR,
            title="no positions",
            meaning="Images without position or orientation: no volume can be made. The value is "
            "their number.",
        ),
    ),
    settings=(
        Setting(
            name="parallel_deg",
            default=0.5,
            meaning="slices within this angle are parallel [degree]",
        ),
        Setting(
            name="same_place_mm", default=0.01, meaning="positions within this are the same [mm]"
        ),
    ),
)

_FEWEST = 4
"""Slices from which on there is a usual distance."""


def look(facts: SeriesFacts, settings: Settings) -> Iterable[Observation]:
    """Return what is wrong with the places of the slices of a series."""
    once = _once(facts.instances)
    if len(once) < len(facts.instances):
        extra = len(facts.instances) - len(once)
        yield Observation(
            code="repeated_instance", value=float(extra), evidence=f"{extra} files too many"
        )
    # the frames of a multi-frame object are laid out by itself and judged when they are loaded
    single = [one for one in once if one.frames == 1]
    placed = [one for one in single if one.position_mm and one.orientation]
    sections = not any(one.code == "no_section" for one in facts.observations)
    if sections and len(placed) < len(single):
        lost = len(single) - len(placed)
        yield Observation(
            code="no_position", value=float(lost), evidence=f"{lost} of {len(single)} images"
        )
    yield from _stated(facts, once)
    yield from _sizes(placed)
    turned = _by_orientation(placed, _number(settings["parallel_deg"]))
    if len(turned) > 1:
        counts = ", ".join(str(len(group)) for group in turned)
        yield Observation(
            code="several_orientations",
            value=float(len(turned) - 1),
            evidence=f"{len(turned)} orientations with {counts} images",
        )
    for group in turned:
        yield from _along(group, facts, _number(settings["same_place_mm"]))


def _number(setting: float | str | tuple[str, ...]) -> float:
    return float(setting) if isinstance(setting, int | float | str) else float("nan")


def _once(instances: Sequence[Instance]) -> list[Instance]:
    """Return one file for each image."""
    known: dict[str, Instance] = {}
    for number, one in enumerate(instances):
        known.setdefault(one.sop_uid or f"file {number}", one)
    return list(known.values())


def _stated(facts: SeriesFacts, once: Sequence[Instance]) -> Iterable[Observation]:
    stated = facts.number("ImagesInAcquisition")
    # several acquisitions in one series each have their own count
    if len(facts.attributes.get("AcquisitionNumber", ())) > 1 or not stated > len(once) > 0:
        return
    if any(one.frames > 1 for one in once):
        return
    yield Observation(
        code="fewer_than_stated",
        value=stated - len(once),
        evidence=f"{len(once)} images, {stated:g} are stated",
    )


def _sizes(placed: Sequence[Instance]) -> Iterable[Observation]:
    sizes = {
        (one.columns, one.rows, *(round(x, 4) for x in one.spacing_mm or (0.0, 0.0)))
        for one in placed
    }
    if len(sizes) > 1:
        words = "; ".join(f"{c} x {r} at {a:g} x {b:g} mm" for c, r, a, b in sorted(sizes)[:4])
        yield Observation(code="sizes_differ", value=float(len(sizes) - 1), evidence=words)


def _by_orientation(placed: Sequence[Instance], parallel_deg: float) -> list[list[Instance]]:
    limit = np.cos(np.radians(parallel_deg))
    groups: list[tuple[FloatArray, list[Instance]]] = []
    for one in placed:
        own = np.array(one.orientation, dtype=np.float64).reshape(2, 3)
        for first, group in groups:
            if float((own * first).sum(axis=1).min()) >= limit:
                group.append(one)
                break
        else:
            groups.append((own, [one]))
    return [group for _, group in groups]


def _along(group: list[Instance], facts: SeriesFacts, same_mm: float) -> Iterable[Observation]:
    """Judge parallel slices along their normal."""
    row, column = np.array(group[0].orientation, dtype=np.float64).reshape(2, 3)
    normal = np.cross(row, column)
    places = np.array([one.position_mm for one in group], dtype=np.float64) @ normal
    order = np.argsort(places, kind="stable")
    number = np.empty(len(group), dtype=np.intp)
    number[order] = np.cumsum(np.diff(places[order], prepend=places[order[0]]) > same_mm)
    yield from _volumes(group, number)
    at = np.array([places[number == k].mean() for k in range(int(number.max()) + 1)])
    if at.size >= _FEWEST:
        yield from _gaps(np.diff(at), facts)


def _volumes(group: list[Instance], number: NDArray[np.intp]) -> Iterable[Observation]:
    """Compare how many images each slice has, for each echo, b-value or time.

    Several are repeats in time where all slices have as many.
    """
    whole = int(number.max()) + 1
    of_axis: dict[tuple[str, ...], list[int]] = {}
    for one, place in zip(group, number, strict=True):
        of_axis.setdefault(tuple(f"{x:g}" for x in one.axis), []).append(int(place))
    counts = np.array([np.bincount(own, minlength=whole) for own in of_axis.values()])
    # volumes with less than half of the slices have settings of their own a slice, or are a scout
    counts = counts[(counts > 0).mean(axis=1) > 0.5]
    if not counts.size:
        return
    usual = np.array([np.bincount(own[own > 0]).argmax() for own in counts])[:, None]
    extra = int(np.maximum(counts - usual, 0).sum())
    missing = int(np.maximum(usual - counts, 0).sum())
    if extra:
        yield Observation(
            code="slices_repeated",
            value=float(extra),
            evidence=f"{extra} of {len(group)} images at a place that another has",
        )
    if missing:
        yield Observation(
            code="volume_incomplete",
            value=float(missing),
            evidence=f"{missing} of {whole * int(usual.sum())} images of {len(counts)} volumes",
        )


def _usual_gap(gaps: FloatArray, stated: float) -> float:
    """Return a distance that slices have: the stated one if a quarter have it, else the middle one.

    Where many slices are missing most distances are double ones, and what lies between a single and
    a double one is no distance of any two slices.
    """
    if stated > 0:
        near = gaps[np.abs(gaps / stated - 1.0) <= 0.01]
        if 4 * near.size >= gaps.size:
            return float(np.median(near))
    return float(np.sort(gaps)[(gaps.size - 1) // 2])


def _gaps(gaps: FloatArray, facts: SeriesFacts) -> Iterable[Observation]:
    usual = _usual_gap(gaps, facts.number("SpacingBetweenSlices"))
    steps = np.round(gaps / usual)
    lost = float((steps - 1.0)[steps > 1].sum())
    whole = np.abs(gaps - steps * usual) <= 0.1 * usual
    if lost and whole[steps > 1].all():
        where = [f"{i + 1}" for i in np.flatnonzero(steps > 1)[:5]]
        yield Observation(
            code="slices_missing",
            value=lost,
            evidence=f"{lost:g} of {gaps.size + 1 + lost:g} slices, after slice {', '.join(where)} "
            f"(usual distance {usual:.4g} mm)",
        )
        gaps = gaps[steps == 1]
    off = 100.0 * float(np.abs(gaps / usual - 1.0).max()) if gaps.size else 0.0
    if off > 1.0:
        yield Observation(
            code="spacing_irregular",
            value=off,
            evidence=f"{gaps.min():.4g} to {gaps.max():.4g} mm, usually {usual:.4g} mm",
        )
    stated = facts.number("SpacingBetweenSlices")
    if stated > 0 and abs(stated / usual - 1.0) > 0.01:
        yield Observation(
            code="spacing_contradicts",
            value=100.0 * abs(stated / usual - 1.0),
            evidence=f"{stated:.4g} mm stated, {usual:.4g} mm between positions",
        )
