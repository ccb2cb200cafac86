"""From pieces to k-space: slices and whole volumes of an arrangement."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement
from qiqa.simulate.analytic import sphere_section, sphere_table, tube_section, tube_volume
from qiqa.simulate.arrangement_pose import Geometry
from qiqa.simulate.arrangement_signals import Spread
from qiqa.simulate.arrangement_spec import ArrangementSpec
from qiqa.simulate.kspace import Samples

__all__ = ["Piece", "in_stack", "pieces_of", "slice_samples", "volume_image"]

_LANDMARK_MM = 20.0
"""Length of a landmark along the axis of its group; definitions state none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something whose signal is added to what is there: `sign` times that of liquid `row`."""

    radius_mm: float
    center_mm: tuple[float, float, float]
    row: int
    sign: float = 1.0
    length_mm: float | None = None
    """None for a sphere."""
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)


def pieces_of(phantom: Arrangement, spec: ArrangementSpec, rows: dict[str, int]) -> list[Piece]:
    """Return the pieces; row 0 is the bath, `rows` the row of each label.

    Walls and dark landmarks take the bath away; the inside adds the filling.
    """
    pieces = []
    bath = phantom.shell_diameter_mm is not None
    if phantom.shell_diameter_mm is not None:
        pieces.append(
            Piece(radius_mm=phantom.shell_diameter_mm / 2, center_mm=(0.0, 0.0, 0.0), row=0)
        )
    for group in phantom.group:
        length = None
        if group.shape == "tube":
            length = group.length_mm or spec.tube_length_mm
        for label, center in zip(group.labels, group.centers_mm, strict=True):
            if label in spec.missing or label in group.absent:
                continue
            for diameter, row, sign in (
                (group.outer_diameter_mm, 0, -1.0),
                (group.inner_diameter_mm, rows[label], 1.0),
            ):
                if row or bath:
                    pieces.append(
                        Piece(radius_mm=diameter / 2, center_mm=center, row=row, sign=sign,
                              length_mm=length, axis=group.axis)
                    )  # fmt: skip
    if spec.landmarks and bath:
        pieces += _landmarks(phantom, spec)
    return pieces


def in_stack(
    pieces: list[Piece], geometry: Geometry, spec: ArrangementSpec, half_mm: float
) -> list[Piece]:
    """Return the pieces that a stack of slices may touch; `half_mm` is half of one slice."""
    reach = (spec.n_slices - 1) / 2 * spec.slice_spacing_mm + half_mm
    depth = np.abs(geometry.image_mm(np.array([piece.center_mm for piece in pieces]))[:, 2])
    return [
        piece
        for piece, away in zip(pieces, depth, strict=True)
        if away < reach + 1.2 * (piece.radius_mm + (piece.length_mm or 0.0) / 2)
    ]


def _landmarks(phantom: Arrangement, spec: ArrangementSpec) -> Iterator[Piece]:
    for mark in phantom.landmark:
        if mark.name not in spec.missing:
            yield Piece(
                radius_mm=mark.diameter_mm / 2,
                center_mm=mark.center_mm,
                row=0,
                sign=spec.lug_signal - 1 if mark.bright else -1.0,
                length_mm=_LANDMARK_MM,
                axis=phantom.find_group(mark.group).axis,
            )


def _mirror(half: NDArray[np.complex64]) -> Samples:
    """Return all samples from those with k along columns up to 0: the object is real."""
    upper = np.conj(half[:, -2:0:-1, ::-1])
    return np.ascontiguousarray(np.concatenate((half, upper), axis=1)[:, :, :-1])


def slice_samples(
    pieces: list[Piece], geometry: Geometry, spec: ArrangementSpec, spread: Spread, z_mm: float
) -> Samples:
    """Return k-space (volumes, rows, columns) of the slice whose middle is at `z_mm`.

    `z_mm` is along the normal, from the middle of the stack.
    """
    half = spec.matrix // 2
    ku = (np.arange(-half, half + 1) / spec.fov_mm)[None, :]
    kv = (np.arange(-half, 1) / spec.fov_mm)[:, None]
    centers = geometry.image_mm(np.array([piece.center_mm for piece in pieces]))
    alike: dict[tuple[float, ...], list[tuple[Piece, NDArray[np.float64]]]] = {}
    for piece, center in zip(pieces, centers, strict=True):
        key, place = _placed(piece, center - (0, 0, z_mm), geometry, spread)
        if key is not None:
            alike.setdefault(key, []).append((piece, place))
    waves: list[NDArray[np.complex64]] = []
    amounts: list[NDArray[np.float64]] = []
    for same in alike.values():
        shape = _section(same[0][0], same[0][1][2], geometry, spread, (ku, kv))
        for piece, at in same:
            along = np.exp(-2j * np.pi * at[0] * ku).astype(np.complex64)
            down = np.exp(-2j * np.pi * at[1] * kv).astype(np.complex64)
            waves.append(shape * (down * along))
            amounts.append(piece.sign * spread.parts[piece.row])
    volumes, size = spread.parts.shape[1], (half + 1, 2 * half + 1)
    if not waves:
        return np.zeros((volumes, spec.matrix, spec.matrix), dtype=np.complex64)
    # One real matrix product over pieces and functions of the place in the slice.
    flat = np.concatenate([one.reshape(len(one), -1) for one in waves])
    flat = np.ascontiguousarray(flat)
    amount = np.concatenate([one.T for one in amounts]).T / spec.fov_mm**2
    total = np.ascontiguousarray(amount, dtype=np.float32) @ flat.view(np.float32)
    return _mirror(total.view(np.complex64).reshape(volumes, *size))


def _section(
    piece: Piece, depth_mm: float, geometry: Geometry, spread: Spread,
    k: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.complex64]:  # fmt: skip
    """Return the transform of what a slice shows of a piece, (functions, rows, columns)."""
    scale = geometry.scale
    if piece.length_mm is None:
        sphere = sphere_section(piece.radius_mm, depth_mm, spread.weights, k, scale)
        return sphere.astype(np.complex64)
    axis = geometry.direction(piece.axis)
    return tube_section(piece.radius_mm, piece.length_mm, axis, depth_mm, spread.weights, k, scale)


def _placed(
    piece: Piece, place: NDArray[np.float64], geometry: Geometry, spread: Spread
) -> tuple[tuple[float, ...] | None, NDArray[np.float64]]:
    """Return what pieces with the same section share (None: outside the slice), and the place.

    A tube that reaches through the whole slice is moved along itself into the slice's middle.
    """
    reach, half = piece.radius_mm * geometry.scale[2], spread.weights.half_mm
    axis = geometry.direction(piece.axis)
    if piece.length_mm is not None:
        reach = abs(axis[2]) * piece.length_mm / 2 * geometry.scale[2]
        if abs(place[2]) + half < reach:
            lean = axis[:2] / axis[2] * geometry.scale[:2] / geometry.scale[2]
            place = np.array([*(place[:2] - place[2] * lean), 0.0])
    if abs(place[2]) >= reach + half:
        return None, place
    return (piece.radius_mm, piece.length_mm or 0.0, *axis, round(float(place[2]), 7)), place


def volume_image(
    pieces: list[Piece], geometry: Geometry, spec: ArrangementSpec, signal: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the image without noise, (along slices, rows, columns), from a cube of k-space.

    `signal` (liquids,). Scale errors act on positions; sizes are scaled by their mean.
    """
    n, pixel = spec.matrix, spec.fov_mm / spec.matrix
    scale = float(np.cbrt(np.prod(geometry.scale)))
    k = np.fft.fftfreq(n, pixel)
    window = 1 - spec.apodization * np.sin(np.pi * k * pixel) ** 2
    half = np.abs(k[: n // 2 + 1])
    centers = geometry.image_mm(np.array([p.center_mm for p in pieces])) + (n - 1) / 2 * pixel
    waves = [np.exp(-2j * np.pi * centers[:, axis, None] * k) * window for axis in (1, 2)]
    along = np.exp(-2j * np.pi * centers[:, 0, None] * half) * window[: half.size]
    amount = np.array([p.sign * signal[p.row] for p in pieces]) / pixel**3
    classes: dict[tuple[float, ...], list[int]] = {}
    for index, p in enumerate(pieces):
        classes.setdefault((p.radius_mm, p.length_mm or 0.0, *p.axis), []).append(index)
    highest = float(np.sqrt(3) * half[-1] * scale * 1.01)
    flat = ((half**2)[None, :] + (k**2)[:, None]).astype(np.float32)
    cube = np.zeros((n, n, half.size), dtype=np.complex64)
    for key, members in classes.items():
        axis = geometry.direction((key[2], key[3], key[4]))
        x = along[members].astype(np.complex64)
        table = sphere_table(key[0] * scale, highest)
        per_k = np.float32((table.size - 1) / highest)
        for plane in range(n):
            weight = amount[members] * waves[1][members, plane]
            phases = (waves[0][members].T * weight).astype(np.complex64) @ x
            squared = flat + np.float32(k[plane] ** 2)
            if key[1] == 0:
                shape = np.take(table, (np.sqrt(squared) * per_k + 0.5).astype(np.int32))
            else:
                lengthwise = half[None, :] * axis[0] + k[:, None] * axis[1] + k[plane] * axis[2]
                across = np.sqrt(np.maximum(squared - lengthwise**2, 0.0))
                shape = tube_volume(key[0] * scale, key[1] * scale, across, lengthwise)
            cube[plane] += phases * shape
    image: NDArray[np.float32] = scipy.fft.irfftn(
        cube, s=(n, n, n), axes=(0, 1, 2), overwrite_x=True
    )
    return image
