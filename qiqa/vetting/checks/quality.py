"""Image quality without a reference: features for comparing series, and plain failures."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from qiqa.core.finding import Severity
from qiqa.core.vetting import Check, Examined, Needs, Observation, Reason, Setting, Settings, Stack
from qiqa.vetting.quality import air, bias, levels, sample, slices, spikes, texture, thumbnail
from qiqa.vetting.quality.foreground import Foreground, foreground
from qiqa.vetting.quality.kind import may_be_magnitude
from qiqa.vetting.quality.map_unit import quantity_of
from qiqa.vetting.quality.repeats import repeats
from qiqa.vetting.quality.scan import Scan, scan
from qiqa.vetting.quality.wrap import Wrap, wrap

__all__ = ["CHECK", "look"]

CHECK = Check(
    name="quality",
    needs=Needs.PIXELS,
    title="image quality without a reference",
    reasons=(
        Reason(
            code="empty_image",
            severity=Severity.ERROR,
            title="nothing in the image",
            meaning="no finite value, one value only, or no object: a model would learn from noise",
        ),
        Reason(
            code="constant_slices",
            severity=Severity.ERROR,
            title="slices of one value",
            meaning="slices without content between slices with content: lost in transfer",
        ),
        Reason(
            code="dropout_slices",
            severity=Severity.WARNING,
            title="slices that lost signal",
            meaning="slices much darker than in the other volumes, or than both neighbors: motion "
            "in diffusion, a pulse that failed",
            unit="%",
        ),
        Reason(
            code="spikes",
            severity=Severity.WARNING,
            title="stripes over a whole slice",
            meaning="one bad sample of k-space; amplitude of the stripes over the object's signal",
            unit="%",
        ),
        Reason(
            code="ghosting",
            severity=Severity.WARNING,
            title="ghosts of the object",
            meaning="signal smeared or copied along the phase axis over the object's signal",
            unit="%",
        ),
        Reason(
            code="motion",
            severity=Severity.WARNING,
            title="lines of k-space that do not fit together",
            meaning="edges come again along the phase axis at many distances, so many times more "
            "unevenly than along the other axis: motion or flow while it was scanned",
            unit="times",
        ),
        Reason(
            code="wrap",
            severity=Severity.WARNING,
            title="object folded in from the other side",
            meaning="part of opposite borders that lies in the object and continues on the other",
            unit="%",
        ),
        Reason(
            code="low_snr",
            severity=Severity.WARNING,
            title="noise hides the object",
            meaning="standard deviation of noise over the median signal of the object",
            unit="%",
        ),
        Reason(
            code="overflow",
            severity=Severity.ERROR,
            title="values gone over the end of their type",
            meaning="share of the object beside steps as large as the stored range: bright tissue "
            "became dark",
            unit="%",
        ),
    ),
    settings=(
        Setting(
            name="dropout_ratio",
            default=0.6,
            meaning="signal over the expected one, below which a slice has lost it",
        ),
        Setting(
            name="spike_ratio",
            default=15.0,
            meaning="magnitude over the surroundings in k-space, above which a point is a spike",
        ),
        Setting(
            name="spike_percent",
            default=1.0,
            meaning="amplitude of stripes over the object's signal, above which they are told [%]",
        ),
        Setting(
            name="ghost_percent",
            default=5.0,
            meaning="ghosting above which it is told [%]",
        ),
        Setting(
            name="motion_ratio",
            default=2.5,
            meaning="unevenness along the phase axis over that along the other, above which motion "
            "is told",
        ),
        Setting(
            name="wrap_percent",
            default=10.0,
            meaning="part of the border above which wrap is told [%]",
        ),
        Setting(
            name="wrap_continuity",
            default=0.8,
            meaning="correlation of opposite borders over that of neighboring lines, above which "
            "one border continues the other",
        ),
        Setting(
            name="noise_percent",
            default=20.0,
            meaning="noise over signal above which it is told [%]",
        ),
        Setting(
            name="overflow_percent",
            default=0.02,
            meaning="share of the object above which overflow is told [%]",
        ),
    ),
)

_UNSIGNED = ("snr_foreground", "wrap_row_percent", "wrap_column_percent")
"""Features that magnitude images of MR and maps have."""
_MAGNITUDES = (
    "snr_background",
    "fber",
    "ghosting_percent",
    "motion_ratio",
    "spike_ratio",
    "spike_percent",
)
"""Features that only a magnitude image of MR has."""
_WRAP_STEP = 1.5
"""Step across opposite borders over that between neighbors, below which one continues the other."""
_LEAST_LIKENESS = 0.5
"""Correlation of opposite borders, below which nothing is said however alike neighbors are."""
_LEAST_OVERFLOW_RANGE = 32000.0
"""Steps of the stored range: what has fewer (8 and 12 bits) reaches both ends by itself."""


def look(stack: Stack, settings: Settings) -> Examined:
    """Measure one series; docs/vetting/quality.md defines every feature."""
    seen = scan(stack)
    if not seen.chosen.size or min(seen.volume.shape[1:]) < 1:
        return Examined(observations=(_empty("no voxel has a finite value"),))
    found = foreground(seen)
    values = levels.levels(seen)
    features = _features(stack, seen, found, values)
    features |= dict.fromkeys((*_UNSIGNED, *_MAGNITUDES), math.nan)
    place, unsigned = "", _is_unsigned(stack, values)
    if unsigned:
        features |= _of_unsigned(seen, found, features, settings)
    if unsigned and quantity_of(stack.facts) is None:  # noise in air, ghosts: a map has others
        spike = spikes.strongest_spike(seen)
        place = "" if spike is None else _places(((spike.volume, spike.slice),))
        features |= _of_magnitudes(stack, seen, found, settings)
        features |= _of_spike(spike, features["foreground_median"])
    lost = slices.dropouts(seen, _number(settings, "dropout_ratio"))
    features["dropout_percent"] = lost.percent
    features["dropout_least"] = lost.deepest
    observations = [
        *_emptiness(seen, found),
        *_slices(seen, lost),
        *_artifacts(features, place, settings),
        *_overflow(stack, seen, found, features, settings),
    ]
    return Examined(
        observations=tuple(observations),
        features=features,
        thumbnail=thumbnail.thumbnail(seen, stack.voxel_mm),
    )


def _number(settings: Settings, name: str) -> float:
    value = settings[name]
    return float(value) if isinstance(value, int | float) else math.nan


def _is_unsigned(stack: Stack, values: levels.Levels) -> bool:
    """Say whether zero means no signal: no CT, no phase."""
    negative = bool(values.all.size) and values.all[values.all.size // 100] < 0
    return may_be_magnitude(stack.facts) and not negative


def _of_unsigned(
    seen: Scan, found: Foreground, features: dict[str, float], settings: Settings
) -> dict[str, float]:
    """Return the metrics of `_UNSIGNED`; a map made from folded or noisy images is so itself."""
    signal, noise = features["foreground_median"], features["noise_sd"]
    return {
        "snr_foreground": (signal if signal > 0 else math.nan) / noise,
        "wrap_row_percent": _folded(wrap(seen, found, 0), settings),
        "wrap_column_percent": _folded(wrap(seen, found, 1), settings),
    }


def _of_magnitudes(
    stack: Stack, seen: Scan, found: Foreground, settings: Settings
) -> dict[str, float]:
    """Return the metrics of `_MAGNITUDES`, save those of the spike."""
    return {
        "snr_background": air.snr_background(found),
        "fber": air.energy_ratio(found),
        **_along_phase(stack, seen, found, settings),
    }


def _along_phase(
    stack: Stack, seen: Scan, found: Foreground, settings: Settings
) -> dict[str, float]:
    """Return what is smeared, and copied, along the phase axis; along both where it is unknown."""
    rows, columns = repeats(seen)
    axis = stack.facts.text("InPlanePhaseEncodingDirection").strip().upper()
    known = {"ROW": (rows, columns), "COL": (columns, rows)}.get(axis)
    copied = float(np.fmax(rows.ghost, columns.ghost)) if known is None else known[0].ghost
    ratio = math.nan
    # Axes differ by nature where one of them was interpolated: which is which must be known. A
    # ghost comes again at other distances too, in parts.
    alone = not copied > _number(settings, "ghost_percent")
    if known is not None and alone and known[1].scatter > 0:
        ratio = known[0].scatter / known[1].scatter
    smeared = air.ghosts(found).percent(axis)
    return {"ghosting_percent": float(np.fmax(smeared, copied)), "motion_ratio": ratio}


def _of_spike(spike: spikes.Spike | None, signal: float) -> dict[str, float]:
    if spike is None:
        return {}
    percent = 100 * spike.stripes / signal if signal > 0 else math.nan
    return {"spike_ratio": spike.ratio, "spike_percent": percent}


def _features(
    stack: Stack, seen: Scan, found: Foreground, values: levels.Levels
) -> dict[str, float]:
    where, size = sample.sites(seen, found), stack.voxel_mm
    noise, signal = texture.noise_sd(where), values.inner(50)
    cnr, cjv = levels.contrast(values.inside, noise)
    scale = signal if signal > 0 else math.nan
    across, down = bias.tilt(found)
    return {
        "foreground_share": found.share,
        "foreground_median": signal,
        "foreground_p05_relative": values.inner(5) / scale,
        "foreground_p95_relative": values.inner(95) / scale,
        "mean_rank": values.mean_rank,
        "levels": float(values.different),
        "noise_sd": noise,
        "cnr": cnr,
        "cjv": cjv,
        "efc": levels.entropy_focus(values.all),
        "fwhm_row_mm": texture.fwhm(where, 0, size[0]),
        "fwhm_column_mm": texture.fwhm(where, 1, size[1]),
        "fwhm_slice_mm": texture.fwhm(where, 2, size[2]),
        "gradient_entropy": texture.gradient_entropy(where),
        "edge_strength_per_mm": texture.edge_strength(where, signal, size),
        "bias_field_percent": bias.bias_field(found),
        "tilt_row_percent": across,
        "tilt_column_percent": down,
        "slice_jump_percent": slices.largest_jump(seen),
        "interleave_percent": slices.interleaving(seen),
    }


def _folded(one: Wrap, settings: Settings) -> float:
    """Return the contact where the borders are alike, else 0; NaN where it cannot be told."""
    if math.isnan(one.contact):
        return math.nan
    least = max(_LEAST_LIKENESS, _number(settings, "wrap_continuity") * one.beside)
    goes_on = one.likeness > least and one.step < _WRAP_STEP
    return one.contact if goes_on else 0.0


def _empty(why: str) -> Observation:
    return Observation(code="empty_image", evidence=why)


def _emptiness(seen: Scan, found: Foreground) -> Iterator[Observation]:
    k = seen.chosen
    least, most = seen.least[seen.brightest, k].min(), seen.most[seen.brightest, k].max()
    if least == most:
        yield _empty(f"every voxel is {least:.6g}")
    elif not found.inside.any():
        yield _empty("no object stands out of the background")


def _slices(seen: Scan, lost: slices.Dropouts) -> Iterator[Observation]:
    flat = slices.constant_slices(seen)
    if flat:
        yield Observation(
            code="constant_slices",
            value=float(len(flat)),
            evidence=f"{len(flat)} of {seen.mean.size} slices hold one value, with content on both "
            "sides",
            where=_places(flat),
        )
    if lost.lost:
        yield Observation(
            code="dropout_slices",
            value=lost.percent,
            evidence=f"{len(lost.lost)} of {lost.measured} slices; the darkest has "
            f"{100 * lost.deepest:.0f} % of the signal expected",
            where=_places(lost.lost),
        )


def _places(pairs: tuple[tuple[int, int], ...]) -> str:
    """Return the first five slices in words; both numbers count from 1."""
    text = ", ".join(f"volume {n + 1} slice {k + 1}" for n, k in pairs[:5])
    return text if len(pairs) <= 5 else f"{text}, ..."


def _artifacts(features: dict[str, float], place: str, settings: Settings) -> Iterator[Observation]:
    peak, stripes = features["spike_ratio"], features["spike_percent"]
    if peak > _number(settings, "spike_ratio") and stripes > _number(settings, "spike_percent"):
        yield Observation(
            code="spikes",
            value=stripes,
            evidence=f"a point of k-space {peak:.0f} times its surroundings; stripes of "
            f"{stripes:.1f} % of the signal",
            where=place,
        )
    ghost = features["ghosting_percent"]
    if ghost > _number(settings, "ghost_percent"):
        yield Observation(
            code="ghosting", value=ghost, evidence=f"{ghost:.1f} % of the signal in line with it"
        )
    ratio = features["motion_ratio"]
    if ratio > _number(settings, "motion_ratio"):
        yield Observation(
            code="motion",
            value=ratio,
            evidence=f"edges come again {ratio:.1f} times as unevenly along the phase axis as "
            "along the other",
        )
    for name, words in (("row", "left and right"), ("column", "upper and lower")):
        fold = features[f"wrap_{name}_percent"]
        if fold > _number(settings, "wrap_percent"):
            yield Observation(
                code="wrap",
                value=fold,
                evidence=f"{fold:.0f} % of the {words} border in the object, continuous across",
            )
    snr = features["snr_foreground"]
    if snr > 0 and 100 / snr > _number(settings, "noise_percent"):
        yield Observation(
            code="low_snr",
            value=100 / snr,
            evidence=f"signal {features['foreground_median']:.4g}, noise {features['noise_sd']:.4g}"
            f", ratio {snr:.1f}",
        )


def _overflow(
    stack: Stack, seen: Scan, found: Foreground, features: dict[str, float], settings: Settings
) -> Iterator[Observation]:
    low, high = stack.stored_range
    steps = (high - low) / stack.quantization if stack.quantization > 0 else math.nan
    object_voxels = found.share * float(seen.finite.sum())
    if not steps > _LEAST_OVERFLOW_RANGE or not object_voxels > 0:
        features["overflow_percent"] = math.nan
        return
    percent = 100 * float(seen.jumps.sum()) / object_voxels
    features["overflow_percent"] = percent
    if percent > _number(settings, "overflow_percent"):
        yield Observation(
            code="overflow",
            value=percent,
            evidence=f"{int(seen.jumps.sum())} steps between neighbors of nearly the stored range",
        )
