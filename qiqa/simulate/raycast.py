"""Signal of a slice on a fine grid: exact integrals through the slice, supersampled edges.

Each sample is a ray along the slice normal. A ray meets a convex piece in one interval, so the
integral of the slice profile over it is a difference of two values of the cumulative profile:
thin sheets and inclined slots need no steps in depth. Across the slice a fine pixel whose
corners differ is the mean of 16 rays in a pattern with 16 different columns and rows.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["render"]

_TILE = 8
_SMOOTH = 0.03
"""Corners that differ by less, relative to the bath, are averaged without more rays."""
_FAR = 1e9


@njit(cache=True, error_model="numpy")
def _cumulative(t, half, step, table):  # type: ignore[no-untyped-def]  # pragma: no cover
    if t <= -half:
        return 0.0
    if t >= half:
        return 1.0
    at = (t + half) / step
    n = int(at)
    if n >= table.size - 1:
        return 1.0
    return table[n] + (at - n) * (table[n + 1] - table[n])


@njit(cache=True, error_model="numpy")
def _circle(ox, oy, dx, dy, radius):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return where a ray is within `radius` of the axis z, as (enter, leave)."""
    a = dx * dx + dy * dy
    c = ox * ox + oy * oy - radius * radius
    if a < 1e-16:
        if c <= 0.0:
            return -_FAR, _FAR
        return _FAR, -_FAR
    b = ox * dx + oy * dy
    root = b * b - a * c
    if root <= 0.0:
        return _FAR, -_FAR
    root = np.sqrt(root)
    return (-b - root) / a, (-b + root) / a


@njit(cache=True, error_model="numpy")
def _interval(n, o, d, first_plane, planes, cylinder):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return where a ray is in piece n, its inner cylinder not left out, as (enter, leave)."""
    enter, leave = -_FAR, _FAR
    for m in range(first_plane[n], first_plane[n + 1]):
        rate = planes[m, 0] * d[0] + planes[m, 1] * d[1] + planes[m, 2] * d[2]
        gap = planes[m, 3] - planes[m, 0] * o[0] - planes[m, 1] * o[1] - planes[m, 2] * o[2]
        if rate > 1e-12:
            leave = min(leave, gap / rate)
        elif rate < -1e-12:
            enter = max(enter, gap / rate)
        elif gap < 0.0:
            return _FAR, -_FAR
        if enter >= leave:
            return _FAR, -_FAR
    if cylinder[n, 2] < 1e5:
        a, b = _circle(o[0] - cylinder[n, 0], o[1] - cylinder[n, 1], d[0], d[1], cylinder[n, 2])
        enter, leave = max(enter, a), min(leave, b)
    return enter, leave


@njit(cache=True, error_model="numpy")
def _ray(  # type: ignore[no-untyped-def]  # pragma: no cover
    o, d, chosen, n_chosen, signal, first_plane, planes, cylinder, half, step, table, gaps
):
    """Return the signal of one ray: pieces painted later take their part of the ray first."""
    enter, leave = _interval(0, o, d, first_plane, planes, cylinder)
    enter, leave = max(enter, -half), min(leave, half)
    if enter >= leave:
        return 0.0
    gaps[0, 0], gaps[0, 1] = enter, leave
    count = 1
    total = 0.0
    for index in range(n_chosen - 1, -1, -1):
        n = chosen[index]
        enter, leave = _interval(n, o, d, first_plane, planes, cylinder)
        if enter >= leave:
            continue
        inner_in, inner_out = leave, leave
        if cylinder[n, 3] > 0.0:
            a, b = _circle(
                o[0] - cylinder[n, 0], o[1] - cylinder[n, 1], d[0], d[1], cylinder[n, 3]
            )
            if a < b:
                inner_in = min(max(a, enter), leave)
                inner_out = max(min(b, leave), enter)
        for part in range(2):
            lo = enter if part == 0 else inner_out
            hi = inner_in if part == 0 else leave
            if lo >= hi:
                continue
            known = count
            g = 0
            while g < known:
                a, b = max(gaps[g, 0], lo), min(gaps[g, 1], hi)
                if a >= b:
                    g += 1
                    continue
                if signal[n] != 0.0:
                    total += signal[n] * (
                        _cumulative(b, half, step, table) - _cumulative(a, half, step, table)
                    )
                before, after = gaps[g, 0], gaps[g, 1]
                if a > before and b < after:
                    gaps[g, 1] = a
                    gaps[count, 0], gaps[count, 1] = b, after
                    count += 1
                    g += 1
                elif a > before:
                    gaps[g, 1] = a
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
        if count == 0:
            break
    for g in range(count):
        total += signal[0] * (
            _cumulative(gaps[g, 1], half, step, table) - _cumulative(gaps[g, 0], half, step, table)
        )
    return total


@njit(cache=True, error_model="numpy")
def _choose(low, high, box, cylinder, chosen):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return how many pieces a tile between `low` and `high` may meet; -1: outside the body.

    -2 says that the tile holds nothing but the bath.
    """
    near_x = max(low[0], min(0.0, high[0]))
    near_y = max(low[1], min(0.0, high[1]))
    if near_x * near_x + near_y * near_y > cylinder[0, 2] ** 2:
        return -1
    if high[2] < box[0, 4] or low[2] > box[0, 5]:
        return -1
    count = 0
    for n in range(1, box.shape[0]):
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
    if count == 0:
        far_x = max(abs(low[0]), abs(high[0]))
        far_y = max(abs(low[1]), abs(high[1]))
        inside = far_x * far_x + far_y * far_y < cylinder[0, 2] ** 2
        if inside and low[2] > box[0, 4] and high[2] < box[0, 5]:
            return -2
    return count


@njit(cache=True, error_model="numpy")
def render(  # type: ignore[no-untyped-def]  # pragma: no cover
    image, corner, right, down, normal, signal, first_plane, planes, cylinder, box, half, step, table
):
    """Fill `image` (rows, columns, float32) with the mean signal of each fine pixel.

    Parameters
    ----------
    corner
        Phantom coordinates of the outer corner of the first pixel, in the middle of the slice.
    right, down
        Steps of one fine pixel, in phantom coordinates [mm].
    normal
        Direction of the rays in phantom coordinates, unit vector.
    signal, first_plane, planes, cylinder, box
        As in `Pieces`.
    half, step, table
        As in `SliceProfile`.
    """
    rows, columns = image.shape
    chosen = np.empty(box.shape[0], dtype=np.int64)
    # A piece that cuts a gap in two adds one, a hollow one may add two.
    gaps = np.empty((2 * box.shape[0] + 2, 2))
    nodes = np.empty((_TILE + 1, _TILE + 1))
    o, low, high = np.empty(3), np.empty(3), np.empty(3)
    for top in range(0, rows, _TILE):
        for left in range(0, columns, _TILE):
            for axis in range(3):
                middle = (
                    corner[axis]
                    + right[axis] * (left + _TILE / 2)
                    + down[axis] * (top + _TILE / 2)
                )
                reach = (abs(right[axis]) + abs(down[axis])) * _TILE / 2
                reach += abs(normal[axis]) * half + 1e-6
                low[axis], high[axis] = middle - reach, middle + reach
            count = _choose(low, high, box, cylinder, chosen)
            bottom, end = min(top + _TILE, rows), min(left + _TILE, columns)
            if count == -1 or count == -2:
                image[top:bottom, left:end] = 0.0 if count == -1 else signal[0]
                continue
            for y in range(bottom - top + 1):
                for x in range(end - left + 1):
                    for axis in range(3):
                        o[axis] = corner[axis] + right[axis] * (left + x) + down[axis] * (top + y)
                    nodes[y, x] = _ray(
                        o, normal, chosen, count, signal, first_plane, planes, cylinder,
                        half, step, table, gaps,
                    )  # fmt: skip
            for y in range(bottom - top):
                for x in range(end - left):
                    a, b = nodes[y, x], nodes[y, x + 1]
                    c, e = nodes[y + 1, x], nodes[y + 1, x + 1]
                    if max(a, b, c, e) - min(a, b, c, e) < _SMOOTH:
                        image[top + y, left + x] = (a + b + c + e) / 4
                        continue
                    total = 0.0
                    for s in range(16):
                        # Hammersley points: 16 columns, and rows by reversing four bits.
                        turned = ((s & 1) << 3) | ((s & 2) << 1) | ((s & 4) >> 1) | ((s & 8) >> 3)
                        fx = left + x + (s + 0.5) / 16
                        fy = top + y + (turned + 0.5) / 16
                        for axis in range(3):
                            o[axis] = corner[axis] + right[axis] * fx + down[axis] * fy
                        total += _ray(
                            o, normal, chosen, count, signal, first_plane, planes, cylinder,
                            half, step, table, gaps,
                        )  # fmt: skip
                    image[top + y, left + x] = total / 16


def allocate(size: int) -> NDArray[np.float32]:
    """Return an image of `size` by `size` fine pixels for `render`."""
    return np.empty((size, size), dtype=np.float32)
