"""Vendors: whether their scanners differ more from each other than among themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qiqa.core.errors import FitError
from qiqa.core.exam import normal_manufacturer
from qiqa.core.trial import ScannerBias, VarianceComponent, VendorEffect
from qiqa.harmonize.scanners.levels import component
from qiqa.metrology.contrasts import estimate, f_test
from qiqa.metrology.mixed import fit_mixed

__all__ = ["vendor_effect"]

_FEWEST = 3
"""Scanners of a vendor below which what is the vendor's cannot be told from what is theirs."""
_CHANCE = 0.05


def vendor_effect(
    scanners: Sequence[ScannerBias],
) -> tuple[VendorEffect, VarianceComponent | None]:
    """Test vendors with scanners as random, each with its own uncertainty.

    Parameters
    ----------
    scanners
        One epoch of each scanner.

    Returns
    -------
    effect, spread
        Levels of vendors whether or not they differ; the SD between scanners of one vendor (of all
        scanners where vendors are not known), None where it cannot be told.
    """
    used = [s for s in scanners if math.isfinite(s.bias) and math.isfinite(s.standard_uncertainty)]
    vendor = [normal_manufacturer(s.manufacturer) or "" for s in used]
    counts = {name: vendor.count(name) for name in sorted({*vendor})}
    enough = [name for name, count in counts.items() if name and count >= _FEWEST]
    names = sorted(counts)
    spelled = _spelled(used)
    x = np.column_stack([[float(v == n) for v in vendor] for n in names]) if used else None
    fit = None
    if x is not None and len(used) > len(names):
        y = np.array([s.bias for s in used])
        own = np.array([_own_variance(s) for s in used])
        try:
            fit = fit_mixed(y, x, names, known_variance=own)
        except FitError:
            fit = None
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


def _own_variance(one: ScannerBias) -> float:
    """Return what is not known of a bias apart from the references, which others share."""
    shared = one.reference_u**2 if math.isfinite(one.reference_u) else 0.0
    return max(one.standard_uncertainty**2 - shared, 0.0)


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
