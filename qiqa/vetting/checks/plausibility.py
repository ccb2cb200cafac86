"""Values that cannot be: not finite, clipped, of the wrong unit, without their slope."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vetting import (
    Check,
    Examined,
    Needs,
    Observation,
    Reason,
    SeriesFacts,
    Setting,
    Settings,
    Stack,
)
from qiqa.kernels.slice_scan import count_values
from qiqa.vetting.quality.foreground import Foreground, foreground
from qiqa.vetting.quality.hounsfield import air_level
from qiqa.vetting.quality.kind import is_signed
from qiqa.vetting.quality.levels import Levels, levels
from qiqa.vetting.quality.map_unit import (
    Quantity,
    fitting_factors,
    quantity_of,
    stated_factor,
)
from qiqa.vetting.quality.scan import Scan, scan

__all__ = ["CHECK", "look"]

CHECK = Check(
    name="plausibility",
    needs=Needs.PIXELS,
    title="values that cannot be",
    reasons=(
        Reason(
            code="not_finite",
            severity=Severity.ERROR,
            title="values that are no numbers",
            meaning="NaN or infinite voxels in slices that have others: one of them can make a "
            "model's loss NaN",
            unit="%",
        ),
        Reason(
            code="clipped",
            severity=Severity.WARNING,
            title="bright tissue cut off",
            meaning="share of the object at the largest value, where values pile up",
            unit="%",
        ),
        Reason(
            code="negative_values",
            severity=Severity.WARNING,
            title="negative magnitudes",
            meaning="share of voxels below zero in an image that cannot have any: wrong sign or "
            "offset, or filtered",
            unit="%",
        ),
        Reason(
            code="few_levels",
            severity=Severity.WARNING,
            title="coarse gray scale",
            meaning="one step over the range of the object: detail was rounded away",
            unit="%",
        ),
        Reason(
            code="map_unit_unknown",
            severity=Severity.WARNING,
            title="unit of a map not stated",
            meaning="header and maker say no unit; values of different units would be mixed",
        ),
        Reason(
            code="map_unit_implausible",
            severity=Severity.ERROR,
            title="map in an impossible unit",
            meaning="with the unit stated the median over the object is not physical; value is "
            "the power of ten that it is off",
        ),
        Reason(
            code="slope_lost",
            severity=Severity.ERROR,
            title="map of stored values",
            meaning="a map of whole numbers without rescaling that no unit makes physical",
        ),
        Reason(
            code="hu_implausible",
            severity=Severity.ERROR,
            title="air is not at -1000 HU",
            meaning="distance of the air in a CT from -1000 HU: intercept lost, or not HU",
            unit="HU",
        ),
    ),
    settings=(
        Setting(
            name="pile",
            default=5.0,
            meaning="voxels at the largest value over those a step of the upper percent holds, "
            "above which values are cut off",
        ),
        Setting(
            name="step_percent",
            default=1.0,
            meaning="one step over the range of the object, above which it is told [%]",
        ),
        Setting(name="air_hu", default=50.0, meaning="distance from -1000 above which it is told"),
    ),
)

_APART = 0.2
"""Of the way from the median to the largest value: an empty stretch below it is no clipping."""
_FEWEST = 500
"""Voxels of the object that levels are counted in."""


def look(stack: Stack, settings: Settings) -> Examined:
    """Judge the values of one series; docs/vetting/plausibility.md defines every feature."""
    seen = scan(stack)
    counts = _counts(stack, seen)
    features = {"map_factor": math.nan, "air_hu": math.nan}
    observations = [*_not_finite(seen, counts)]
    if seen.chosen.size:
        found = foreground(seen)
        values = levels(seen)
        quantity = quantity_of(stack.facts)
        observations += [
            *_clipped(stack, seen, found, values, counts, settings, features),
            *_negative(stack.facts, seen, counts, quantity, features),
            *_coarse(values, settings, features),
        ]
        if quantity is not None:
            observations += _map(stack, values, counts, quantity, features)
        if stack.facts.text("Modality").upper() == "CT":
            observations += _hounsfield(values, settings, features)
    return Examined(observations=tuple(observations), features=features)


def _number(settings: Settings, name: str) -> float:
    value = settings[name]
    return float(value) if isinstance(value, int | float) else math.nan


def _counts(stack: Stack, seen: Scan) -> NDArray[np.float64]:
    """Return counts (7, n, k) in the order of `COUNTS`."""
    n, k, height, width = seen.volumes.shape
    top = seen.most[np.isfinite(seen.most)]
    low, high = stack.stored_range
    found = count_values(
        seen.volumes.reshape(n * k, height, width),
        low if math.isfinite(low) else -math.inf,
        high if math.isfinite(high) else math.inf,
        float(top.max()) if top.size else math.nan,
    )
    return np.asarray(found.reshape(n, k, 7).transpose(2, 0, 1))


def _not_finite(seen: Scan, counts: NDArray[np.float64]) -> Iterator[Observation]:
    """Tell NaN in slices that are not missing as a whole; all of it where nothing is left."""
    there = seen.finite > 0
    nan = float(counts[0][there].sum()) if there.any() else float(counts[0].sum())
    infinite = float(counts[1].sum())
    voxels = math.prod(seen.volumes.shape[2:]) * int(there.sum() if there.any() else there.size)
    if nan + infinite > 0 and voxels:
        yield Observation(
            code="not_finite",
            value=100 * (nan + infinite) / voxels,
            evidence=f"{nan:.0f} NaN and {infinite:.0f} infinite voxels",
        )


def _clipped(
    stack: Stack,
    seen: Scan,
    found: Foreground,
    values: Levels,
    counts: NDArray[np.float64],
    settings: Settings,
    features: dict[str, float],
) -> Iterator[Observation]:
    """Compare voxels at the largest value with what one step near it holds.

    Where many voxels share the largest value although the steps below hold few each, the scale
    ends there, be it the end of the stored type or 4095 in a wider one. A limit cuts a distribution
    that goes on below it: where nothing lies near the largest value, something was drawn.
    """
    features["clipped_percent"] = features["at_top_percent"] = math.nan
    inside = found.share * float(seen.finite.sum())
    step = stack.quantization
    if not inside > 0 or values.inside.size < _FEWEST or not step > 0:
        return
    tops = float(counts[6].sum())
    percent = 100 * tops / inside
    features["at_top_percent"] = percent
    peak = float(np.nanmax(seen.most))
    # Voxels of the upper percent below the peak, spread over the steps that it spans.
    rest = values.inside[values.inside < peak]
    start = rest[int(0.99 * (rest.size - 1))] if rest.size else peak
    steps = max(1.0, round((peak - float(start)) / step))
    per_step = 0.01 * inside / steps
    apart = bool(rest.size) and peak - rest[-1] > _APART * (peak - values.inner(50))
    piled = tops > _number(settings, "pile") * max(per_step, 1.0) and not apart
    features["clipped_percent"] = percent if piled else 0.0
    if piled and values.different > 2:
        ends = " the end of the stored type" if peak >= stack.stored_range[1] else ""
        yield Observation(
            code="clipped",
            value=percent,
            evidence=f"{tops:.0f} voxels are {peak:.6g},{ends or ' the largest value'}; a step "
            f"below holds about {per_step:.1f}",
        )


def _negative(
    facts: SeriesFacts,
    seen: Scan,
    counts: NDArray[np.float64],
    quantity: Quantity | None,
    features: dict[str, float],
) -> Iterator[Observation]:
    voxels = float(seen.finite.sum())
    percent = 100 * float(counts[4].sum()) / voxels
    features["negative_percent"] = percent
    magnitude = facts.text("Modality").upper() == "MR" and not is_signed(facts)
    if percent > 0 and (magnitude or quantity is not None):
        yield Observation(
            code="negative_values",
            value=percent,
            evidence=f"{counts[4].sum():.0f} voxels; the smallest is {np.nanmin(seen.least):.4g}",
        )


def _coarse(
    values: Levels, settings: Settings, features: dict[str, float]
) -> Iterator[Observation]:
    """Tell where the middle 98 % of the object hold few different values."""
    features["step_percent"] = math.nan
    low, high = values.inner(1), values.inner(99)
    middle = values.inside[(values.inside >= low) & (values.inside <= high)]
    if middle.size < _FEWEST or not high > low:
        return
    different = 1 + int(np.count_nonzero(np.diff(middle)))
    features["step_percent"] = 100 / (different - 1)
    if features["step_percent"] > _number(settings, "step_percent"):
        yield Observation(
            code="few_levels",
            value=features["step_percent"],
            evidence=f"{different} different values between {low:.5g} and {high:.5g}",
        )


def _map(
    stack: Stack,
    values: Levels,
    counts: NDArray[np.float64],
    quantity: Quantity,
    features: dict[str, float],
) -> list[Observation]:
    """Hold the median over the object against the window of the quantity."""
    median = values.inner(50)
    if not median > 0 or values.different < 2:  # one value all over is no map, and said elsewhere
        return []
    factor, source = stated_factor(quantity, stack.facts)
    fits = fitting_factors(quantity, median)
    window = f"{quantity.low:g} to {quantity.high:g} {quantity.unit}"
    features["map_factor"] = factor if math.isfinite(factor) else (fits[0] if fits else math.nan)
    if fits and factor in fits:
        return []
    correction = f"multiply by {fits[0]:g}" if len(fits) == 1 else ""
    if not fits and _never_scaled(stack, counts):
        text = f"whole numbers, slope 1, median {median:.4g}: in no unit within {window}"
        return [Observation(code="slope_lost", evidence=f"{quantity.name} map: {text}")]
    if not source:
        how = (
            f"as {fits[0]:g} {quantity.unit} it would fit"
            if fits
            else f"no unit puts it in {window}"
        )
        text = f"{quantity.name} map, no unit stated, median {median:.4g}: {how}"
        code = "map_unit_unknown" if fits else "map_unit_implausible"
        off = 1.0 if fits else abs(math.log10(median / math.sqrt(quantity.low * quantity.high)))
        return [Observation(code=code, value=off, evidence=text, correction=correction)]
    middle = math.sqrt(quantity.low * quantity.high)
    return [
        Observation(
            code="map_unit_implausible",
            value=abs(math.log10(median * factor / middle)),
            evidence=f"{quantity.name} map, median {median:.4g}; by {source} that is "
            f"{median * factor:.3g} {quantity.unit}, possible are {window}",
            correction=correction,
        )
    ]


def _never_scaled(stack: Stack, counts: NDArray[np.float64]) -> bool:
    """Say whether the values are stored ones: whole, and no slope in any file."""
    slopes = {(one.slope, one.intercept) for one in stack.facts.instances}
    return not counts[5].any() and stack.quantization == 1.0 and slopes <= {(1.0, 0.0)}


def _hounsfield(
    values: Levels, settings: Settings, features: dict[str, float]
) -> Iterator[Observation]:
    level = air_level(values.all)
    features["air_hu"] = level
    away = abs(level + 1000)
    if not away > _number(settings, "air_hu"):
        return
    lost = abs(level - 24) <= 60  # air of stored values with the usual intercept of -1024
    yield Observation(
        code="hu_implausible",
        value=away,
        evidence=f"air is at {level:.0f} HU",
        correction="add -1024" if lost else "",
    )
