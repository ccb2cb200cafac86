"""Find a flat arrangement in a map of likeness, under any turn and either handedness."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.locate._disks import PIXEL_MM

__all__ = ["Match", "match", "match_near"]

_COARSE = 2
"""Grid points that the first search takes together."""
_STEP_DEG = 2.0
_NEAR_MM = 4.0
"""How far from its place an insert is looked for."""
_OUT_MM = 2.5
"""Inserts farther from the fitted place do not count: something else is there."""
_LIKE = 0.35
"""Likeness from which something counts as an insert."""
_APART_MM = 8.0
"""Other explanations put the center at least this far away."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Match:
    """One explanation of a slice: place = turn @ layout + shift [mm from the first voxel]."""

    turn: NDArray[np.float64]
    """(2, 2), determinant 1, or -1 where the layout is seen from behind."""
    shift: NDArray[np.float64]
    """(2,)."""
    score: float
    """Mean likeness at the places of all inserts."""
    seen: NDArray[np.bool_]
    """(n,) which inserts were found."""
    distance_mm: NDArray[np.float64]
    """(n,) from where it was found to the fitted place; NaN where it was not found."""
    runner_up: float
    """Score of the best explanation elsewhere."""

    @property
    def residual_mm(self) -> float:
        """RMS distance of the inserts that were found."""
        found = self.distance_mm[self.seen]
        return float(np.sqrt(np.mean(found**2))) if found.size else np.nan


def match(
    like: NDArray[np.float32], layout: NDArray[np.float64], fold: int, mirrored: bool
) -> Match | None:
    """Return the best explanation of a map of likeness, None where nothing is like it at all.

    Parameters
    ----------
    like
        (x, y), on the grid of `PIXEL_MM`.
    layout
        (n, 2) places of inserts about their center [mm].
    fold
        How many turns of the layout look the same: only 360 / fold degrees are searched.
    mirrored
        Whether the mirror image is another layout that is to be tried as well.
    """
    hands = (1.0, -1.0) if mirrored else (1.0,)
    coarse = _pooled(np.maximum(like, 0.0))
    tried = [item for hand in hands for item in _search(coarse, layout, fold, hand)]
    if not tried:
        return None
    tried.sort(key=lambda item: -item[0])
    best = tried[0]
    elsewhere = [t[0] for t in tried if np.hypot(*(t[2] - best[2])) > _APART_MM]
    fitted = _refined(like, layout, best[1], best[2])
    return dataclasses.replace(fitted, runner_up=float(max(elsewhere, default=0.0)))


def match_near(like: NDArray[np.float32], layout: NDArray[np.float64], near: Match) -> Match:
    """Return the explanation next to a known one, of another slice of the same inserts."""
    fitted = _refined(like, layout, near.turn, near.shift)
    return dataclasses.replace(fitted, runner_up=near.runner_up)


def _pooled(like: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the highest likeness of each coarse cell: peaks are narrower than the cells."""
    x, y = (s - s % _COARSE for s in like.shape)
    cells = like[:x, :y].reshape(x // _COARSE, _COARSE, y // _COARSE, _COARSE)
    found: NDArray[np.float32] = cells.max(axis=(1, 3))
    return found


def _rotation(angle: float, hand: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s * hand], [s, c * hand]])


def _search(
    coarse: NDArray[np.float32], layout: NDArray[np.float64], fold: int, hand: float
) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
    """Return score, turn and shift of the best place at every angle."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    cell = _COARSE * PIXEL_MM
    reach = int(np.ceil(np.linalg.norm(layout, axis=1).max() / cell)) + 2
    size = tuple(next_fast_len(s + 2 * reach) for s in coarse.shape)
    grid = np.zeros(size, np.float32)
    grid[: coarse.shape[0], : coarse.shape[1]] = coarse
    transformed = rfft2(grid)
    found = []
    for angle in np.deg2rad(np.arange(0.0, 360.0 / fold, _STEP_DEG)):
        turn = _rotation(float(angle), hand)
        at = np.rint(layout @ turn.T / cell).astype(int)
        stamp = np.zeros(size, np.float32)
        np.add.at(stamp, (at[:, 0] % size[0], at[:, 1] % size[1]), 1.0 / len(layout))
        total = irfft2(transformed * np.conj(rfft2(stamp)), size)
        total = total[: coarse.shape[0], : coarse.shape[1]]
        for _ in range(2):  # the best and the best elsewhere
            place = np.unravel_index(int(total.argmax()), total.shape)
            center = np.array(place, dtype=np.float64) * cell + 0.5 * (cell - PIXEL_MM)
            found.append((float(total[place]), turn, center))
            r = int(_APART_MM / cell)
            total[
                max(place[0] - r, 0) : place[0] + r + 1, max(place[1] - r, 0) : place[1] + r + 1
            ] = -1.0
    return found


def _refined(
    like: NDArray[np.float32],
    layout: NDArray[np.float64],
    turn: NDArray[np.float64],
    shift: NDArray[np.float64],
) -> Match:
    """Fit turn and shift to the peaks near the places, and again without those that are off."""
    hand = float(np.sign(np.linalg.det(turn)))
    seen = np.zeros(len(layout), dtype=bool)
    peaks = np.full((len(layout), 2), np.nan)
    height = np.zeros(len(layout))
    for reach in (_NEAR_MM + 2.0, _NEAR_MM, _NEAR_MM):
        for n, place in enumerate(layout @ turn.T + shift):
            peaks[n], height[n] = _peak(like, place, reach)
        seen = height >= _LIKE
        if seen.sum() < 3:
            break
        for _ in range(3):
            turn, shift = _rigid(layout[seen], peaks[seen], height[seen], hand)
            off = np.linalg.norm(layout @ turn.T + shift - peaks, axis=1)
            kept = (height >= _LIKE) & (off <= _OUT_MM)
            if kept.sum() < 3 or bool((kept == seen).all()):
                break
            seen = kept
    off = np.linalg.norm(layout @ turn.T + shift - peaks, axis=1)
    return Match(
        turn, shift, float(np.where(seen, height, 0.0).mean()), seen,
        np.where(seen, off, np.nan), 0.0,
    )  # fmt: skip


def _peak(
    like: NDArray[np.float32], place: NDArray[np.float64], reach_mm: float
) -> tuple[NDArray[np.float64], float]:
    """Return the highest point near a place, between grid points by parabolas; 0 outside."""
    r = int(reach_mm / PIXEL_MM)
    i, j = np.rint(place / PIXEL_MM).astype(int)
    low_i, low_j = max(i - r, 0), max(j - r, 0)
    part = like[low_i : max(i + r + 1, 0), low_j : max(j + r + 1, 0)]
    if part.size == 0:
        return np.array([np.nan, np.nan]), 0.0
    a, b = np.unravel_index(int(part.argmax()), part.shape)
    a, b = int(a) + low_i, int(b) + low_j
    at = np.array([a, b], dtype=float)
    if 0 < a < like.shape[0] - 1 and 0 < b < like.shape[1] - 1:
        at += [_vertex(like[a - 1 : a + 2, b]), _vertex(like[a, b - 1 : b + 2])]
    return at * PIXEL_MM, float(like[a, b])


def _vertex(three: NDArray[np.float32]) -> float:
    bend = float(three[0] - 2 * three[1] + three[2])
    return float(np.clip(0.5 * (three[0] - three[2]) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _rigid(
    layout: NDArray[np.float64],
    places: NDArray[np.float64],
    weight: NDArray[np.float64],
    hand: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the turn of the given handedness and the shift that take one to the other best."""
    w = weight / weight.sum()
    a, b = w @ layout, w @ places
    u, _, vt = np.linalg.svd((places - b).T @ ((layout - a) * w[:, None]))
    turn = u @ np.diag([1.0, hand * np.linalg.det(u @ vt)]) @ vt
    return turn, b - turn @ a
