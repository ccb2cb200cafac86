"""Where the object is and where there is air, on blocks that average the noise away."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.slice_scan import block_sums
from qiqa.vetting.quality.once import once
from qiqa.vetting.quality.scan import Scan

__all__ = ["Foreground", "foreground", "grown", "otsu", "percentile"]

FloatArray = NDArray[np.float64]
MaskArray = NDArray[np.bool_]

BLOCKS = 64
"""Blocks along the longer side of a slice, at most."""
_DARK = 0.002
"""Of the 99th percentile: what is below counts as zero, as borders and masked air are."""
_CLEAR = 0.25
"""Mean of air over mean of the object, below which the two are told apart by level alone."""
_AIR_SPREAD = 0.3
"""Standard deviation over mean within a block: 0.52 for a Rayleigh distribution."""
_SMALL = 0.05
"""Of the largest piece: smaller pieces are no part of the object."""
_ZEROED = 0.05
"""Share of exact zeros from which on a block is no air."""
_LEFT = 0.2
"""Of the blocks outside the object: with fewer of air the background counts as masked."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foreground:
    """Blocks of the chosen slices, (m, rows, columns) each."""

    side: int
    """Voxels along the side of a block."""
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    """Standard deviation within the block."""
    inside: MaskArray
    """Object."""
    air: MaskArray
    """Outside the object, a block away from it, and not masked; empty where there is none."""
    zeroed: bool
    """The background holds exact zeros: noise cannot be read there."""

    @property
    def core(self) -> MaskArray:
        """Blocks of the object whose neighbors in the slice are object: no edge of it is inside."""
        return self.inside & ~grown(~self.inside)

    @property
    def share(self) -> float:
        """Foreground over all blocks with finite values; NaN without any."""
        known = int(np.isfinite(self.mean).sum())
        return float(self.inside.sum()) / known if known else float("nan")


def otsu(values: FloatArray) -> float:
    """Return the threshold between two classes with the largest variance between them (Otsu 1979).

    Parameters
    ----------
    values
        Finite, sorted. The threshold is the middle between two neighbors; NaN for fewer than two
        different values.
    """
    n = values.size
    if n < 2 or values[0] == values[-1]:
        return float("nan")
    centered = values - values.mean()
    below = np.cumsum(centered)[:-1]
    count = np.arange(1, n)
    between = below**2 / (count * (n - count))
    at = int(np.argmax(between))
    return float(values[at] / 2 + values[at + 1] / 2)


def percentile(values: FloatArray, percent: float) -> float:
    """Return a percentile of sorted values, linear between neighbors; NaN for none."""
    if not values.size:
        return float("nan")
    place = percent / 100 * (values.size - 1)
    low = int(place)
    high = min(low + 1, values.size - 1)
    return float(values[low] + (place - low) * (values[high] - values[low]))


@once
def foreground(scan: Scan) -> Foreground:
    """Find the object: Otsu's threshold on the logarithm of block means, small pieces dropped.

    Where the dark class is neither much darker than the other nor noisy as air is, all blocks that
    are not zero are object: a masked background, or an object that fills the image.
    """
    picked = scan.picked
    side = max(1, -(-max(picked.shape[1:], default=1) // BLOCKS))
    mean, spread, zeros = block_sums(picked, side)
    known = np.isfinite(mean)
    if not known.any():
        nothing = np.zeros(mean.shape, np.bool_)
        return Foreground(
            side=side, mean=mean, spread=spread, inside=nothing, air=nothing, zeroed=False
        )
    ordered = np.sort(mean[known]).astype(np.float64)
    # Signed images (phase, Hounsfield units) are lifted by their own floor.
    floor = min(0.0, percentile(ordered, 0.5))
    lifted = np.where(known, mean - floor, 0.0).astype(np.float64)
    dark = _DARK * (percentile(ordered, 99) - floor)
    some = known & (lifted > dark)
    inside = some & (lifted > _threshold(lifted, spread, some))
    inside = _without_crumbs(inside)
    around = grown(inside)
    outside = known & ~around
    air = outside & (zeros < _ZEROED) & some
    # A zero border is no masked background, nor is the little air that a mask leaves at its rim.
    zeroed = bool(outside.any()) and int(air.sum()) < _LEFT * int(outside.sum())
    air &= not zeroed
    return Foreground(side=side, mean=mean, spread=spread, inside=inside, air=air, zeroed=zeroed)


def _threshold(lifted: FloatArray, spread: NDArray[np.float32], some: MaskArray) -> float:
    values = lifted[some]
    if values.size < 2:
        return 0.0
    logs = np.log(values)
    limit = otsu(np.sort(logs))
    if np.isnan(limit):
        return 0.0
    low = logs <= limit
    clear = float(values[low].mean()) < _CLEAR * float(values[~low].mean())
    if not clear:
        relative = spread[some] / values
        in_dark, in_bright = float(np.median(relative[low])), float(np.median(relative[~low]))
        clear = in_dark > _AIR_SPREAD and in_bright < in_dark
    return float(np.exp(limit)) if clear else 0.0


def _without_crumbs(mask: MaskArray) -> MaskArray:
    from scipy.ndimage import label

    names, count = label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(names.ravel())
    sizes[0] = 0
    kept: MaskArray = (sizes >= _SMALL * sizes.max())[names]
    return kept


def grown(mask: MaskArray) -> MaskArray:
    """Return the mask with the blocks around it in the slice."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    tall = wide.copy()
    wide[:, :, 1:] |= tall[:, :, :-1]
    wide[:, :, :-1] |= tall[:, :, 1:]
    return wide
