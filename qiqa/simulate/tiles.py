"""Which pieces, and which of their faces and walls, the rays of a square of pixels can meet."""

from __future__ import annotations

from qiqa.simulate.compiled import compiled
from qiqa.simulate.rays import WIDE, Floats, Whole

__all__ = ["TILE", "bounds", "cut_faces", "cut_wall", "outside", "overlapping"]

TILE = 8
"""Fine pixels along the side of the smallest square."""
FLAT_MM = 0.1
"""A face across the rays that rises by less than this within a tile is linear there."""


@compiled
def overlapping(
    low: Floats, high: Floats, box: Floats, given: Whole, n_given: int, chosen: Whole
) -> int:
    """Put those of the given pieces whose bounds meet low..high into `chosen`."""
    count = 0
    for index in range(n_given):
        n = given[index]
        if (
            low[0] <= box[n, 1]
            and high[0] >= box[n, 0]
            and low[1] <= box[n, 3]
            and high[1] >= box[n, 2]
            and low[2] <= box[n, 5]
            and high[2] >= box[n, 4]
        ):
            chosen[count] = n
            count += 1
    return count


@compiled
def bounds(
    left: int, top: int, size: int, frame: Floats, half: float, low: Floats, high: Floats
) -> None:
    """Set the bounds in phantom coordinates of all rays of a square of pixels."""
    for axis in range(3):
        middle = (
            frame[0, axis] + frame[1, axis] * (left + size / 2) + frame[2, axis] * (top + size / 2)
        )
        reach = (abs(frame[1, axis]) + abs(frame[2, axis])) * size / 2
        reach += abs(frame[3, axis]) * half + 1e-6
        low[axis], high[axis] = middle - reach, middle + reach


@compiled
def outside(low: Floats, high: Floats, box: Floats, cylinder: Floats) -> bool:
    """Say whether bounds lie outside the body."""
    x = max(low[0], min(0.0, high[0]))
    y = max(low[1], min(0.0, high[1]))
    away: bool = x * x + y * y > cylinder[0, 2] ** 2
    return away or high[2] < box[0, 4] or low[2] > box[0, 5]


@compiled
def cut_faces(
    n: int,
    left: int,
    top: int,
    half: float,
    first_plane: Whole,
    kind: Whole,
    face: Floats,
    at: int,
    near_kind: Whole,
    near_face: Floats,
) -> tuple[int, bool, bool]:
    """Copy those faces of piece n that some ray of a tile meets.

    Returns how many there are then, whether the piece is met at all, and whether no face runs
    through the tile other than nearly flat ones across the rays.
    """
    flat = True
    for m in range(first_plane[n], first_plane[n + 1]):
        least = face[m, 0] + face[m, 1] * left + face[m, 2] * top
        most = least + max(0.0, face[m, 1] * TILE) + max(0.0, face[m, 2] * TILE)
        least += min(0.0, face[m, 1] * TILE) + min(0.0, face[m, 2] * TILE)
        if kind[m] == 0:
            never, always = most < 0.0, least >= 0.0
        elif kind[m] > 0:
            never, always = most <= -half, least >= half
        else:
            never, always = least >= half, most <= -half
        if never:
            return at, False, flat
        if always:
            continue
        flat = flat and kind[m] != 0 and most - least < FLAT_MM
        near_kind[at] = kind[m]
        near_face[at, 0], near_face[at, 1], near_face[at, 2] = face[m, 0], face[m, 1], face[m, 2]
        at += 1
    return at, True, flat


@compiled
def cut_wall(
    n: int, low: Floats, high: Floats, cylinder: Floats, near_cylinder: Floats, to: int
) -> tuple[bool, bool]:
    """Copy the walls of piece n that may run through a tile; as `cut_faces` for the rest."""
    near_cylinder[to, 0], near_cylinder[to, 1] = cylinder[n, 0], cylinder[n, 1]
    near_cylinder[to, 2], near_cylinder[to, 3] = WIDE, 0.0
    if cylinder[n, 2] >= WIDE:
        return True, True
    x0, x1 = low[0] - cylinder[n, 0], high[0] - cylinder[n, 0]
    y0, y1 = low[1] - cylinder[n, 1], high[1] - cylinder[n, 1]
    near = max(x0, min(0.0, x1)) ** 2 + max(y0, min(0.0, y1)) ** 2
    far = max(abs(x0), abs(x1)) ** 2 + max(abs(y0), abs(y1)) ** 2
    outer2, inner2 = cylinder[n, 2] ** 2, cylinder[n, 3] ** 2
    if near >= outer2 or far <= inner2:
        return False, True
    flat = True
    if far > outer2:
        near_cylinder[to, 2] = cylinder[n, 2]
        flat = False
    if near < inner2:
        near_cylinder[to, 3] = cylinder[n, 3]
        flat = False
    return True, flat
