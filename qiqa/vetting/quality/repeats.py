"""Edges that come again along one axis: at one distance in ghosts, at many after motion."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.corners import corners, evened
from qiqa.vetting.quality.scan import Scan

__all__ = ["Repeats", "repeats"]

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

_NAN = float("nan")
_LEAST = 48
"""Rows and columns that a slice needs."""
_VOXELS = 2**18
"""That are transformed, of at least two and at most eight slices."""
_LINES = 192
"""With more lines than this every second one is taken."""
_PARTS = (2, 3, 4)
"""Ghosts lie a half, a third or a quarter of the field of view away."""
_NEAR = 2
"""Lags on either side of a ghost's that may be part of it."""
_AROUND = 8
"""Lags on either side that it is compared with."""
_PEAK = 0.08
"""Correlation at the distance of a ghost above that around, from which on it is measured."""
_BEYOND = 1.5
"""Times the largest correlation at other distances; regular patterns have several alike."""
_FEWEST = 20
"""Other distances that unevenness is judged by."""
_STRONG = 0.9
"""Quantile of corners, above which they are looked for in the ghost."""
_FULL, _ALIKE = 0.75, 0.2
"""Part of its height from which on a corner is found again in full, and their share in objects that
are alike. Ghosts of half the signal have a quarter of the energy; what they copy in full by chance
is copied as often with the other sign, which counts against it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Along one axis; NaN where it cannot be read."""

    ghost: float
    """Amplitude of ghosts half, a third or a quarter of the field of view away [%]; 0: none."""
    scatter: float
    """How unevenly edges come again at all other distances: the correlation's roughness."""


def repeats(scan: Scan) -> tuple[Repeats, Repeats]:
    """Correlate corners of slices with themselves along rows, and down columns.

    A ghost copies every corner to exactly N/2, N/3 or N/4 lines away. Corners are evened out
    (x / sqrt(x^2 + s^2)), so that those of a ghost count almost as much as those of the object, be
    it in air, in the object itself or on a masked background. Motion between lines of k-space
    copies them to many distances with changing sign.
    """
    slices = _slices(scan)
    nothing = Repeats(ghost=_NAN, scatter=_NAN)
    if not slices.size:
        return nothing, nothing
    found = corners(slices)
    sizes = np.abs(found[:, ::3, ::3]).reshape(found.shape[0], -1)
    scales = np.maximum(1.5 * np.median(sizes, axis=1), 1e-3 * sizes.max(axis=1))
    if not scales.min() > 0:
        return nothing, nothing
    even = evened(found, scales.astype(np.float32))
    return _along(slices, even, 2), _along(slices, even, 1)


def _slices(scan: Scan) -> SingleArray:
    """Return evenly spaced slices, those with values that are not finite left out."""
    picked = scan.picked
    m, height, width = picked.shape
    if m == 0 or min(height, width) < _LEAST:
        return picked[:0]
    count = min(m, max(2, min(8, _VOXELS // (height * width))))
    chosen = picked[((np.arange(count) + 0.5) * m / count).astype(np.intp)]
    good = np.isfinite(chosen).all(axis=(1, 2)) & (np.ptp(chosen, axis=(1, 2)) > 0)
    return np.ascontiguousarray(chosen[good])


def _along(slices: SingleArray, even: SingleArray, axis: int) -> Repeats:
    like = _correlation(even, axis)
    n = like.size
    lags = np.arange(max(4, n // 12), n // 2 - 1)
    bends = np.abs(like[lags] - (like[lags - 1] + like[lags + 1]) / 2)
    ghostly = np.zeros(n, np.bool_)
    for part in _PARTS:
        ghostly[round(n / part) - _NEAR : round(n / part) + _NEAR + 1] = True
    other = ~ghostly[lags]
    others = float(like[lags[other]].max())
    peak, lag = max(_peak(like, part) for part in _PARTS)
    ghost = 0.0
    if peak > _PEAK and peak > _BEYOND * others:
        ghost = 100 * _amplitude(slices, axis, lag)
    enough = int(other.sum()) >= _FEWEST
    return Repeats(ghost=ghost, scatter=float(np.median(bends[other])) if enough else _NAN)


def _correlation(even: SingleArray, axis: int) -> FloatArray:
    """Return the correlation of the slices with themselves at each lag, on a ring."""
    from scipy.fft import irfft, rfft

    step = 2 if even.shape[3 - axis] > _LINES else 1
    lines = even[:, :, ::step] if axis == 1 else even[:, ::step]
    spectrum = rfft(lines, axis=axis)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    total = power.sum(axis=(0, 3 - axis), dtype=np.float64)
    like = irfft(total, even.shape[axis])
    return np.asarray(like / like[0])


def _peak(like: FloatArray, part: int) -> tuple[float, int]:
    """Return how far the correlation at a ghost's distance is above that around, and where."""
    n, middle = like.size, round(like.size / part)
    near = np.arange(middle - 1, middle + 2) if n % part else np.array([middle])
    lag = int(near[np.argmax(like[near])])
    away = np.arange(_NEAR + 1, _AROUND + 1)
    around = np.concatenate([like[middle - away], like[(middle + away) % n]])
    return float(like[lag] - np.median(around)), lag


def _amplitude(slices: SingleArray, axis: int, lag: int) -> float:
    """Return the share of the signal that is found again `lag` lines away.

    Of squares: phases of object and ghost differ by a quarter turn in echo planar images, by
    anything else elsewhere, so that energies add. The strongest corners of the squared image are
    looked for on either side, weaker there; the root of the slope is the amplitude. The median
    over slices, for a few bright corners may make up one. 0 where more are found again at full
    strength than a ghost can have: two objects alike, as breasts are.
    """
    found = corners(np.square(slices / slices.max())).astype(np.float64)
    size = np.abs(found)
    limit = np.quantile(size, _STRONG, axis=(1, 2), keepdims=True)
    product, energy = np.zeros(len(found)), np.zeros(len(found))
    agreeing = full = 0.0
    for shift in (lag, -lag):
        source = np.roll(found, shift, axis=axis)
        strong = np.abs(source)
        good = (strong > limit) & (size < strong)
        both = np.where(good, found * source, 0.0)
        product += both.sum(axis=(1, 2))
        energy += np.where(good, source * source, 0.0).sum(axis=(1, 2))
        agreeing += float(np.sign(both).sum())
        full += float(np.sign(both)[size > _FULL * strong].sum())
    slopes = product[energy > 0] / energy[energy > 0]
    if not slopes.size or full > _ALIKE * agreeing:
        return 0.0
    return math.sqrt(max(float(np.median(slopes)), 0.0))
