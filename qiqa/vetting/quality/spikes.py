"""Spikes in k-space: one bad sample lays a fine stripe pattern over a whole slice."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.scan import Scan

__all__ = ["Spike", "strongest_spike"]

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

MAX_SPECTRA = 4
"""Evenly spaced slices that are transformed."""
MAX_SUSPECTS = 2
"""Slices with more fine structure than their neighbors that are transformed besides."""
_ROUGH = 1.2
"""Fine structure over that of both neighbors, from which on a slice is suspected."""
_OUTER, _INNER = 15, 5
"""Sides [points] of the square ring in k-space that a peak is compared with."""
_COARSE = 0.08
"""Spatial frequencies [1/voxel] below are left out: the object itself lives there."""
_AXIS = 3
"""Points on either side of the axes of k-space that borders and straight edges fill."""
_CROWD = 4
"""More peaks than this of at least half the height: a regular pattern, not a spike."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """The strongest isolated point of k-space."""

    ratio: float
    """Its magnitude over that of its surroundings; white noise reaches 4."""
    stripes: float
    """Amplitude of the stripes in the unit of the image."""
    slice: int
    volume: int


def strongest_spike(scan: Scan) -> Spike | None:
    """Look at a few slices; None where no slice could be transformed.

    Four slices evenly spaced, and the two with the most fine structure beyond their neighbors, in
    whichever volume. A spike is one point, alone: regular patterns (grids, resolution inserts)
    make many. Where a slice has a crowd of equal peaks, nothing is said of it.
    """
    best: Spike | None = None
    judged = _fine(*scan.volume.shape[1:])
    for n, k in _slices(scan):
        found = _peak(scan.volumes[n, k], judged)
        if found is not None and (best is None or found[0] > best.ratio):
            best = Spike(ratio=found[0], stripes=found[1], slice=k, volume=n)
    return best


def _slices(scan: Scan) -> list[tuple[int, int]]:
    m = scan.chosen.size
    count = min(m, MAX_SPECTRA)
    at = ((np.arange(count) + 0.5) * m / max(count, 1)).astype(np.intp)
    chosen = [(scan.brightest, int(k)) for k in scan.chosen[at]]
    suspects = [pair for pair in _suspects(scan) if pair not in chosen]
    return chosen + suspects[:MAX_SUSPECTS]


def _suspects(scan: Scan) -> list[tuple[int, int]]:
    """Return (volume, slice), roughest first, of slices rougher than both neighbors."""
    k = scan.fine.shape[1]
    if k < 3:
        return []
    fine = np.where(np.isfinite(scan.fine), scan.fine, 0.0)
    padded = np.pad(fine, ((0, 0), (1, 1)), mode="reflect")
    near = np.maximum(padded[:, :-2], padded[:, 2:])
    rough = np.divide(fine, near, out=np.zeros_like(fine), where=near > 0)
    order = np.argsort(-rough, axis=None, kind="stable")[: MAX_SUSPECTS + MAX_SPECTRA]
    pairs = [(int(i // k), int(i % k)) for i in order]
    return [pair for pair in pairs if rough[pair] > _ROUGH]


def _peak(image: SingleArray, judged: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return ratio to the surroundings and amplitude of the strongest lonely peak."""
    from scipy.fft import rfft2

    height, width = image.shape
    if min(height, width) < 4 * _OUTER or not np.isfinite(image).all():
        return None
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    # A step at the border would fill the axes; the window widens a spike to three points.
    spectrum = np.abs(rfft2((image - image.mean(dtype=np.float64)).astype(np.float32) * window))
    ratio = np.where(judged, spectrum / _surroundings(spectrum), np.float32(0))
    place = np.unravel_index(int(ratio.argmax()), ratio.shape)
    top = float(ratio[place])
    if not np.isfinite(top):
        return None
    high = np.argwhere(ratio > top / 2)
    apart = np.abs(high - np.asarray(place)).max(axis=1) > _INNER // 2
    if int(apart.sum()) > _CROWD:
        return 0.0, 0.0
    return top, float(2 * spectrum[place] / window.sum(dtype=np.float64))


def _fine(height: int, width: int) -> NDArray[np.bool_]:
    """Say which points are judged: fine stripes, off the axes."""
    down = np.fft.fftfreq(height)[:, None]
    right = np.fft.rfftfreq(width)[None, :]
    fine = np.hypot(down, right) > _COARSE
    off = (np.abs(down) * height > _AXIS) & (right * width > _AXIS)
    nyquist = np.abs(down) * height < height / 2 - 1
    return np.asarray(fine & off & nyquist)


def _surroundings(spectrum: SingleArray) -> SingleArray:
    """Return the mean over the square ring around each point; never zero."""
    from scipy.ndimage import uniform_filter

    outer = uniform_filter(spectrum, _OUTER, mode=("wrap", "reflect")) * np.float32(_OUTER**2)
    inner = uniform_filter(spectrum, _INNER, mode=("wrap", "reflect")) * np.float32(_INNER**2)
    ring = (outer - inner) / np.float32(_OUTER**2 - _INNER**2)
    # What float32 leaves of a ring of zeros must not make a peak of nothing.
    least = np.float32(1e-6) * spectrum.max() + np.finfo(np.float32).tiny
    return np.asarray(np.maximum(ring, least), dtype=np.float32)
