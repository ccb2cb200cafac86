"""Match slices to the definition by turning them around the axis: which slice, which way round."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import CylinderPhantom
from qiqa.geometry.raster import expected_signal

__all__ = ["Match", "match_slices", "polar_slices", "variant_scores"]

N_ANGLES = 360
RADII_MM = np.arange(8.0, 92.1, 2.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """One explanation of a stack."""

    score: float
    """Mean correlation of the matched slices with the definition."""
    coverage: float
    """Share of the slices of the stack that are matched."""
    variant: str | None
    mirrored: bool
    reversed_order: bool
    numbers: tuple[int | None, ...]
    angle_deg: float

    def describe(self) -> str:
        """Return the explanation in words."""
        order = "reversed order" if self.reversed_order else "rising order"
        hand = "mirrored" if self.mirrored else "not mirrored"
        first = next((n for n in self.numbers if n is not None), None)
        name = self.variant or "only"
        return f"{name} variant, {hand}, {order} from slice {first}, turned {self.angle_deg:.0f}°"


def polar_slices(
    stack: NDArray[np.float32], pixel_mm: tuple[float, float], centers_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Resample slices to (k, radius, angle) around their centers; outside the image is 0."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    angle = np.deg2rad(np.arange(N_ANGLES) * 360 / N_ANGLES)
    result = np.empty((stack.shape[2], RADII_MM.size, N_ANGLES))
    for k in range(stack.shape[2]):
        u = centers_mm[k, 0] + RADII_MM[:, None] * np.cos(angle)
        v = centers_mm[k, 1] + RADII_MM[:, None] * np.sin(angle)
        sigma = (0.7 / pixel_mm[0], 0.7 / pixel_mm[1])
        image = gaussian_filter(stack[:, :, k].astype(np.float64), sigma)
        coordinates = [u / pixel_mm[0], v / pixel_mm[1]]
        result[k] = map_coordinates(image, coordinates, order=1, mode="constant")
    return _flattened(result)


def _flattened(polar: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide by the shading that all slices share: the smoothed brightest value at each place."""
    from scipy.ndimage import gaussian_filter

    bath = gaussian_filter(polar.max(axis=0), (3, 12), mode=("nearest", "wrap"))
    return np.asarray(polar / np.maximum(bath, 0.05 * bath.max() + 1e-30))


def _mirror(polar: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exchange left and right: what stood at angle a stands at 180 degrees - a."""
    return np.roll(polar[..., ::-1], 1 + N_ANGLES // 2, axis=-1)


def _normalized(polar: NDArray[np.float64]) -> NDArray[np.float64]:
    """Center and scale each slice; radii weigh by the area they stand for."""
    weight = (RADII_MM / RADII_MM.sum())[:, None] / N_ANGLES
    mean = (polar * weight).sum(axis=(1, 2), keepdims=True)
    centered = (polar - mean) * np.sqrt(weight)
    norm = np.sqrt((centered**2).sum(axis=(1, 2), keepdims=True))
    # a slice without structure has nothing to match: it must not become amplified noise
    return np.asarray(np.where(norm > 1e-6 * (mean + 1e-30), centered / (norm + 1e-30), 0.0))


def _templates(
    phantom: CylinderPhantom, variant: str | None, numbers: tuple[int, ...]
) -> NDArray[np.float64]:
    angle = np.deg2rad(np.arange(N_ANGLES) * 360 / N_ANGLES)
    x, y = RADII_MM[:, None] * np.cos(angle), RADII_MM[:, None] * np.sin(angle)
    half = phantom.stack.thickness_mm / 2
    planes = []
    for number in numbers:
        z = phantom.stack.z_mm(number)
        planes.append(expected_signal(phantom, variant, x, y, (z - half / 2, z, z + half / 2)))
    return np.stack(planes)


def match_slices(
    polar: NDArray[np.float64],
    positions_mm: NDArray[np.float64],
    phantom: CylinderPhantom,
    *,
    trust_user: bool = False,
) -> list[Match]:
    """Return explanations of the slices, best first: variant, order, hand, offset, angle.

    Parameters
    ----------
    polar : (k, radius, angle)
        From `polar_slices`.
    positions_mm : (k,)
        Positions along the slice normal, rising.
    phantom
        What to match.
    trust_user
        Keep explanations that single slices contradict: the user has set a part of the answer.
    """
    images = np.fft.rfft(_normalized(polar), axis=2)
    matches = []
    for variant in phantom.variants or (None,):
        plain = _templates(phantom, variant, tuple(range(1, phantom.stack.n_slices + 1)))
        for mirrored in (False, True):
            polar_template = _mirror(plain) if mirrored else plain
            templates = np.fft.rfft(_normalized(polar_template), axis=2)
            cross = np.einsum("krf,mrf->kmf", images, templates.conj())
            correlation = np.fft.irfft(cross, n=N_ANGLES, axis=2)
            for reverse in (False, True):
                found = _offsets(
                    correlation, positions_mm, phantom, variant, mirrored, reverse, trust_user
                )
                matches += found
    return sorted(matches, key=lambda m: -m.score * m.coverage)


def variant_scores(
    polar: NDArray[np.float64], match: Match, phantom: CylinderPhantom
) -> dict[str | None, float]:
    """Return how well each variant explains the slices in which variants differ most, slice 5.

    Other slices weigh in too little there to tell, and too much where shading is strong.
    """
    scores: dict[str | None, float] = {}
    numbers = [n for n in match.numbers if n is not None]
    telling = [TELLING_SLICE] if TELLING_SLICE in numbers else numbers
    for variant in phantom.variants or (None,):
        templates = _normalized(_templates(phantom, variant, tuple(telling)))
        values = []
        for number, template in zip(telling, templates, strict=True):
            k = match.numbers.index(number)
            turned = np.roll(_normalized(polar[k : k + 1])[0], -round(match.angle_deg), axis=1)
            if match.mirrored:
                turned = _mirror(turned)
            values.append(float((turned * template).sum()))
        scores[variant] = float(np.mean(values))
    return scores


TELLING_SLICE = 5
"""Slice with the grid or the perforated plate."""


def _offsets(
    correlation: NDArray[np.float64],
    positions_mm: NDArray[np.float64],
    phantom: CylinderPhantom,
    variant: str | None,
    mirrored: bool,
    reverse: bool,
    trust_user: bool,
) -> list[Match]:
    """Try each slice, and places up to three slices outside the stack, as slice 1."""
    stack = phantom.stack
    along = -positions_mm[::-1] if reverse else positions_mm
    spacing = float(np.median(np.diff(along))) if along.size > 1 else stack.spacing_mm
    n = along.size
    places = min(int((along[-1] - along[0]) / stack.spacing_mm + 1.5), stack.n_slices)
    found = []
    for first in range(-8, n):
        start = along[first] if first >= 0 else along[0] + first * spacing
        z = along - start + stack.first_z_mm
        numbers = np.round((z - stack.first_z_mm) / stack.spacing_mm).astype(int) + 1
        off = np.abs(z - stack.first_z_mm - (numbers - 1) * stack.spacing_mm)
        valid = (numbers >= 1) & (numbers <= stack.n_slices) & (off < 0.3 * stack.spacing_mm)
        valid &= _nearest(numbers, off)
        if valid.sum() < max(min(2, n), 0 if trust_user else SHARE_PLACED * places):
            continue
        order = np.arange(n)[::-1] if reverse else np.arange(n)
        curve = np.zeros(N_ANGLES)
        for position in np.flatnonzero(valid):
            curve += correlation[order[position], numbers[position] - 1]
        curve /= valid.sum()
        best = int(np.argmax(curve))
        if not trust_user and not _each_agrees(correlation, order, numbers, valid, best):
            continue
        labels: list[int | None] = [None] * n
        for position in np.flatnonzero(valid):
            labels[order[position]] = int(numbers[position])
        angle = best * 360 / N_ANGLES + _peak(curve, best) * 360 / N_ANGLES
        found.append(
            Match(
                float(curve[best]),
                float(valid.mean()),
                variant,
                mirrored,
                reverse,
                tuple(labels),
                (angle + 180) % 360 - 180,
            )
        )
    return found


def _nearest(numbers: NDArray[np.int_], off: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Keep one slice a number, the nearest: a finer stack has several in reach of each."""
    keep = np.zeros(numbers.size, dtype=bool)
    for number in np.unique(numbers):
        here = np.flatnonzero(numbers == number)
        keep[here[np.argmin(off[here])]] = True
    return keep


def _each_agrees(
    correlation: NDArray[np.float64],
    order: NDArray[np.int_],
    numbers: NDArray[np.int_],
    valid: NDArray[np.bool_],
    angle: int,
) -> bool:
    """Say whether most slices agree with their own place, not only all of them on average.

    Slices out of order still share wall, vial and turn; slices without inserts have nothing that
    could agree and are not asked.
    """
    own = [
        float(correlation[order[position], numbers[position] - 1, angle])
        for position in np.flatnonzero(valid)
        if numbers[position] not in PLAIN_SLICES
    ]
    return not own or float(np.mean(np.array(own) > LEAST_AGREEMENT)) >= SHARE_AGREEING


SHARE_PLACED = 0.7
"""Share of the phantom's slices, as far as the stack is long enough, that must be in it."""
PLAIN_SLICES = (6, 7)
LEAST_AGREEMENT = 0.35
SHARE_AGREEING = 0.75


def _peak(curve: NDArray[np.float64], best: int) -> float:
    """Return the offset of a parabola's top from its highest sample, in samples."""
    left, middle, right = curve[best - 1], curve[best], curve[(best + 1) % curve.size]
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(0.5 * (left - right) / bend)
