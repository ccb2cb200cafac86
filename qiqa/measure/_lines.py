"""Bright lines and points of interference: zippers, and offsets at the center of the image."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.evidence import Shape
from qiqa.core.finding import Severity
from qiqa.measure._scene import Scene, Seen, slices_text

__all__ = ["center_point", "lines"]

REACH = 8
"""A line is compared with the lines up to this far on either side [pixels]..."""
CORE = 2
"""...less these next to it, which a line of two or three pixels also brightens."""
MIN_AIR_PIXELS = 24
"""Lines with less air than this are not looked at."""
MIN_SCORE = 7.0
"""Excess over its spread among all lines. Noise reaches 4 among the 5000 lines of a stack; the
rest allows for ringing and ghost borders, which make the spread uneven."""
MIN_EXCESS = 0.015
"""Excess in air over the bath. Ringing of long straight edges runs on through the air as lines of
up to 0.012 on simulated stacks (SNR 300, turned by less than 12 degrees)."""
GHOST_PERCENTILES = (10, 95)
"""Of all lines, between which the level of a ghost or of fold-over shows; a few lines of
interference do not move them."""
SEGMENTS = 8
MIN_SEGMENTS = 0.75
"""Share of the segments of a line that must be bright: ghosts and fold-over have borders that
run along a line for a part of it only."""
CENTER_PIXELS = 1.5
"""Distance from the center of the image within which a line comes from an offset (DC)."""
POINT_SCORE = 8.0
"""Excess of the central point in noise SDs; the largest of 16 pixels on 11 slices reaches 3.5."""
POINT_EXCESS = 0.05
"""Over the bath: ringing of the nearest parts stays under 0.02 where the bath counts as plain."""
PLAIN = 0.06
"""Largest relative spread of the surroundings of the center that count as plain bath."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Line:
    number: int
    vertical: bool
    at: int
    excess: float
    """Over the bath, in air."""


def lines(scene: Scene) -> list[Seen]:
    """Look for rows and columns that are bright in air, on every slice."""
    found = [line for vertical in (True, False) for line in _bright_lines(scene, vertical)]
    seen = []
    for code in ("artifact_dc", "artifact_zipper"):
        mine = [line for line in found if _is_central(scene, line) == (code == "artifact_dc")]
        if mine:
            seen.append(_report(scene, code, mine))
    return seen


def _bright_lines(scene: Scene, vertical: bool) -> list[_Line]:
    """Return the lines that stand out, one of every group of neighbors."""
    air, stack = (scene.air, scene.stack)
    if not vertical:
        air, stack = air.T, stack.transpose(0, 2, 1)
    count = air.sum(axis=0)
    usable = np.flatnonzero(count >= MIN_AIR_PIXELS)
    if usable.size < 4 * REACH:
        return []
    total = np.einsum("nrc,rc->nc", stack, air.astype(np.float32))[:, usable]
    mean = total / count[usable]
    excess = mean - _beside(mean)
    score = excess * np.sqrt(count[usable])
    spread = 1.4826 * np.median(np.abs(score), axis=1, keepdims=True)
    floor = scene.view.series.quantization / np.sqrt(12)
    # straight parts of a ghost are lines too, but no brighter than the ghost itself
    low, high = np.percentile(mean, GHOST_PERCENTILES, axis=1)[:, :, None]
    least = np.maximum(MIN_EXCESS * scene.bath, high - low)
    good = (score > MIN_SCORE * np.maximum(spread, floor)) & (excess > least)
    result = []
    for index, number in enumerate(scene.numbers):
        for group in _groups(np.flatnonzero(good[index])):
            best = int(group[np.argmax(excess[index, group])])
            if _bright_all_along(stack[index], air, int(usable[best]), scene.bath):
                share = float(excess[index, best]) / scene.bath
                result.append(_Line(number, vertical, int(usable[best]), share))
    return result


def _beside(mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of the lines on either side, (slices, lines)."""
    n = mean.shape[1]
    padded = np.pad(mean, ((0, 0), (REACH, REACH)), mode="reflect")
    offsets = [d for d in range(-REACH, REACH + 1) if abs(d) > CORE]
    around = np.stack([padded[:, REACH + d : REACH + d + n] for d in offsets])
    return np.asarray(np.median(around, axis=0))


def _groups(indices: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split rising indices where they leave a gap."""
    return [g for g in np.split(indices, np.flatnonzero(np.diff(indices) > 2) + 1) if g.size]


def _bright_all_along(
    image: NDArray[np.float32], air: NDArray[np.bool_], at: int, bath: float
) -> bool:
    """Say whether a line is brighter than its neighbors in most of its segments."""
    width = image.shape[1]
    beside = [c for d in (-REACH, -REACH + 2, REACH - 2, REACH) if 0 <= (c := at + d) < width]
    rows = np.flatnonzero(air[:, at] & air[:, beside].all(axis=1))
    if rows.size < MIN_AIR_PIXELS // 2:
        return False
    bright = [
        image[part, at].mean() - np.median(image[part][:, beside]) > MIN_EXCESS / 3 * bath
        for part in np.array_split(rows, SEGMENTS)
    ]
    return bool(np.mean(bright) >= MIN_SEGMENTS)


def _is_central(scene: Scene, line: _Line) -> bool:
    rows, columns = scene.stack.shape[1:]
    n = columns if line.vertical else rows
    return bool(abs(line.at - n / 2) <= CENTER_PIXELS)


def _report(scene: Scene, code: str, found: list[_Line]) -> Seen:
    worst = max(found, key=lambda line: line.excess)
    numbers = sorted({line.number for line in found})
    places = sorted({(line.vertical, line.at) for line in found})
    central = code == "artifact_dc"
    words = "line through the center of the image" if central else "bright line (zipper)"
    shown = ", ".join(
        f"{'column' if vertical else 'row'} {at + 1} of the upright image"
        for vertical, at in places[:4]
    )
    more = f" and {len(places) - 4} more" if len(places) > 4 else ""
    message = (
        f"{words} {scene.encoding_words(worst.vertical)}, up to {100 * worst.excess:.1f} % of the "
        f"bath in air, on {slices_text(numbers)}: {shown}{more}"
    )
    hint = _hint(scene, worst.vertical, central)
    picture = scene.picture(
        f"{'Central line' if central else 'Zipper'}, slice {worst.number}",
        worst.number,
        (0.0, max(3 * worst.excess, 0.06)),
        "Window set to the air.",
    )
    return Seen(
        code=code,
        severity=Severity.WARNING,
        message=message,
        hint=hint,
        evidence=dataclasses.replace(picture, shapes=(_mark(scene, worst),)),
    )


def _hint(scene: Scene, vertical: bool, central: bool) -> str:
    """Return what to do: what a line comes from shows in the direction it runs."""
    phase = scene.view.series.header.acquisition.phase_encode_direction
    if phase is not None and scene.stored_axis(vertical) != phase:
        return (
            "a line along frequency encoding is signal without phase encoding (free induction "
            "decay or stimulated echo of imperfect pulses); compare with earlier exams, call "
            "service if it grows"
        )
    if central:
        return "leak or offset at the center frequency: repeat; if it stays, call service"
    return (
        "interference at one frequency: close the door, take out or switch off devices in the "
        "room, check the filter plate; repeat the series"
    )


def _mark(scene: Scene, line: _Line) -> Shape:
    """Return two short strokes at the ends of a line, so that the line itself is seen."""
    rows, columns = scene.stack.shape[1:]
    ends = (0.0, (rows if line.vertical else columns) - 1.0)
    at = float(line.at)
    points = tuple((at, end) if line.vertical else (end, at) for end in ends)
    return Shape(kind="points", points=points, role="note", label=f"{line.at + 1}")


def center_point(scene: Scene) -> Seen | None:
    """Look for a bright or dark point at the center of the image, where the bath is plain."""
    rows, columns = scene.stack.shape[1:]
    found: list[tuple[float, int]] = []
    for number, image in zip(scene.numbers, scene.stack, strict=True):
        excess = _central_excess(image, rows // 2, columns // 2, scene)
        if excess is not None:
            found.append((excess, number))
    if not found:
        return None
    worst, number = max(found)
    numbers = [n for _, n in found]
    return Seen(
        code="artifact_dc",
        severity=Severity.WARNING,
        message=f"bright point at the center of the image, up to {100 * worst:.0f} % of the bath "
        f"above it, on {slices_text(numbers)}",
        hint="offset of the receiver: repeat; if it stays, call service",
        evidence=scene.picture(
            f"Central point, slice {number}",
            number,
            (0.7, 1 + max(2 * worst, 0.1)),
            "Window set to the bath.",
        ),
    )


def _central_excess(
    image: NDArray[np.float32], row: int, column: int, scene: Scene
) -> float | None:
    """Return the excess over the bath of the central point, or None where there is none."""
    block = image[row - 2 : row + 2, column - 2 : column + 2]
    wide = image[row - 8 : row + 8, column - 8 : column + 8].astype(np.float64)
    ring = np.ones(wide.shape, dtype=bool)
    ring[4:12, 4:12] = False
    around = wide[ring]
    level = float(np.median(around))
    spread = 1.4826 * float(np.median(np.abs(around - level)))
    limit = max(PLAIN * scene.bath, 4 * spread)
    if level < 0.5 * scene.bath or np.abs(around - level).max() > limit:
        return None
    excess = float(block.max()) - level
    clear = excess > max(POINT_SCORE * spread, POINT_EXCESS * scene.bath)
    return excess / scene.bath if clear else None
