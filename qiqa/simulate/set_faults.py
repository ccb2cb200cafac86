"""What can be wrong with a series of a training set, and how images show it.

Each fault has doses from 0 (hardly there) to 1 (gross). Those of pixels are done here, on the
magnitude image in the unit of the scanner's display; those of headers and files are done by who
writes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAULTS", "PlantableFault", "spoil"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class PlantableFault:
    """One fault, and which reasons may name it."""

    kind: str
    where: str
    """`pixels`, `header`, `file` or `copy`."""
    meaning: str
    codes: tuple[str, ...]
    """Reason codes, any of which is the right answer."""
    also: tuple[str, ...] = ()
    """Codes that are true of it as well, but do not name it: who says only these has not found it,
    and is not wrong."""


def _low_snr(image: FloatArray, dose: float, rng: np.random.Generator) -> FloatArray:
    """Noise of 5 to 60 % of the tissue."""
    sd = (0.05 + 0.55 * dose) * _tissue(image)
    real = image + rng.normal(0.0, sd, image.shape)
    return np.asarray(np.hypot(real, rng.normal(0.0, sd, image.shape)))


def _ghosting(image: FloatArray, dose: float, _: np.random.Generator) -> FloatArray:
    """N/2 ghost of 3 to 50 % along j, as in an echo planar image."""
    # A phase error +-phi of odd and even echoes: cos(phi) rho(y) + i sin(phi) rho(y - N/2)
    # (Buonocore and Gao, Magn Reson Med 1997;38:89).
    phi = np.arctan(0.03 + 0.47 * dose)
    ghost = np.roll(image, image.shape[1] // 2, axis=1)
    return np.asarray(np.hypot(np.cos(phi) * image, np.sin(phi) * ghost))


def _motion(image: FloatArray, dose: float, rng: np.random.Generator) -> FloatArray:
    """Phase errors of a quarter of the lines of k-space: shifts of up to 1 to 12 voxels."""
    k = np.fft.fftshift(np.fft.fft2(image, axes=(0, 1)), axes=(0, 1))
    n = image.shape[1]
    lines = np.flatnonzero(rng.random(n) < 0.25)
    freq: FloatArray = np.fft.fftshift(np.fft.fftfreq(n))
    shift = (1.0 + 11.0 * dose) * np.asarray(rng.uniform(-1.0, 1.0, n))
    phase = np.ones(n, dtype=complex)
    phase[lines] = np.exp(2j * np.pi * freq[lines] * shift[lines])
    moved = np.fft.ifft2(np.fft.ifftshift(k * phase[None, :, None], axes=(0, 1)), axes=(0, 1))
    return np.abs(moved)


def _wrap(image: FloatArray, dose: float, _: np.random.Generator) -> FloatArray:
    """Field of view too small along j: 5 to 35 % of it folds over."""
    n = image.shape[1]
    cut = round((0.05 + 0.30 * dose) * n)
    body = np.flatnonzero(image.max(axis=(0, 2)) > 0.25 * _tissue(image))
    shift = int(n - body.max()) + cut if body.size else cut
    return np.roll(image, shift, axis=1)


def _spikes(image: FloatArray, dose: float, rng: np.random.Generator) -> FloatArray:
    """One bad point of k-space in a third of the slices: stripes of 5 to 80 % of the tissue."""
    out = image.copy()
    i, j = np.meshgrid(*map(np.arange, image.shape[:2]), indexing="ij")
    for k in np.flatnonzero(rng.random(image.shape[2]) < 0.34) if image.shape[2] > 2 else [0]:
        u, v = rng.uniform(0.08, 0.45, 2) * rng.choice([-1, 1], 2)
        wave = np.cos(2 * np.pi * (u * i + v * j) + rng.uniform(0, 2 * np.pi))
        out[:, :, k] = np.abs(out[:, :, k] + (0.05 + 0.75 * dose) * _tissue(image) * wave)
    return out


def _bias_field(image: FloatArray, dose: float, rng: np.random.Generator) -> FloatArray:
    """Shading along a random direction: 40 to 95 % of the signal lost at the far side."""
    axes = [np.linspace(-1.0, 1.0, n) for n in image.shape[:2]]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * axes[0][:, None] + np.sin(angle) * axes[1][None, :]
    low = 1.0 - (0.40 + 0.55 * dose)
    share = low + (1.0 - low) * (along - along.min()) / np.ptp(along)
    return np.asarray(image * share[:, :, None])


def _dropout(image: FloatArray, dose: float, rng: np.random.Generator) -> FloatArray:
    """Signal of one slice (at a high dose of three) lost to 60 to 5 %."""
    out, n = image.copy(), image.shape[2]
    count = min(1 + int(2 * dose), max(n - 2, 1))
    inner = np.arange(1, n - 1) if n > 2 else np.arange(n)
    for k in rng.choice(inner, min(count, inner.size), replace=False):
        out[:, :, k] *= 0.60 - 0.55 * dose
    return out


def _empty(image: FloatArray, dose: float, _: np.random.Generator) -> FloatArray:
    """Nothing but a constant."""
    return np.full_like(image, round(100.0 * (1.0 - dose)))


def _clipped(image: FloatArray, dose: float, _: np.random.Generator) -> FloatArray:
    """Values beyond a limit lost: 1 to 30 % of the tissue."""
    inside = image[image > 0.25 * _tissue(image)]
    limit = float(np.quantile(inside, 1.0 - (0.01 + 0.29 * dose))) if inside.size else 1.0
    return np.minimum(image, limit)


def _burned_in(image: FloatArray, dose: float, rng: np.random.Generator) -> FloatArray:
    """Letters in a corner, one to four lines, 7 pixels high (14 from a matrix of 192 on)."""
    # at most a third of the image wide, as annotations are: what fills a small image is no text
    out = image.copy()
    top = 1.3 * float(image.max())
    scale = 1 if image.shape[0] < 192 else 2
    lines = 1 + int(3 * dose)
    letters = max(3, min(6 + int(6 * dose), image.shape[0] // 3 // (6 * scale)))
    right, below = rng.integers(2, size=2)
    left = image.shape[0] - 2 - letters * 6 * scale if right else 2
    first = image.shape[1] - 2 - lines * 9 * scale if below else 2
    for line in range(lines):
        for letter in range(letters):
            glyph = _GLYPHS[int(rng.integers(len(_GLYPHS)))]
            i0, j0 = left + letter * 6 * scale, first + line * 9 * scale
            for row, bits in enumerate(glyph):
                for column in range(5):
                    if bits >> (4 - column) & 1:
                        i, j = i0 + column * scale, j0 + row * scale
                        out[i : i + scale, j : j + scale, :] = top
    return out


_GLYPHS = (
    (0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001),  # A
    (0b11110, 0b10001, 0b11110, 0b10001, 0b10001, 0b10001, 0b11110),  # B
    (0b11111, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000, 0b11111),  # E
    (0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001, 0b10001),  # H
    (0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001),  # N
    (0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110),  # O
    (0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110),  # 1
    (0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111),  # 2
    (0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110),  # 3
    (0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110),  # 6
)


def _tissue(image: FloatArray) -> float:
    """Return a usual value of tissue: the upper quarter of what is not air."""
    top = float(np.quantile(image, 0.98))
    inside = image[image > 0.2 * top]
    return float(np.median(inside)) if inside.size else max(top, 1.0)


_PIXELS: dict[str, Callable[[FloatArray, float, np.random.Generator], FloatArray]] = {
    "low_snr": _low_snr,
    "ghosting": _ghosting,
    "motion": _motion,
    "wrap": _wrap,
    "spikes": _spikes,
    "bias_field": _bias_field,
    "dropout": _dropout,
    "empty": _empty,
    "clipped": _clipped,
    "burned_in": _burned_in,
}


def spoil(
    image: FloatArray, faults: tuple[tuple[str, float], ...], rng: np.random.Generator
) -> FloatArray:
    """Return an image with faults of pixels; others leave it as it is.

    Parameters
    ----------
    image
        (i, j, k), zero or more.
    faults
        Kind and dose, done in the order of their names.
    rng
        For where they are.
    """
    for kind, dose in sorted(faults):
        if kind in _PIXELS:
            image = _PIXELS[kind](image, dose, rng)
    return image


_QUALITY = ("outlier_in_scanner", "outlier_in_cohort")
_COPY = (
    "duplicate_exact",
    "duplicate_near",
    "duplicate_across_patients",
    "duplicate_across_sites",
    "duplicate_across_splits",
    "duplicate_label_conflict",
)


def _said(function: Callable[..., FloatArray]) -> str:
    return (function.__doc__ or "").strip()


FAULTS: tuple[PlantableFault, ...] = (
    PlantableFault("low_snr", "pixels", _said(_low_snr), ("low_snr", *_QUALITY)),
    # an N/2 ghost runs over the border and comes in on the other side
    PlantableFault("ghosting", "pixels", _said(_ghosting), ("ghosting", *_QUALITY), ("wrap",)),
    PlantableFault("motion", "pixels", _said(_motion), ("motion", "ghosting", *_QUALITY)),
    PlantableFault("wrap", "pixels", _said(_wrap), ("wrap", *_QUALITY)),
    PlantableFault("spikes", "pixels", _said(_spikes), ("spikes", *_QUALITY)),
    PlantableFault("bias_field", "pixels", _said(_bias_field), _QUALITY),
    PlantableFault("dropout", "pixels", _said(_dropout), ("dropout_slices", *_QUALITY)),
    # a constant is unlike all others; what another fault draws on it has few levels
    PlantableFault(
        "empty",
        "pixels",
        _said(_empty),
        ("empty_image", "constant_slices"),
        ("few_levels", *_QUALITY),
    ),
    PlantableFault("clipped", "pixels", _said(_clipped), ("clipped", *_QUALITY)),
    # letters are brighter than anything that others of the scanner have
    PlantableFault("burned_in", "pixels", _said(_burned_in), ("burned_in_text",), _QUALITY),
    PlantableFault(
        "map_unit",
        "header",
        "ADC map in a unit that its header does not state",
        ("map_unit_implausible", "map_unit_unknown"),
    ),
    PlantableFault(
        "attributes",
        "header",
        "1 to 4 attributes of the acquisition taken out",
        ("missing_attribute",),
    ),
    PlantableFault(
        "slices_missing",
        "file",
        "one slice, at a high dose three, not sent",
        ("slices_missing", "stack_incomplete", "fewer_than_stated"),
    ),
    PlantableFault(
        "slices_repeated", "file", "a slice sent twice as another image", ("slices_repeated",)
    ),
    PlantableFault(
        "spacing",
        "header",
        "one slice 3 to 40 % of the spacing off its place",
        ("spacing_irregular",),
    ),
    PlantableFault(
        "identity",
        "header",
        "name and birth date left in",
        ("identity_in_header", "identity_in_file_name"),
    ),
    PlantableFault(
        "identity_private",
        "header",
        "name in a private attribute",
        ("identity_in_private", "identity_in_header", "identity_in_file_name"),
    ),
    PlantableFault(
        "identity_path",
        "file",
        "name in the file names",
        ("identity_in_file_name", "identity_in_header"),
    ),
    PlantableFault(
        "truncated", "file", "one file ends within its pixels", ("truncated", "stack_incomplete")
    ),
    PlantableFault(
        "unreadable",
        "file",
        "one file is overwritten with noise from its 200th byte on",
        ("unreadable", "truncated", "slices_missing", "stack_incomplete", "fewer_than_stated"),
    ),
    PlantableFault(
        "protocol",
        "header",
        "TE and TR 5 to 60 % off the protocol",
        ("protocol_departs", "protocol_setting_departs"),
    ),
    PlantableFault("copy_exact", "copy", "the same image under another identity", _COPY),
    PlantableFault("copy_flipped", "copy", "mirrored", _COPY),
    # the matrix is another one (its protocol says so truly), and so are sharpness and filling
    PlantableFault(
        "copy_resampled",
        "copy",
        "sampled at 0.6 to 0.9 of the matrix",
        _COPY,
        ("protocol_departs", *_QUALITY),
    ),
    PlantableFault(
        "copy_cropped",
        "copy",
        "10 to 25 % of each side cut off",
        _COPY,
        ("protocol_departs", *_QUALITY),
    ),
    # the window cuts off the upper half percent of all voxels, another curve is another contrast,
    # and of a map only gray values are left
    PlantableFault(
        "copy_windowed",
        "copy",
        "values through another curve, 8 bits",
        _COPY,
        ("clipped", "slope_lost", *_QUALITY),
    ),
)
"""All that can be planted."""
