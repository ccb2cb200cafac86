"""Images for tests of pixel checks: anatomy of ellipses, phantoms, noise, faults, text.

Shares no code with what is tested, nor with qiqa's simulator.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from qiqa.core.vetting import Check, Instance, SeriesFacts, Settings, Stack

KINDS = ("head", "breast", "abdomen", "phantom", "grid")


def settings(check: Check) -> Settings:
    """Return the defaults of a check."""
    return {one.name: one.default for one in check.settings}


def stack(signal, *, mm=(1.0, 1.0, 3.0), stored=(0.0, 65535.0), step=1.0, uid="1.2", **attributes):
    """Return a stack of an array (i, j, k) or (i, j, k, n); attributes are of its header."""
    signal = np.asarray(signal, dtype=np.float32)
    if signal.ndim == 3:
        signal = signal[..., None]
    known = {"Modality": "MR", **attributes}
    facts = SeriesFacts(
        path="series",
        series_uid=uid,
        attributes={k: (v,) for k, v in known.items() if v is not None},
        instances=(Instance(path="series/1", size=1),),
    )
    return Stack(
        facts=facts,
        signal=np.asfortranarray(signal),
        affine=np.diag([*mm, 1.0]),
        stored_range=stored,
        quantization=step,
    )


def axes(shape):
    """Return coordinates -1 to 1 along i, j, k."""
    return np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")


def truth(kind, rng, shape=(112, 112, 12)):
    """Return a noise-free image of about 1000 at the brightest tissue, smoothed as by a scanner."""
    i, j, k = axes(shape)
    field = gaussian_filter(rng.normal(size=shape), (4, 4, 1))
    texture = 60 * field / field.std()
    image = np.zeros(shape)
    if kind == "head":
        r = np.sqrt((i / 0.72) ** 2 + (j / 0.86) ** 2 + (k / 2.2) ** 2)
        image[r < 1] = 1000
        image[r < 0.94] = 60
        brain = r < 0.86
        image[brain] = (620 + texture)[brain]
        image[brain & (np.hypot(i / 0.2, j / 0.3) < 1)] = 180
    elif kind == "breast":
        for side in (-0.5, 0.5):
            r = np.sqrt(((i - side) / 0.42) ** 2 + ((j + 0.3) / 0.6) ** 2 + (k / 2) ** 2)
            image[r < 1] = 900
            glands = (r < 0.7) & (field > 0)
            image[glands] = (400 + texture)[glands]
        image[j > 0.25] = 150
        image[j > 0.7] = 0
    elif kind == "abdomen":
        r = (np.abs(i / 0.95) ** 3 + np.abs(j / 0.7) ** 3) ** (1 / 3)
        image[r < 1] = 1000
        image[r < 0.9] = (500 + texture)[r < 0.9]
        for _ in range(8):
            x, y, s = rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4), rng.uniform(0.05, 0.15)
            image[np.hypot(i - x, j - y) < s] = rng.uniform(50, 900)
    elif kind == "phantom":
        image[np.hypot(i, j) < 0.8] = 800
        for angle in np.arange(10) * 2 * np.pi / 10:
            vial = np.hypot(i - 0.5 * np.cos(angle), j - 0.5 * np.sin(angle)) < 0.09
            image[vial] = 200 + 80 * angle
    else:
        image[np.hypot(i, j) < 0.85] = 900
        lines = (np.mod(i * 12, 1) < 0.2) | (np.mod(j * 12, 1) < 0.2)
        image[lines & (np.maximum(abs(i), abs(j)) < 0.6)] = 100
        for a in range(4):  # rows of holes, as of a resolution insert
            for b in range(4):
                hole = np.hypot(i - 0.62 - 0.03 * a, j + 0.1 + 0.03 * b) < 0.01
                image[hole] = 1000
    return gaussian_filter(np.maximum(image, 0), (0.5, 0.5, 0))


def magnitude(image, noise, rng, channels=1):
    """Return the magnitude of a complex image with noise, root of sum of squares of channels."""
    square = np.zeros(image.shape)
    for _ in range(channels):
        real = image / np.sqrt(channels) + rng.normal(0, noise, image.shape)
        square += real**2 + rng.normal(0, noise, image.shape) ** 2
    return np.sqrt(square)


def clean(kind, seed=0, *, noise=25.0, channels=1, shape=(112, 112, 12)):
    """Return a clean image as stored: whole numbers."""
    return _clean(kind, seed, noise, channels, shape).copy()


@functools.cache
def _clean(kind, seed, noise, channels, shape):
    rng = np.random.default_rng(seed)
    return np.rint(magnitude(truth(kind, rng, shape), noise, rng, channels))


def with_text(image, text, *, cap=12, at=(4, 4), value=None, soft=True, font="DejaVuSans.ttf"):
    """Draw text on a slice (i, j); `cap` is the height of capitals, `at` column and row."""
    import matplotlib as mpl
    from PIL import Image, ImageDraw, ImageFont

    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / font
    layer = Image.new("L", image.shape, 0)
    pen = ImageDraw.Draw(layer)
    pen.fontmode = "L" if soft else "1"
    pen.text(at, text, fill=255, font=ImageFont.truetype(str(path), int(np.ceil(cap / 0.729))))
    share = np.asarray(layer, dtype=float).T / 255
    return image * (1 - share) + (image.max() if value is None else value) * share
