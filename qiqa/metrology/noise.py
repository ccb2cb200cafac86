"""Noise of magnitude images: Rician and central-chi statistics, and noise found in an image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "block_noise",
    "chi_coils",
    "chi_mean_factor",
    "chi_sd_factor",
    "mean_signal",
    "signal_from_power",
]


def signal_from_power(mean_square: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return the noise-free signal from the mean of squared magnitudes.

    For one coil E[M²] = A² + 2 sigma² exactly (Gudbjartsson and Patz 1995, doi
    10.1002/mrm.1910340618), whatever the ratio of signal to noise; the sign is kept so that
    averages of the result near zero stay unbiased.
    """
    power = mean_square - 2 * sigma**2
    return np.asarray(np.sign(power) * np.sqrt(np.abs(power)))


def mean_signal(mean: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return the noise-free signal from the mean of magnitudes well above the noise.

    For one coil E[M] = A + sigma² / (2 A) to within 1 % of sigma from A = 3 sigma on (Gudbjartsson
    and Patz 1995). What adds to some voxels and takes from others cancels, other than in a mean of
    squares. Below sqrt(2) sigma half of the mean is returned: that is noise.
    """
    return np.asarray((mean + np.sqrt(np.maximum(mean**2 - 2 * sigma**2, 0.0))) / 2)


def chi_mean_factor(n_coils: float) -> float:
    """Return mean over sigma of a magnitude background from n coils, summed by squares.

    Constantinides et al. 1997, doi 10.1002/mrm.1910380524; Rayleigh for one coil.

    >>> round(chi_mean_factor(1), 4)
    1.2533
    """
    return math.sqrt(2) * math.exp(math.lgamma(n_coils + 0.5) - math.lgamma(n_coils))


def chi_sd_factor(n_coils: float) -> float:
    """Return SD over sigma of that background; 0.655 for one coil.

    >>> round(chi_sd_factor(1), 4)
    0.6551
    """
    return math.sqrt(2 * n_coils - chi_mean_factor(n_coils) ** 2)


def chi_coils(mean_over_sd: float) -> float | None:
    """Return the number of coils (not whole: coils correlate) that explains mean / SD, or None.

    None below Rayleigh's 1.913 by more than 8 %: then the background is masked, subtracted or
    otherwise not what the theory assumes.
    """
    one = chi_mean_factor(1) / chi_sd_factor(1)
    if not math.isfinite(mean_over_sd) or mean_over_sd < 0.92 * one:
        return None
    low, high = 1.0, 256.0
    if mean_over_sd <= one:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if chi_mean_factor(middle) / chi_sd_factor(middle) < mean_over_sd:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def block_noise(
    image: NDArray[np.float64], region: NDArray[np.bool_], size: int = 9
) -> tuple[float, int]:
    """Return the noise SD inside a smooth object and the degrees of freedom it rests on.

    The region is cut into blocks of `size` pixels; in each a quadratic surface is removed, so that
    shading does not count; the SD is the median over blocks, so that structure in a few of them
    does not either. Noise that neighboring pixels share is seen as long as it varies within a
    block.

    Parameters
    ----------
    image : (rows, columns)
        Magnitude image.
    region : (rows, columns)
        Where the object is smooth.
    size
        Side of a block in pixels.

    Returns
    -------
    sd, degrees_of_freedom
        NaN and 0 where fewer than four blocks fit.
    """
    rows, columns = image.shape
    c = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(c, c, indexing="ij")
    design = np.column_stack([np.ones(size**2), *(a.ravel() for a in (x, y, x * x, x * y, y * y))])
    projector = np.eye(size**2) - design @ np.linalg.pinv(design)
    dof = size**2 - design.shape[1]
    variances = []
    for top in range(0, rows - size + 1, size):
        for left in range(0, columns - size + 1, size):
            if region[top : top + size, left : left + size].all():
                block = image[top : top + size, left : left + size].astype(np.float64).ravel()
                variances.append(float(block @ projector @ block) / dof)
    if len(variances) < 4:
        return math.nan, 0
    # the median of chi-square / dof lies below 1 by (1 - 2 / (9 dof))^3
    median = float(np.median(variances)) / (1 - 2 / (9 * dof)) ** 3
    # the median of n blocks is as good as 2 / pi of their mean
    return math.sqrt(median), int(len(variances) * dof * 2 / math.pi)
