"""Characters that stand in a line, as text does."""

from __future__ import annotations

import dataclasses

import numpy as np

from qiqa.vetting.lettering.strokes import Pieces

__all__ = ["Line", "lines"]

_GAP = 1.8
"""Between characters, over their height: a blank and a narrow sign that is no piece itself."""
_ALIKE = 0.55
"""Least height over that of the neighbor: small letters beside capitals."""
_OFF = 0.2
"""Of the height: how far a bottom may be from the line; descenders reach below."""
_EVEN = 0.25
"""Half of the characters are no further from the middle height than this share of it."""
_CELLS = 0.5
"""Share of a line with pieces of its grid above or below, from which on it is one."""
_SAME_AREA = 0.07
"""Of two pieces of one shape, relative."""
_SQUARE = 0.25
"""Of the distance along a line: rows of a grid are as far apart as its columns."""
_SOLID = 0.56
"""Share of their boxes that the pieces of a line fill: two strokes of five fill half of it."""
_PITCH = 3.5
"""Over the height: how far above or below is looked."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Characters side by side."""

    count: int
    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top


def lines(found: Pieces, fewest: int) -> tuple[Line, ...]:
    """Return lines of at least `fewest` characters that are not all of one shape.

    A line stands on one base, characters follow one another within twice their height. Rows of
    equal pieces, as the inserts of a phantom or ticks of a scale, are no text: a third of the
    characters must differ in size from the most frequent one. Nor are the cells of a grid: most of
    them have one of the same columns above or below, as far away as
    those beside, of like area, or solid.
    """
    order = np.argsort(found.left, kind="stable")
    open_lines: list[list[int]] = []
    for c in order:
        fitting = [line for line in open_lines if _follows(found, line[-1], int(c))]
        if fitting:
            best = min(fitting, key=lambda line: _distance(found, line[-1], int(c)))
            best.append(int(c))
        else:
            open_lines.append([int(c)])
    return tuple(
        _line(found, line)
        for line in open_lines
        if len(line) >= fewest
        and _even(found, line)
        and _varied(found, line)
        and not _lattice(found, line)
    )


def _follows(found: Pieces, last: int, c: int) -> bool:
    high, low = found.height[last], found.height[c]
    size = max(high, low)
    gap = found.left[c] - found.right[last]
    return bool(
        -0.2 * size <= gap <= _GAP * size
        and min(high, low) >= _ALIKE * size
        and min(abs(found.bottom[c] - found.bottom[last]), abs(found.top[c] - found.top[last]))
        <= max(_OFF * size, 1.0)
        and found.top[c] < found.bottom[last]
        and found.bottom[c] > found.top[last]
    )


def _distance(found: Pieces, last: int, c: int) -> float:
    return float(abs(found.bottom[c] - found.bottom[last]) + found.left[c] - found.right[last])


def _even(found: Pieces, line: list[int]) -> bool:
    heights = found.height[line]
    middle = float(np.median(heights))
    return bool(np.mean(np.abs(heights - middle) <= _EVEN * middle) >= 0.5)


def _varied(found: Pieces, line: list[int]) -> bool:
    shapes = [(int(found.height[c]), int(found.width[c]), int(found.area[c])) for c in line]
    most = max(
        sum(
            abs(a[0] - b[0]) <= 1
            and abs(a[1] - b[1]) <= 1
            and abs(a[2] - b[2]) <= _SAME_AREA * a[2]
            for b in shapes
        )
        for a in shapes
    )
    return most <= (2 * len(shapes) + 2) // 3


def _lattice(found: Pieces, line: list[int]) -> bool:
    left, right = found.left[line][:, None], found.right[line][:, None]
    apart = np.abs(found.top[line][:, None] - found.top)
    size = found.height[line][:, None]
    beside = (apart > 0.5 * size) & (apart < _PITCH * size)
    same = (np.abs(left - found.left) <= 1) & (np.abs(right - found.right) <= 1)
    # letters of one width stand below each other too, but lines are farther apart than letters,
    # what stands below is seldom the same one, and letters are not solid
    area, pitch = found.area[line][:, None], float(np.median(np.diff(found.left[line])))
    like = np.abs(area - found.area) <= _SAME_AREA * area
    like |= np.abs(apart - pitch) <= _SQUARE * pitch
    like |= (area / size / (right - left)).mean() > _SOLID
    same &= like
    return bool((same & beside).any(axis=1).mean() > _CELLS)


def _line(found: Pieces, line: list[int]) -> Line:
    return Line(
        count=len(line),
        top=int(found.top[line].min()),
        bottom=int(found.bottom[line].max()),
        left=int(found.left[line].min()),
        right=int(found.right[line].max()),
    )
