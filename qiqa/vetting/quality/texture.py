"""Noise, sharpness and the entropy of gradients from voxels of the object and their neighbors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.sample import Sites

__all__ = ["edge_strength", "fwhm", "gradient_entropy", "noise_sd"]

FloatArray = NDArray[np.float64]

_NAN = float("nan")
_FEWEST = 100
"""Sites that a metric needs."""
_NORMAL_MEDIAN = 0.6744897501960817
"""Median of |x|, x standard normal."""
_TOP = 0.1
"""Share of the sites with the steepest gradients that count as edges."""


def noise_sd(sites: Sites) -> float:
    """Return the standard deviation of noise in the unit of the image, from second differences.

    [1 -2 1; -2 4 -2; 1 -2 1] leaves no constant, slope or edge along an axis and multiplies white
    noise by 6 (Immerkaer, Comput Vis Image Underst 1996;64:300). The median of its magnitude
    instead of the mean lets edges and texture count for little. NaN where it is zero: the noise
    is below one stored step, or was taken out.
    """
    if len(sites) < _FEWEST:
        return _NAN
    corners = sites.at(-1, -1) + sites.at(-1, 1) + sites.at(1, -1) + sites.at(1, 1)
    sides = sites.at(-1, 0) + sites.at(1, 0) + sites.at(0, -1) + sites.at(0, 1)
    second = np.abs(corners - 2 * sides + 4 * sites.at())
    second = second[np.isfinite(second)]
    if second.size < _FEWEST:
        return _NAN
    sd = float(np.median(second)) / (6 * _NORMAL_MEDIAN)
    return sd if sd > 0 else _NAN


def fwhm(sites: Sites, axis: int, voxel_mm: float) -> float:
    """Return the width of the correlation of neighbors along one axis [mm].

    The mean squares of differences at one and two voxels, d1 and d2, are those of a field whose
    correlation falls as a Gaussian, r at one voxel and r^4 at two: d2 / d1 = 1 + r + r^2 + r^3.
    FWHM = voxel sqrt(-2 ln 2 / ln r) (Forman et al., Magn Reson Med 1995;33:636, who take r from
    d1 and the variance; the variance holds shading and contrast, d2 does not). NaN where r is not
    between 0 and 1: neighbors that are not alike, or a signal that is a slope.

    Parameters
    ----------
    sites
        Where.
    axis
        0 along a row, 1 down a column, 2 through the slices.
    voxel_mm
        Size along it [mm].
    """
    if len(sites) < _FEWEST or (axis == 2 and sites.volume.shape[0] < 5):
        return _NAN
    step = [(0, 1, 0), (1, 0, 0), (0, 0, 1)][axis]
    here, near = sites.at(), sites.at(*step)
    far = sites.at(*(2 * s for s in step))
    if axis == 2:  # two slices ahead, or two behind at the end of the stack
        good = sites.slice + 2 < sites.volume.shape[0]
        here, near, far = here[good], near[good], far[good]
    one, two = (near - here) ** 2, (far - here) ** 2
    good = np.isfinite(one) & np.isfinite(two)
    if good.sum() < _FEWEST:
        return _NAN
    d1, d2 = float(one[good].mean()), float(two[good].mean())
    if not d1 > 0 or not d1 < d2 < 4 * d1:
        return _NAN
    r = _correlation(d2 / d1)
    return voxel_mm * math.sqrt(-2 * math.log(2) / math.log(r))


def _correlation(ratio: float) -> float:
    """Solve 1 + r + r^2 + r^3 = ratio, 1 < ratio < 4, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(52):
        middle = (low + high) / 2
        if ((middle + 1) * middle + 1) * middle + 1 < ratio:
            low = middle
        else:
            high = middle
    return high if high < 1 else 1 - 2**-52


def _gradient(sites: Sites, voxel_mm: tuple[float, float]) -> FloatArray:
    """Return magnitudes of the gradient in the slice by central differences, finite ones."""
    across = (sites.at(0, 1) - sites.at(0, -1)) / (2 * voxel_mm[0])
    down = (sites.at(1, 0) - sites.at(-1, 0)) / (2 * voxel_mm[1])
    size = np.hypot(across, down)
    return np.asarray(size[np.isfinite(size)])


def gradient_entropy(sites: Sites) -> float:
    """Return the entropy of gradients, 0 (one edge) to 1 (equal everywhere).

    -sum(p ln p) / ln(n), p = gradient / sum of gradients (McGee et al., J Magn Reson Imaging
    2000;11:174); motion and noise raise it. Divided by ln(n), which they do not, so that it does
    not depend on the number of voxels.
    """
    size = _gradient(sites, (1.0, 1.0))
    total = float(size.sum())
    if size.size < _FEWEST or not total > 0:
        return _NAN
    p = size[size > 0] / total
    return float(-(p * np.log(p)).sum() / math.log(size.size))


def edge_strength(sites: Sites, level: float, voxel_mm: tuple[float, float, float]) -> float:
    """Return the mean of the steepest tenth of gradients over the level of the object [1/mm].

    After the average edge strength of Zaca et al. (J Magn Reson Imaging 2018;48:927), who take the
    edges that Canny's detector finds; blur and motion lower it.
    """
    size = np.sort(_gradient(sites, voxel_mm[:2]))
    if size.size < _FEWEST or not level > 0:
        return _NAN
    return float(size[-max(1, int(_TOP * size.size)) :].mean() / level)
