"""The signature of a stack of images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.signature.codes import code
from qiqa.vetting.signature.digest import digest
from qiqa.vetting.signature.layout import LEVELS, PLANES, SPOTS, pack
from qiqa.vetting.signature.planes import Plane, prepare
from qiqa.vetting.signature.spots import spots

__all__ = ["sign"]

FloatArray = NDArray[np.float64]

LOOKED_AT = 32
"""Slices, at most, from which the extent of the object is taken."""
ROUGH = 64
"""Pixels along a side of an image, about, for that."""
FULL = 0.5
"""A slice with less object in it than this share of the fullest is beyond the ends."""
AIR = 0.25
"""A slice whose values reach less far than this share of the furthest shows air or noise."""
FEWEST_SLICES = 8
"""With fewer, planes across the slices show nothing of their own."""


def sign(signal: NDArray[np.float32], quantization: float) -> bytes:
    """Return the signature of a stack, `SIGNATURE_BYTES` long; empty where it shows nothing.

    Parameters
    ----------
    signal
        (i, j, k, n). All volumes go into the digest, the first one into the codes.
    quantization
        Step between stored values, in the unit of `signal`; NaN unknown.
    """
    if signal.ndim != 4 or signal.size == 0:
        return b""
    volume = _finite(signal[:, :, :, 0])
    if not np.ptp(volume) > 0:
        return b""
    ends = _ends(volume)
    if ends is None:
        return b""
    planes = [_prepared(volume, 2, *ends[2], at) for at in _levels(volume.shape[2])]
    views = [_whole(plane) for plane in planes]
    views += [(0, 0)] * (LEVELS - len(views))
    if min(volume.shape) >= FEWEST_SLICES:
        views += [_whole(_prepared(volume, axis, *ends[axis], 0.5)) for axis in (0, 1)]
    middle = planes[len(planes) // 2]
    near = [] if middle is None else [code(middle, box) for box in spots(middle, SPOTS)]
    views = views[:PLANES]
    if not any(signs for signs, _ in views):
        return b""
    return pack(digest(signal, quantization), views, near)


def _finite(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a volume with its least value where there is none."""
    finite = np.isfinite(volume)
    if finite.all():
        return volume
    least = volume[finite].min() if finite.any() else np.float32(0)
    return np.where(finite, volume, least)


def _levels(slices: int) -> list[float]:
    """Return where planes are taken, from 0 at the first end to 1 at the last one."""
    count = min(slices, LEVELS)
    return [(t + 0.5) / count for t in range(count)]


def _whole(plane: Plane | None) -> tuple[int, int]:
    return (0, 0) if plane is None else code(plane, plane.box)


def _ends(volume: NDArray[np.float32]) -> tuple[tuple[float, float], ...] | None:
    """Return where the object begins and ends along the three axes [slice edges]."""
    i, j, k = volume.shape
    if k <= LEVELS:
        looked = np.arange(k)
    else:
        count = min(k, LOOKED_AT)
        looked = ((np.arange(count) + 0.5) * k / count).astype(np.intp)
    by = (max(1, i // ROUGH), max(1, j // ROUGH))
    found = [prepare(volume[:: by[0], :: by[1], at].astype(np.float64)) for at in looked]
    least = AIR * max((plane.reach for plane in found if plane is not None), default=0.0)
    shown = [None if plane is None or plane.reach < least else plane.whole for plane in found]
    objects = [whole for whole in shown if whole is not None]
    if not any(whole.any() for whole in objects):
        return None
    along = np.array([0.0 if whole is None else float(whole.sum()) for whole in shown])
    rows = np.sum([whole.sum(axis=1) for whole in objects], axis=0)
    columns = np.sum([whole.sum(axis=0) for whole in objects], axis=0)
    third = (0.0, float(k)) if k <= LEVELS else _end(along, k)
    return _end(rows, i), _end(columns, j), third


def _end(area: FloatArray, size: int) -> tuple[float, float]:
    full = np.flatnonzero(area >= FULL * area.max())
    step = size / len(area)
    return float(full[0] * step), float((full[-1] + 1) * step)


def _prepared(
    volume: NDArray[np.float32], axis: int, first: float, last: float, at: float
) -> Plane | None:
    """Return the plane at a share of the way, averaged over a 36th of it to either side.

    At least over the two slices on either side of it, so that a plane between two slices is the
    same from both ends.
    """
    position = first + at * (last - first)
    half = max(1.0, (last - first) / (4 * LEVELS))
    total, weights = np.zeros(()), 0.0
    for index, weight in _weights(position, half, volume.shape[axis]):
        total = total + weight * np.take(volume, index, axis=axis).astype(np.float64)
        weights += weight
    return prepare(total / weights)


def _weights(position: float, half: float, size: int) -> Iterator[tuple[int, float]]:
    """Yield slices near a position and their weight, which falls to 0 at `half`."""
    first = max(0, int(np.floor(position - half)))
    near = range(first, min(size, int(np.ceil(position + half)) + 1))
    found = [(t, 1 - abs(t + 0.5 - position) / half) for t in near]
    kept = [(t, weight) for t, weight in found if weight > 1e-9]
    yield from kept or [(min(max(int(position), 0), size - 1), 1.0)]
