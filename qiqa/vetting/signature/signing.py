"""The signature of a stack of images."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.planes import averaged_plane
from qiqa.vetting.signature.codes import code
from qiqa.vetting.signature.digest import digest
from qiqa.vetting.signature.layout import LEVELS, PLANES, SPOTS, pack
from qiqa.vetting.signature.planes import Plane, block_side, outline, prepare
from qiqa.vetting.signature.spots import spots

__all__ = ["sign"]

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

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
    volume = _finite(np.ascontiguousarray(signal[:, :, :, 0].T, dtype=np.float32))
    if not volume.max() > volume.min():
        return b""
    ends = _ends(volume)
    if ends is None:
        return b""
    planes = [_prepared(volume, 0, *ends[0], at) for at in _levels(volume.shape[0])]
    views = [_whole(plane) for plane in planes]
    views += [(0, 0)] * (LEVELS - len(views))
    if min(volume.shape) >= FEWEST_SLICES:
        views += [_whole(_prepared(volume, axis, *ends[axis], 0.5)) for axis in (1, 2)]
    middle = planes[len(planes) // 2]
    near = [] if middle is None else [code(middle, box) for box in spots(middle, SPOTS)]
    views = views[:PLANES]
    if not any(signs for signs, _ in views):
        return b""
    return pack(digest(signal, quantization), views, near)


def _finite(volume: SingleArray) -> SingleArray:
    """Return a volume with its least value where there is none."""
    if np.isfinite(volume.min()) and np.isfinite(volume.max()):
        return volume
    finite = np.isfinite(volume)
    least = volume[finite].min() if finite.any() else np.float32(0)
    return np.where(finite, volume, least)


def _levels(slices: int) -> list[float]:
    """Return where planes are taken, from 0 at the first end to 1 at the last one."""
    count = min(slices, LEVELS)
    return [(t + 0.5) / count for t in range(count)]


def _whole(plane: Plane | None) -> tuple[int, int]:
    return (0, 0) if plane is None else code(plane, plane.box)


def _ends(volume: SingleArray) -> tuple[tuple[float, float], ...] | None:
    """Return where the object begins and ends along the three axes [slice edges]."""
    slices, height, width = volume.shape
    if slices <= LEVELS:
        looked = np.arange(slices)
    else:
        count = min(slices, LOOKED_AT)
        looked = ((np.arange(count) + 0.5) * slices / count).astype(np.intp)
    by = (max(1, height // ROUGH), max(1, width // ROUGH))
    found = [outline(volume[at, :: by[0], :: by[1]].astype(np.float64)) for at in looked]
    least = AIR * max((one[1] for one in found if one is not None), default=0.0)
    shown = [None if one is None or one[1] < least else one[0] for one in found]
    objects = [whole for whole in shown if whole is not None]
    if not any(whole.any() for whole in objects):
        return None
    along = np.array([0.0 if whole is None else float(whole.sum()) for whole in shown])
    total = np.sum(objects, axis=0)
    first = (0.0, float(slices)) if slices <= LEVELS else _end(along, slices)
    return first, _end(total.sum(axis=1), height), _end(total.sum(axis=0), width)


def _end(area: FloatArray, size: int) -> tuple[float, float]:
    full = np.flatnonzero(area >= FULL * area.max())
    step = size / len(area)
    return float(full[0] * step), float((full[-1] + 1) * step)


def _prepared(volume: SingleArray, axis: int, first: float, last: float, at: float) -> Plane | None:
    """Return the plane at a share of the way, averaged over a 36th of it to either side.

    At least over the two slices on either side of it, so that a plane between two slices is the
    same from both ends.
    """
    position = first + at * (last - first)
    half = max(1.0, (last - first) / (4 * LEVELS))
    begin, weights = _weights(position, half, volume.shape[axis])
    rows, columns = (size for other, size in enumerate(volume.shape) if other != axis)
    return prepare(averaged_plane(volume, axis, begin, weights, block_side(rows, columns)))


def _weights(position: float, half: float, size: int) -> tuple[int, FloatArray]:
    """Return the first slice near a position and weights from it on, which fall to 0 at `half`."""
    first = max(0, math.floor(position - half))
    near = np.arange(first, min(size, math.ceil(position + half) + 1))
    weights = 1 - np.abs(near + 0.5 - position) / half
    kept = np.flatnonzero(weights > 1e-9)
    if not kept.size:
        return min(max(int(position), 0), size - 1), np.ones(1)
    return int(near[kept[0]]), weights[kept[0] : kept[-1] + 1]
