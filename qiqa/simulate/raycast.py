"""Signal of a slice on a fine grid: exact integrals through the slice, supersampled edges.

Each sample is a ray along the slice normal. A ray meets a convex piece in one interval, so the
integral of the slice profile over it is a difference of two values of the cumulative profile:
thin sheets and inclined slots need no steps in depth. Across the slice a fine pixel whose
corners differ is the mean of 16 rays in a pattern with 16 different columns and rows.

All rays of a slice are parallel, so where one meets a plane is linear in the pixel coordinates;
`_aim` works that out once a slice.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numba import njit
from numpy.typing import NDArray

from qiqa.simulate.primitives import Pieces
from qiqa.simulate.profile import SliceProfile

__all__ = ["Grid", "render"]

_TILE = 8
_BLOCK = 64
"""Fine pixels; pieces are chosen for a block first and then for each tile in it."""
_SMOOTH = 0.06
"""Corners that differ by less, relative to the bath, are averaged without more rays."""
_FLAT_MM = 0.1
"""A face across the rays that rises by less than this within a tile is linear there."""
_FAR = 1e9
_WIDE = 1e5
"""Radius from which a piece has no wall."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Fine pixels of one slice in phantom coordinates [mm]."""

    corner: NDArray[np.float64]
    """Outer corner of the first pixel, in the middle of the slice."""
    right: NDArray[np.float64]
    """Step of one fine pixel along a row; `down` is the one along a column."""
    down: NDArray[np.float64]
    normal: NDArray[np.float64]
    """Direction of the rays, unit vector."""
    size: int
    """Rows and columns of fine pixels."""


@njit(cache=True, error_model="numpy", inline="always")
def _cumulative(t, half, per_mm, table):  # type: ignore[no-untyped-def]  # pragma: no cover
    at = (min(max(t, -half), half) + half) * per_mm
    n = min(int(at), table.size - 2)
    return table[n] + (at - n) * (table[n + 1] - table[n])


@njit(cache=True, error_model="numpy", inline="always")
def _circle(u, v, du, dv, speed, radius, half):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return where a ray is within `radius` of an axis along z, as (enter, leave).

    (u, v) is its point in the middle of the slice against the axis, (du, dv) its direction
    across the axis and `speed` the length of that.
    """
    distance2 = u * u + v * v
    drift = speed * half
    if distance2 >= (radius + drift) ** 2:
        return _FAR, -_FAR
    if radius > drift and distance2 <= (radius - drift) ** 2:
        return -_FAR, _FAR
    a, b = speed * speed, u * du + v * dv
    root = b * b - a * (distance2 - radius * radius)
    if root <= 0.0:
        return _FAR, -_FAR
    root = np.sqrt(root)
    return (-b - root) / a, (-b + root) / a


@njit(cache=True, error_model="numpy", inline="always")
def _interval(n, x, y, aim, first_plane, kind, face, cylinder):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return where the ray at pixel (x, y) is in piece n, hollow part included."""
    enter, leave = -aim[0], aim[0]
    for m in range(first_plane[n], first_plane[n + 1]):
        t = face[m, 0] + face[m, 1] * x + face[m, 2] * y
        if kind[m] > 0:
            leave = min(leave, t)
        elif kind[m] < 0:
            enter = max(enter, t)
        elif t < 0.0:
            return _FAR, -_FAR
        if enter >= leave:
            return _FAR, -_FAR
    if cylinder[n, 2] < _WIDE:
        u = aim[1] + aim[2] * x + aim[3] * y - cylinder[n, 0]
        v = aim[4] + aim[5] * x + aim[6] * y - cylinder[n, 1]
        a, b = _circle(u, v, aim[7], aim[8], aim[9], cylinder[n, 2], aim[0])
        enter, leave = max(enter, a), min(leave, b)
    return enter, leave


@njit(cache=True, error_model="numpy", inline="always")
def _claim(lo, hi, signal, gaps, count, half, per_mm, table):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the part of the open gaps within lo..hi to a piece; return its signal and the count."""
    total, known, g = 0.0, count, 0
    while g < known:
        before, after = gaps[g, 0], gaps[g, 1]
        a, b = max(before, lo), min(after, hi)
        if a >= b:
            g += 1
            continue
        if signal != 0.0:
            total += signal * (
                _cumulative(b, half, per_mm, table) - _cumulative(a, half, per_mm, table)
            )
        if a > before:
            gaps[g, 1] = a
            if b < after:
                gaps[count, 0], gaps[count, 1] = b, after
                count += 1
            g += 1
        elif b < after:
            gaps[g, 0] = b
            g += 1
        else:
            # The last gap takes the place of the one that is used up.
            count -= 1
            gaps[g, 0], gaps[g, 1] = gaps[count, 0], gaps[count, 1]
            if count < known:
                known = count
            else:
                g += 1
    return total, count


@njit(cache=True, error_model="numpy")
def _ray(x, y, count, aim, signal, first, kind, face, cylinder, table, gaps):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the signal of one ray: pieces painted later take their part of the ray first.

    Piece 0 is the body, 1 to `count` what is painted into it.
    """
    half, per_mm = aim[0], aim[10]
    enter, leave = _interval(0, x, y, aim, first, kind, face, cylinder)
    if enter >= leave:
        return 0.0
    gaps[0, 0], gaps[0, 1] = enter, leave
    open_gaps, total = 1, 0.0
    for n in range(count, 0, -1):
        enter, leave = _interval(n, x, y, aim, first, kind, face, cylinder)
        if enter >= leave:
            continue
        if cylinder[n, 3] > 0.0:
            u = aim[1] + aim[2] * x + aim[3] * y - cylinder[n, 0]
            v = aim[4] + aim[5] * x + aim[6] * y - cylinder[n, 1]
            a, b = _circle(u, v, aim[7], aim[8], aim[9], cylinder[n, 3], half)
            if a < b:
                if b < leave:
                    part, open_gaps = _claim(
                        max(b, enter), leave, signal[n], gaps, open_gaps, half, per_mm, table
                    )
                    total += part
                leave = min(leave, a)
        if enter < leave:
            part, open_gaps = _claim(enter, leave, signal[n], gaps, open_gaps, half, per_mm, table)
            total += part
        if open_gaps == 0:
            return total
    for g in range(open_gaps):
        total += signal[0] * (
            _cumulative(gaps[g, 1], half, per_mm, table)
            - _cumulative(gaps[g, 0], half, per_mm, table)
        )
    return total


@njit(cache=True, error_model="numpy")
def _overlapping(low, high, box, given, n_given, chosen):  # type: ignore[no-untyped-def]  # pragma: no cover
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


@njit(cache=True, error_model="numpy")
def _bounds(left, top, size, frame, half, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Set the bounds in phantom coordinates of all rays of a square of pixels."""
    for axis in range(3):
        middle = (
            frame[0, axis] + frame[1, axis] * (left + size / 2) + frame[2, axis] * (top + size / 2)
        )
        reach = (abs(frame[1, axis]) + abs(frame[2, axis])) * size / 2
        reach += abs(frame[3, axis]) * half + 1e-6
        low[axis], high[axis] = middle - reach, middle + reach


@njit(cache=True, error_model="numpy")
def _outside(low, high, box, cylinder):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Say whether bounds lie outside the body."""
    x = max(low[0], min(0.0, high[0]))
    y = max(low[1], min(0.0, high[1]))
    return x * x + y * y > cylinder[0, 2] ** 2 or high[2] < box[0, 4] or low[2] > box[0, 5]


@njit(cache=True, error_model="numpy")
def _cut_faces(  # type: ignore[no-untyped-def]  # pragma: no cover
    n, left, top, half, first_plane, kind, face, at, near_kind, near_face
):
    """Copy those faces of piece n that some ray of a tile meets.

    Returns how many there are then, whether the piece is met at all, and whether no face runs
    through the tile other than nearly flat ones across the rays.
    """
    flat = True
    for m in range(first_plane[n], first_plane[n + 1]):
        least = face[m, 0] + face[m, 1] * left + face[m, 2] * top
        most = least + max(0.0, face[m, 1] * _TILE) + max(0.0, face[m, 2] * _TILE)
        least += min(0.0, face[m, 1] * _TILE) + min(0.0, face[m, 2] * _TILE)
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
        flat = flat and kind[m] != 0 and most - least < _FLAT_MM
        near_kind[at] = kind[m]
        near_face[at, 0], near_face[at, 1], near_face[at, 2] = face[m, 0], face[m, 1], face[m, 2]
        at += 1
    return at, True, flat


@njit(cache=True, error_model="numpy")
def _cut_wall(n, low, high, cylinder, near_cylinder, to):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy the walls of piece n that may run through a tile; as `_cut_faces` for the rest."""
    near_cylinder[to, 0], near_cylinder[to, 1] = cylinder[n, 0], cylinder[n, 1]
    near_cylinder[to, 2], near_cylinder[to, 3] = _WIDE, 0.0
    if cylinder[n, 2] >= _WIDE:
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


@njit(cache=True, error_model="numpy")
def _fill_linear(image, left, top, bottom, end, corners):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(top, bottom):
        fy = (y - top + 0.5) / _TILE
        for x in range(left, end):
            fx = (x - left + 0.5) / _TILE
            image[y, x] = (1 - fy) * ((1 - fx) * corners[0] + fx * corners[1]) + fy * (
                (1 - fx) * corners[2] + fx * corners[3]
            )


@njit(cache=True, error_model="numpy")
def _fill_rays(  # type: ignore[no-untyped-def]  # pragma: no cover
    image, left, top, bottom, end, nodes, count,
    aim, signal, first, kind, face, cylinder, table, gaps,
):  # fmt: skip
    for y in range(bottom - top + 1):
        for x in range(end - left + 1):
            nodes[y, x] = _ray(
                left + x, top + y, count, aim, signal, first, kind, face, cylinder, table, gaps
            )
    for y in range(bottom - top):
        for x in range(end - left):
            a, b, c, d = nodes[y, x], nodes[y, x + 1], nodes[y + 1, x], nodes[y + 1, x + 1]
            if max(a, b, c, d) - min(a, b, c, d) < _SMOOTH:
                image[top + y, left + x] = (a + b + c + d) / 4
                continue
            total = 0.0
            for s in range(16):
                # Hammersley points: 16 columns, and rows by reversing four bits.
                turned = ((s & 1) << 3) | ((s & 2) << 1) | ((s & 4) >> 1) | ((s & 8) >> 3)
                total += _ray(
                    left + x + (s + 0.5) / 16, top + y + (turned + 0.5) / 16, count,
                    aim, signal, first, kind, face, cylinder, table, gaps,
                )  # fmt: skip
            image[top + y, left + x] = total / 16


@njit(cache=True, error_model="numpy")
def _render(image, frame, aim, signal, first_plane, kind, face, cylinder, box, table):  # type: ignore[no-untyped-def]  # pragma: no cover
    size, half, pieces = image.shape[0], aim[0], box.shape[0]
    every = np.arange(1, pieces)
    in_block, chosen = np.empty(pieces, np.int64), np.empty(pieces, np.int64)
    # What of the pieces a tile meets, closely packed.
    first, near_kind = np.zeros(pieces + 1, np.int64), np.empty(kind.size, np.int64)
    near_face, near_cylinder = np.empty((kind.size, 3)), np.empty((pieces, 4))
    near_signal = np.empty(pieces)
    # A piece that cuts a gap in two adds one, a hollow one may add two.
    gaps = np.empty((2 * pieces + 2, 2))
    nodes, corners = np.empty((_TILE + 1, _TILE + 1)), np.empty(4)
    low, high = np.empty(3), np.empty(3)
    for block_top in range(0, size, _BLOCK):
        for block_left in range(0, size, _BLOCK):
            _bounds(block_left, block_top, _BLOCK, frame, half, low, high)
            if _outside(low, high, box, cylinder):
                continue
            n_block = _overlapping(low, high, box, every, pieces - 1, in_block)
            for top in range(block_top, min(block_top + _BLOCK, size), _TILE):
                for left in range(block_left, min(block_left + _BLOCK, size), _TILE):
                    _bounds(left, top, _TILE, frame, half, low, high)
                    if _outside(low, high, box, cylinder):
                        continue
                    n_chosen = _overlapping(low, high, box, in_block, n_block, chosen)
                    count, smooth = -1, True
                    for index in range(-1, n_chosen):
                        n = 0 if index < 0 else chosen[index]
                        met, flat = _cut_wall(n, low, high, cylinder, near_cylinder, count + 1)
                        if not met:
                            if n == 0:
                                break
                            continue
                        end_face, met, flat_faces = _cut_faces(
                            n, left, top, half, first_plane, kind, face, first[count + 1],
                            near_kind, near_face,
                        )  # fmt: skip
                        if not met:
                            if n == 0:
                                break
                            continue
                        count += 1
                        first[count + 1] = end_face
                        near_signal[count] = signal[n]
                        smooth = smooth and flat and flat_faces
                    if count < 0:
                        continue
                    bottom, end = min(top + _TILE, size), min(left + _TILE, size)
                    if not smooth:
                        _fill_rays(
                            image, left, top, bottom, end, nodes, count,
                            aim, near_signal, first, near_kind, near_face, near_cylinder, table,
                            gaps,
                        )  # fmt: skip
                        continue
                    for corner in range(4):
                        corners[corner] = _ray(
                            left + _TILE * (corner & 1), top + _TILE * (corner >> 1), count,
                            aim, near_signal, first, near_kind, near_face, near_cylinder, table,
                            gaps,
                        )  # fmt: skip
                    _fill_linear(image, left, top, bottom, end, corners)


def _select(pieces: Pieces, grid: Grid, half_mm: float) -> NDArray[np.int64]:
    """Return the body and the pieces whose bounds meet the slice."""
    steps = np.abs(grid.right) + np.abs(grid.down)
    reach = steps * grid.size / 2 + np.abs(grid.normal) * half_mm
    middle = grid.corner + (grid.right + grid.down) * grid.size / 2
    low, high = middle - reach, middle + reach
    meets = np.all((pieces.box[:, 0::2] <= high) & (pieces.box[:, 1::2] >= low), axis=1)
    meets[0] = True
    return np.flatnonzero(meets)


def render(pieces: Pieces, profile: SliceProfile, grid: Grid) -> NDArray[np.float32]:
    """Return the mean signal of each fine pixel, (rows, columns)."""
    chosen = _select(pieces, grid, profile.half_mm)
    spans = [slice(pieces.first_plane[n], pieces.first_plane[n + 1]) for n in chosen]
    planes = np.concatenate([pieces.planes[span] for span in spans])
    first_plane = np.concatenate(([0], np.cumsum([span.stop - span.start for span in spans])))
    rate = planes[:, :3] @ grid.normal
    gap = np.stack(
        (
            planes[:, 3] - planes[:, :3] @ grid.corner,
            -planes[:, :3] @ grid.right,
            -planes[:, :3] @ grid.down,
        ),
        axis=1,
    )
    crossing = np.abs(rate) > 1e-9
    kind = np.where(crossing, np.sign(rate), 0).astype(np.int64)
    face = np.where(crossing[:, None], gap / np.where(crossing, rate, 1.0)[:, None], gap)
    across = grid.normal[:2]
    x, y = ((grid.corner[a], grid.right[a], grid.down[a]) for a in (0, 1))
    aim = np.array([profile.half_mm, *x, *y, *across, np.hypot(*across), 1 / profile.step_mm])
    image = np.zeros((grid.size, grid.size), dtype=np.float32)
    frame = np.stack((grid.corner, grid.right, grid.down, grid.normal))
    _render(
        image, frame, aim, pieces.signal[chosen], first_plane.astype(np.int64), kind, face,
        pieces.cylinder[chosen], pieces.box[chosen], profile.cumulative,
    )  # fmt: skip
    return image
