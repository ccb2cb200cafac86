"""One ray through convex pieces: where it is in each, and the signal along it.

All rays of a slice are parallel, so where one meets a face is linear in the pixel coordinates
(x, y): face[m] holds the three coefficients, as distance from the middle of the slice [mm], and
kind[m] says whether the ray enters (-1) or leaves (+1) there; for 0 it runs along the face and is
inside where the value is not negative.

`aim` is: half the depth of the profile; the ray's x in the phantom as three coefficients; its y;
x and y of its direction and the length of these two; steps of the profile's table a mm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.simulate.compiled import compiled, inlined

__all__ = ["FAR", "WIDE", "Floats", "Whole", "ray"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
FAR = 1e9
WIDE = 1e5
"""Radius from which a piece has no wall."""


@inlined
def _cumulative(t: float, half: float, per_mm: float, table: Floats) -> float:
    at = (min(max(t, -half), half) + half) * per_mm
    n = min(int(at), table.size - 2)
    value: float = table[n] + (at - n) * (table[n + 1] - table[n])
    return value


@inlined
def _circle(
    u: float, v: float, du: float, dv: float, speed: float, radius: float, half: float
) -> tuple[float, float]:
    """Return where a ray is within `radius` of an axis along z, as (enter, leave).

    (u, v) is its point in the middle of the slice against the axis, (du, dv) its direction
    across the axis and `speed` the length of that.
    """
    distance2 = u * u + v * v
    drift = speed * half
    if distance2 >= (radius + drift) ** 2:
        return FAR, -FAR
    if radius > drift and distance2 <= (radius - drift) ** 2:
        return -FAR, FAR
    a, b = speed * speed, u * du + v * dv
    root = b * b - a * (distance2 - radius * radius)
    if root <= 0.0:
        return FAR, -FAR
    root = np.sqrt(root)
    return (-b - root) / a, (-b + root) / a


@inlined
def _interval(
    n: int,
    x: float,
    y: float,
    aim: Floats,
    first_plane: Whole,
    kind: Whole,
    face: Floats,
    cylinder: Floats,
) -> tuple[float, float]:
    """Return where the ray at pixel (x, y) is in piece n, hollow part included."""
    enter, leave = -aim[0], aim[0]
    for m in range(first_plane[n], first_plane[n + 1]):
        t = face[m, 0] + face[m, 1] * x + face[m, 2] * y
        if kind[m] > 0:
            leave = min(leave, t)
        elif kind[m] < 0:
            enter = max(enter, t)
        elif t < 0.0:
            return FAR, -FAR
        if enter >= leave:
            return FAR, -FAR
    if cylinder[n, 2] < WIDE:
        u = aim[1] + aim[2] * x + aim[3] * y - cylinder[n, 0]
        v = aim[4] + aim[5] * x + aim[6] * y - cylinder[n, 1]
        a, b = _circle(u, v, aim[7], aim[8], aim[9], cylinder[n, 2], aim[0])
        enter, leave = max(enter, a), min(leave, b)
    return enter, leave


@inlined
def _claim(
    lo: float,
    hi: float,
    signal: float,
    gaps: Floats,
    count: int,
    half: float,
    per_mm: float,
    table: Floats,
) -> tuple[float, int]:
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


@compiled
def ray(
    x: float,
    y: float,
    count: int,
    aim: Floats,
    signal: Floats,
    first: Whole,
    kind: Whole,
    face: Floats,
    cylinder: Floats,
    table: Floats,
    gaps: Floats,
) -> float:
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
