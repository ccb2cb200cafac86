"""A PNG writer for 8-bit grey images: small, fast, no dependency."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["data_uri", "encode_grey", "to_grey"]

LARGEST_SIDE = 512
"""Larger images are averaged down in whole blocks: no screen shows more of them at this size."""


def to_grey(
    image: NDArray[np.float32], window: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """Return an image (rows, columns) as 8-bit grey, `window` running from black to white.

    Without a window it spans the 1st to the 99.5th percentile. Values that are not finite are
    black.
    """
    pixels = np.asarray(image, dtype=np.float32)
    finite = np.isfinite(pixels)
    if window is None:
        window = _window(pixels[finite])
    low, high = float(window[0]), float(window[1])
    scale = 255.0 / (high - low) if high > low else 0.0
    scaled = (np.where(finite, pixels, low) - low) * scale
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _window(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the 1st and the 99.5th percentile, to the nearest value."""
    if values.size == 0:
        return 0.0, 1.0
    # Not np.percentile: it loads numpy.ma on first use, which costs more than the whole page.
    low, high = int(0.01 * (values.size - 1)), int(0.995 * (values.size - 1))
    ordered = np.partition(values, (low, high))
    return float(ordered[low]), float(ordered[high])


def shrink(image: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return an image averaged in blocks of `step` by `step`; what is left at the end is cut."""
    if step <= 1:
        return image
    rows, columns = (size // step for size in image.shape)
    blocks = image[: rows * step, : columns * step].reshape(rows, step, columns, step)
    averaged: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return averaged


def encode_grey(grey: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> bytes:
    """Return an 8-bit grey image (rows, columns) as a PNG file.

    With a palette (256 or fewer rows of red, green, blue) the values are rows of it.

    Each row is stored against its left or its upper neighbor, whichever leaves the smaller sum
    (PNG specification, third edition, 9.2 and 12.7).
    """
    rows, columns = grey.shape
    left = np.diff(grey, axis=1, prepend=np.uint8(0))
    above = np.diff(grey, axis=0, prepend=np.uint8(0))
    candidates = np.stack([left, above])
    cost = np.abs(candidates.view(np.int8).astype(np.int16)).sum(axis=2)
    choice = cost.argmin(axis=0)
    packed = np.empty((rows, columns + 1), dtype=np.uint8)
    packed[:, 0] = choice + 1
    packed[:, 1:] = candidates[choice, np.arange(rows)]
    kind = 0 if palette is None else 3
    header = struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)
    colors = () if palette is None else ((b"PLTE", palette.astype(np.uint8).tobytes()),)
    data = (b"IDAT", zlib.compress(packed.tobytes(), 4))
    chunks = ((b"IHDR", header), *colors, data, (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    check = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check)


def data_uri(
    image: NDArray[np.float32], window: tuple[float, float] | None = None
) -> tuple[str, int, int]:
    """Return an image as a `data:` address, and how many columns and rows of pixels it covers."""
    step = -(-max(image.shape) // LARGEST_SIDE)
    small = shrink(image, step)
    png = encode_grey(to_grey(small, window))
    address = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    return address, small.shape[1] * step, small.shape[0] * step
