"""Signal of a slice on a fine grid: exact integrals through the slice, supersampled edges.

Each sample is a ray along the slice normal. A ray meets a convex piece in one interval, so the
integral of the slice profile over it is a difference of two values of the cumulative profile:
thin sheets and inclined slots need no steps in depth. Across the slice a fine pixel whose
corners differ is the mean of 16 rays in a pattern with 16 different columns and rows.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.simulate.compiled import compiled
from qiqa.simulate.primitives import Pieces
from qiqa.simulate.profile import SliceProfile
from qiqa.simulate.rays import Floats, Whole, ray
from qiqa.simulate.tiles import TILE, bounds, cut_faces, cut_wall, outside, overlapping

__all__ = ["Grid", "render"]

_BLOCK = 64
"""Fine pixels; pieces are chosen for a block first and then for each tile in it."""
_SMOOTH = 0.06
"""Corners that differ by less, relative to the bath, are averaged without more rays."""


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


@compiled
def _fill_linear(
    image: NDArray[np.float32],
    left: int,
    top: int,
    nodes: Floats,
    count: int,
    aim: Floats,
    signal: Floats,
    first: Whole,
    kind: Whole,
    face: Floats,
    cylinder: Floats,
    table: Floats,
    gaps: Floats,
) -> None:
    """Fill a tile without borders from the rays at its four corners."""
    for corner in range(4):
        nodes[corner >> 1, corner & 1] = ray(
            left + TILE * (corner & 1),
            top + TILE * (corner >> 1),
            count,
            aim,
            signal,
            first,
            kind,
            face,
            cylinder,
            table,
            gaps,
        )
    for y in range(top, min(top + TILE, image.shape[0])):
        fy = (y - top + 0.5) / TILE
        start = (1 - fy) * nodes[0, 0] + fy * nodes[1, 0]
        rise = (1 - fy) * nodes[0, 1] + fy * nodes[1, 1] - start
        for x in range(left, min(left + TILE, image.shape[1])):
            image[y, x] = start + rise * (x - left + 0.5) / TILE


@compiled
def _fill_rays(
    image: NDArray[np.float32],
    left: int,
    top: int,
    nodes: Floats,
    count: int,
    aim: Floats,
    signal: Floats,
    first: Whole,
    kind: Whole,
    face: Floats,
    cylinder: Floats,
    table: Floats,
    gaps: Floats,
) -> None:
    """Fill a tile with borders: a ray at each corner of a pixel, 16 more where they differ."""
    bottom, end = min(top + TILE, image.shape[0]), min(left + TILE, image.shape[1])
    for y in range(bottom - top + 1):
        for x in range(end - left + 1):
            nodes[y, x] = ray(
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
                total += ray(
                    left + x + (s + 0.5) / 16,
                    top + y + (turned + 0.5) / 16,
                    count,
                    aim,
                    signal,
                    first,
                    kind,
                    face,
                    cylinder,
                    table,
                    gaps,
                )
            image[top + y, left + x] = total / 16


@compiled
def _meet(
    left: int,
    top: int,
    half: float,
    low: Floats,
    high: Floats,
    chosen: Whole,
    n_chosen: int,
    signal: Floats,
    first_plane: Whole,
    kind: Whole,
    face: Floats,
    cylinder: Floats,
    near_signal: Floats,
    first: Whole,
    near_kind: Whole,
    near_face: Floats,
    near_cylinder: Floats,
) -> tuple[int, bool]:
    """Pack what a tile meets of the body and the chosen pieces.

    Returns the number of the last piece packed, -1 where the body is missed, and whether no
    border runs through the tile.
    """
    count, smooth = -1, True
    for index in range(-1, n_chosen):
        n = 0 if index < 0 else chosen[index]
        met, flat = cut_wall(n, low, high, cylinder, near_cylinder, count + 1)
        end_face, flat_faces = 0, True
        if met:
            end_face, met, flat_faces = cut_faces(
                n,
                left,
                top,
                half,
                first_plane,
                kind,
                face,
                first[count + 1],
                near_kind,
                near_face,
            )
        if met:
            count += 1
            first[count + 1] = end_face
            near_signal[count] = signal[n]
            smooth = smooth and flat and flat_faces
        elif n == 0:
            return -1, True
    return count, smooth


@compiled
def _render(
    image: NDArray[np.float32],
    frame: Floats,
    aim: Floats,
    signal: Floats,
    first_plane: Whole,
    kind: Whole,
    face: Floats,
    cylinder: Floats,
    box: Floats,
    table: Floats,
) -> None:
    size, half, pieces = image.shape[0], aim[0], box.shape[0]
    every = np.arange(1, pieces)
    in_block, chosen = np.empty(pieces, np.int64), np.empty(pieces, np.int64)
    # What a tile meets of the pieces, closely packed.
    first, near_kind = np.zeros(pieces + 1, np.int64), np.empty(kind.size, np.int64)
    near_face, near_cylinder = np.empty((kind.size, 3)), np.empty((pieces, 4))
    near_signal = np.empty(pieces)
    # A piece that cuts a gap in two adds one, a hollow one may add two.
    gaps = np.empty((2 * pieces + 2, 2))
    nodes = np.empty((TILE + 1, TILE + 1))
    low, high = np.empty(3), np.empty(3)
    for block in range(((size + _BLOCK - 1) // _BLOCK) ** 2):
        across = (size + _BLOCK - 1) // _BLOCK
        block_top, block_left = block // across * _BLOCK, block % across * _BLOCK
        bounds(block_left, block_top, _BLOCK, frame, half, low, high)
        if outside(low, high, box, cylinder):
            continue
        n_block = overlapping(low, high, box, every, pieces - 1, in_block)
        for top in range(block_top, min(block_top + _BLOCK, size), TILE):
            for left in range(block_left, min(block_left + _BLOCK, size), TILE):
                bounds(left, top, TILE, frame, half, low, high)
                if outside(low, high, box, cylinder):
                    continue
                n_chosen = overlapping(low, high, box, in_block, n_block, chosen)
                # fmt: off
                count, smooth = _meet(
                    left, top, half, low, high, chosen, n_chosen, signal, first_plane, kind, face,
                    cylinder, near_signal, first, near_kind, near_face, near_cylinder,
                )
                if count < 0:
                    continue
                if smooth:
                    _fill_linear(
                        image, left, top, nodes, count, aim, near_signal, first, near_kind,
                        near_face, near_cylinder, table, gaps,
                    )
                else:
                    _fill_rays(
                        image, left, top, nodes, count, aim, near_signal, first, near_kind,
                        near_face, near_cylinder, table, gaps,
                    )
                # fmt: on


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
