"""Slices against their neighbors and against the same slices of other volumes."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.scan import Scan

__all__ = ["Dropouts", "constant_slices", "dropouts", "interleaving", "largest_jump"]

FloatArray = NDArray[np.float64]

_NAN = float("nan")
_DIM = 0.2
"""Of the brightest slice: darker slices, at the ends of the object, are left out."""
_FEW_VOLUMES = 4
"""From this many volumes on a slice is compared with the same slice of the others."""
_FEWEST = 3
"""Slices of a volume, for one of them to lie between others."""
_LONGEST = 3
"""Slices side by side that may be lost; a longer dark stretch is anatomy."""
_MOST = 0.4
"""Of the stack: more dark slices than this were made so."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dropouts:
    """Slices that are darker than the other volumes, or their neighbors, make expect."""

    measured: int
    """Slices times volumes that could be judged."""
    lost: tuple[tuple[int, int], ...]
    """Volume, slice, from 0."""
    deepest: float
    """Smallest signal over the expected one; NaN where none was judged."""

    @property
    def percent(self) -> float:
        """Share of lost slices; NaN where none could be judged."""
        return 100 * len(self.lost) / self.measured if self.measured else _NAN


def constant_slices(scan: Scan) -> tuple[tuple[int, int], ...]:
    """Return (volume, slice) of slices of one value that have slices with content on both sides.

    Those at the ends are left alone: stacks are filled up there.
    """
    there = scan.finite > 0
    flat = there & (scan.least == scan.most)
    full = there & ~flat
    before = np.logical_or.accumulate(full, axis=1)
    after = np.logical_or.accumulate(full[:, ::-1], axis=1)[:, ::-1]
    return tuple((int(n), int(k)) for n, k in np.argwhere(flat & before & after))


def _log_means(scan: Scan) -> FloatArray:
    """Return ln mean (k,) of the brightest volume; NaN for slices that are dim or missing."""
    mean = scan.mean[scan.brightest] if scan.mean.size else np.empty(0)
    if not np.isfinite(mean).any() or not np.nanmax(mean) > 0:
        return np.full(mean.shape, np.nan)
    bright = mean > _DIM * np.nanmax(mean)
    return np.log(np.where(bright, mean, np.nan))


def _bends(logs: FloatArray) -> FloatArray:
    """Return how far each slice is from its neighbors: ln m(k) - (ln m(k-1) + ln m(k+1)) / 2."""
    return np.asarray(logs[1:-1] - (logs[:-2] + logs[2:]) / 2)


def largest_jump(scan: Scan) -> float:
    """Return the largest difference of a slice's mean to those of its neighbors [%].

    100 max |ln m(k) - (ln m(k-1) + ln m(k+1)) / 2| in the brightest volume; NaN for fewer than
    three slices with signal side by side.
    """
    logs = _log_means(scan)
    bends = _bends(logs) if logs.size >= 3 else np.empty(0)
    bends = bends[np.isfinite(bends)]
    return 100 * float(np.abs(bends).max()) if bends.size else _NAN


def interleaving(scan: Scan) -> float:
    """Return the difference of even and odd slices [%], as cross talk or motion leave it.

    Means of the bends with alternating sign; half of the difference of both sets of slices makes
    each bend as large as the difference. NaN for fewer than five slices with signal.
    """
    logs = _log_means(scan)
    bends = _bends(logs) if logs.size >= 5 else np.empty(0)
    signed = bends * np.where(np.arange(bends.size) % 2, -1.0, 1.0)
    signed = signed[np.isfinite(signed)]
    return 100 * abs(float(signed.mean())) if signed.size >= 3 else _NAN


def dropouts(scan: Scan, ratio: float) -> Dropouts:
    """Look for slices that lost signal, as motion does in diffusion images.

    From four volumes and four slices on, the mean of a slice over the median of its volume's slices
    is compared with the median of the same over all volumes, and with its neighbors in the volume,
    since contrast that differs between volumes changes slowly through the slices: the smaller loss
    counts. With fewer volumes one to three slices side by side are compared with those that bound
    them; see `_gaps`.

    Parameters
    ----------
    scan
        Nothing is measured with fewer than three slices.
    ratio
        A slice below it is lost.
    """
    n, k = scan.mean.shape
    if k < 3 or (n >= _FEW_VOLUMES and k < 4):
        return Dropouts(measured=0, lost=(), deepest=_NAN)
    if n >= _FEW_VOLUMES:
        return _against_volumes(scan, np.where(scan.finite > 0, scan.mean, 0.0), ratio)
    return _gaps(scan, ratio)


def _against_volumes(scan: Scan, mean: FloatArray, ratio: float) -> Dropouts:
    _, k = mean.shape
    level = np.median(mean, axis=1, keepdims=True)
    relative = np.divide(mean, level, out=np.full_like(mean, np.nan), where=level > 0)
    usual = np.median(relative[level[:, 0] > 0], axis=0) if (level > 0).any() else np.zeros(k)
    judged = (level > 0) & (usual > _DIM * usual.max()) & (scan.finite > 0)
    kept = np.divide(relative, usual, out=np.full_like(mean, np.nan), where=judged)
    padded = np.pad(kept, ((0, 0), (1, 1)), mode="reflect")
    sides = np.stack([padded[:, :-2], padded[:, 2:]])
    counted = np.isfinite(sides)
    near = np.where(counted, sides, 0.0).sum(axis=0) / np.maximum(counted.sum(axis=0), 1)
    local = np.divide(kept, near, out=np.full_like(mean, np.nan), where=near > 0)
    loss = np.fmax(kept, local)
    lost = judged & (loss < ratio)
    return Dropouts(
        measured=int(judged.sum()),
        lost=tuple((int(a), int(b)) for a, b in np.argwhere(lost)),
        deepest=float(np.min(loss[judged])) if judged.any() else _NAN,
    )


def _gaps(scan: Scan, ratio: float) -> Dropouts:
    """Find short dark stretches between bright slices, volume by volume.

    Anatomy darkens step by step and at the ends; a slice far darker than the slices on both sides
    was lost; of several side by side each step counts (`ratio` to the power of their number). Its
    brightest voxel must be darker as well: an insert that fills a slice, or an object that is
    missing there, leaves some of it as bright as ever. The darker one of the two sides counts; both
    are above a fifth of the brightest slice. Where more than two slices of five are dark (every
    second one, for instance), nothing is told. A slice that is not there is nobody's neighbor.
    """
    lost: list[tuple[int, int]] = []
    deepest = _NAN
    measured = 0
    for volume, finite in enumerate(scan.finite):
        there = np.flatnonzero(finite > 0)
        levels, tops = scan.mean[volume, there], scan.most[volume, there]
        if there.size < _FEWEST or not levels.max() > 0:
            continue
        measured += there.size - 2
        dark, least = _dark(levels, tops, ratio)
        deepest = float(np.fmin(deepest, least))
        if len(dark) <= _MOST * there.size:
            lost += [(volume, int(there[one])) for one in sorted(dark)]
    return Dropouts(measured=measured, lost=tuple(lost), deepest=deepest)


def _dark(levels: FloatArray, tops: FloatArray, ratio: float) -> tuple[set[int], float]:
    """Return the slices of one volume that lost signal, and the least share of any stretch."""
    k = levels.size
    bright = levels > _DIM * levels.max()
    dark: set[int] = set()
    least = _NAN
    for length in range(1, min(_LONGEST, k - 2) + 1):
        for first in range(1, k - length):
            last = first + length
            if not (bright[first - 1] and bright[last]):
                continue
            share = max(
                one[first:last].max() / min(one[first - 1], one[last]) for one in (levels, tops)
            )
            least = float(np.fmin(least, share))
            if share < ratio**length:
                dark.update(range(first, last))
    return dark, least
