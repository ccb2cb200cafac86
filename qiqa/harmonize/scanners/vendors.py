"""Vendors: whether their scanners differ more from each other than among themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError
from qiqa.core.exam import normal_manufacturer
from qiqa.core.trial import ScannerBias, VarianceComponent, VendorEffect
from qiqa.harmonize.scanners.levels import component
from qiqa.metrology.contrasts import estimate, f_test
from qiqa.metrology.factors import KnownFactor
from qiqa.metrology.mixed import MixedFit, fit_mixed

__all__ = ["vendor_effect"]

FloatArray = NDArray[np.float64]

_FEWEST = 3
"""Scanners of a vendor below which what is the vendor's cannot be told from what is theirs."""
_CHANCE = 0.05


def vendor_effect(
    scanners: Sequence[ScannerBias], covariance: FloatArray
) -> tuple[VendorEffect, VarianceComponent | None]:
    """Test vendors with scanners as random, each with its own uncertainty and what they share.

    Parameters
    ----------
    scanners
        One epoch of each scanner.
    covariance
        (scanners, scanners) of their biases: errors that they share hide no vendor. What only one
        scanner has of its references is left out: it is scatter between scanners.

    Returns
    -------
    effect, spread
        Levels of vendors whether or not they differ; the SD between scanners of one vendor (of all
        scanners where vendors are not known), None where it cannot be told.
    """
    at = [
        k
        for k, s in enumerate(scanners)
        if math.isfinite(s.bias) and math.isfinite(s.standard_uncertainty)
    ]
    used = [scanners[k] for k in at]
    vendor = [normal_manufacturer(s.manufacturer) or "" for s in used]
    counts = {name: vendor.count(name) for name in sorted({*vendor})}
    enough = [name for name, count in counts.items() if name and count >= _FEWEST]
    names = sorted(counts)
    spelled = _spelled(used)
    x = np.column_stack([[float(v == n) for v in vendor] for n in names]) if used else None
    fit = None
    if x is not None and len(used) > len(names):
        fit = _fit(np.array([s.bias for s in used]), x, names, covariance[np.ix_(at, at)])
    if fit is None:
        return _untested("too few scanners"), None
    variance = float(fit.variance[-1])
    about = float(fit.variance_covariance[-1, -1])
    df = 2.0 * variance**2 / about if about > 0 and variance > 0 else 0.0
    spread = component("scanner", variance, df)
    levels = []
    for name in names:
        found = estimate(fit, {name: 1.0})
        levels.append((spelled[name], found.value, found.interval, counts[name]))
    if len(enough) < 2:
        few = _few({spelled[name]: count for name, count in counts.items()})
        stated = "no manufacturer is stated" if names == [""] else few
        return _untested(stated, tuple(levels)), spread
    test = f_test(fit, [{enough[0]: 1.0, other: -1.0} for other in enough[1:]])
    if test.reason:
        return _untested(test.reason, tuple(levels)), spread
    shown = bool(test.p_value < _CHANCE)
    said = "differ" if shown else "are not shown to differ"
    return (
        VendorEffect(
            shown=shown,
            p=test.p_value,
            f=test.statistic,
            degrees_of_freedom=(float(test.numerator), test.denominator),
            levels=tuple(levels),
            reason=f"vendors {said} more than their scanners do among themselves: "
            f"F({test.numerator}, {test.denominator:.0f}) = {test.statistic:.2f}, "
            f"p = {test.p_value:.2g}",
        ),
        spread,
    )


def _fit(y: FloatArray, x: FloatArray, names: list[str], covariance: FloatArray) -> MixedFit | None:
    """Return means of vendors, scanners as random beside what is known of their biases."""
    # a part that each scanner has of its own keeps the variance between scanners from having to
    # stand for it; the rest is shared
    own = max(float(np.linalg.eigvalsh(covariance)[0]), 0.0) * (1.0 - 1e-9)
    shared = covariance - own * np.eye(y.size)
    places = tuple(str(k) for k in range(y.size))
    known = [KnownFactor(name="bias", labels=np.array(places), levels=places, covariance=shared)]
    small = np.abs(shared).max() <= 1e-6 * np.abs(covariance).max()
    try:
        return fit_mixed(
            y, x, names, known=[] if small else known, known_variance=np.full(y.size, own)
        )
    except FitError:
        return None


def _spelled(scanners: Sequence[ScannerBias]) -> dict[str, str]:
    """Return vendor -> how it is shown: as stated, where it is stated in one way."""
    ways: dict[str, set[str]] = {"": {"not stated"}}
    for one in scanners:
        vendor = normal_manufacturer(one.manufacturer)
        if vendor:
            ways.setdefault(vendor, set()).add(one.manufacturer.strip())
    return {name: found.pop() if len(found) == 1 else name for name, found in ways.items()}


def _few(counts: dict[str, int]) -> str:
    said = ", ".join(f"{name} {count}" for name, count in counts.items())
    return f"needs {_FEWEST} scanners from each of two vendors; there are {said}"


def _untested(
    reason: str, levels: tuple[tuple[str, float, tuple[float, float], int], ...] = ()
) -> VendorEffect:
    nan = math.nan
    return VendorEffect(
        shown=None, p=nan, f=nan, degrees_of_freedom=(nan, nan), levels=levels, reason=reason
    )
