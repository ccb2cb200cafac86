"""Metrics of the distribution of values, from an evenly spaced sample of the chosen slices."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.foreground import foreground, otsu, percentile
from qiqa.vetting.quality.once import once
from qiqa.vetting.quality.scan import Scan

__all__ = ["Levels", "contrast", "entropy_focus", "levels"]

FloatArray = NDArray[np.float64]

SAMPLE = 32768
"""Voxels of the sample, about."""
_NAN = float("nan")
_FEWEST = 100
_TO_SD = 1.4826
"""Median absolute deviation of a normal distribution to its standard deviation."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """Sorted finite values."""

    all: FloatArray
    """Of the whole slices."""
    inside: FloatArray
    """Of the object."""

    def inner(self, percent: float) -> float:
        """Return a percentile of the object; NaN without one."""
        return percentile(self.inside, percent)

    @property
    def mean_rank(self) -> float:
        """Share of the object below its mean, more than 0.5 with a tail of bright voxels."""
        if not self.inside.size:
            return _NAN
        return float(np.searchsorted(self.inside, self.inside.mean()) / self.inside.size)

    @property
    def different(self) -> int:
        """Number of different values in the object."""
        return int(1 + np.count_nonzero(np.diff(self.inside))) if self.inside.size else 0


@once
def levels(scan: Scan) -> Levels:
    """Take every s-th row and column of the chosen slices."""
    found = foreground(scan)
    m, height, width = len(scan.chosen), *scan.volume.shape[1:]
    step = max(1, math.ceil(math.sqrt(m * height * width / SAMPLE)))
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    values = scan.picked[:, ::step, ::step].astype(np.float64)
    block = np.ix_(np.arange(m), rows // found.side, columns // found.side)
    within = values[found.inside[block]]
    return Levels(
        all=np.sort(values[np.isfinite(values)], axis=None),
        inside=np.sort(within[np.isfinite(within)]),
    )


def entropy_focus(values: FloatArray) -> float:
    """Return the entropy focus criterion, 0 (all energy in one voxel) to 1 (all equal).

    -sum(x/B ln(x/B)), B = sqrt(sum x^2) (Atkinson et al., IEEE Trans Med Imaging 1997;16:903), over
    its value for an image of equal voxels, sqrt(n) ln(sqrt(n)), as in MRIQC (Esteban et al., PLoS
    One 2017;12:e0184661). There of all voxels, here of the sample. NaN for negative values.
    """
    if values.size < _FEWEST or values[0] < 0:
        return _NAN
    total = float(np.sqrt((values**2).sum()))
    if not total > 0:
        return _NAN
    x = values[values > 0] / total
    root = math.sqrt(values.size)
    return float(-(x * np.log(x)).sum() / (root * math.log(root)))


def contrast(inside: FloatArray, noise: float) -> tuple[float, float]:
    """Return contrast-to-noise ratio and coefficient of joint variation of two tissues.

    The object is split in two by Otsu's threshold. With medians m and robust standard deviations s
    of both parts, cnr = |m1 - m2| / noise and cjv = (s1 + s2) / |m1 - m2| (after MRIQC, which
    takes white and gray matter from a segmentation of the brain).

    Parameters
    ----------
    inside
        Sorted values of the object.
    noise
        Standard deviation of noise; cnr is NaN where it is.
    """
    limit = otsu(inside)
    if inside.size < _FEWEST or math.isnan(limit):
        return _NAN, _NAN
    cut = int(np.searchsorted(inside, limit))
    low, high = inside[:cut], inside[cut:]
    if min(low.size, high.size) < _FEWEST // 2:
        return _NAN, _NAN
    apart = percentile(high, 50) - percentile(low, 50)
    spread = _robust_sd(low) + _robust_sd(high)
    return apart / noise if noise > 0 else _NAN, spread / apart if apart > 0 else _NAN


def _robust_sd(values: FloatArray) -> float:
    return _TO_SD * float(np.median(np.abs(values - percentile(values, 50))))
