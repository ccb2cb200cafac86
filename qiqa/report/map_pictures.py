"""Maps as colored drawings: a slice with its color bar, a status map, a histogram, a curve."""

from __future__ import annotations

import base64
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.evidence import Curve, Marker, Plot
from qiqa.core.fit_evidence import SampleCurve
from qiqa.core.maps import FitStatus
from qiqa.report.plots import plot
from qiqa.report.png import LARGEST_SIDE, encode_grey, to_grey
from qiqa.report.svg import line, nice_ticks, number, path, text, wrap

__all__ = ["STATUS_COLORS", "curve_plot", "grey_slice", "histogram", "map_slice", "status_slice"]

STATUS_COLORS = {
    FitStatus.OUTSIDE: "#eef0f2",
    FitStatus.CONVERGED: "#2f6fb3",
    FitStatus.EXACT: "#8fbfe8",
    FitStatus.AT_BOUND: "#e69f00",
    FitStatus.TOO_FEW_POINTS: "#b07aa1",
    FitStatus.NON_FINITE: "#000000",
    FitStatus.SATURATED: "#d62728",
    FitStatus.NOISE_FLOOR: "#b9bfc7",
    FitStatus.SINGULAR: "#6b7079",
    FitStatus.NOT_CONVERGED: "#f0e442",
}
_NO_ANSWER = (227, 230, 234)
_VIRIDIS = (
    0x440154, 0x482878, 0x3E4A89, 0x31688E, 0x26828E, 0x1F9E89, 0x35B779, 0x6ECE58, 0xB5DE2B,
    0xFDE725,
)  # fmt: skip
"""Ten steps of viridis (van der Walt and Smith, matplotlib 2015; CC0): even in lightness, so that
it also reads in grey and without red and green."""
_WIDTH = 200.0
"""Width of a slice in the drawing; the bar and its numbers stand to the right."""
_BAR = 54.0
_SHORTEST_BAR = 60.0
_FONT = 11.5
_BINS = 48


def _rgb(code: int) -> tuple[int, int, int]:
    return code >> 16, code >> 8 & 255, code & 255


def _palette() -> NDArray[np.uint8]:
    """Return 256 colors: the first for voxels without an answer, then viridis."""
    steps = np.array([_rgb(code) for code in _VIRIDIS], dtype=np.float64)
    at = np.linspace(0, len(steps) - 1, 255)
    ramp = [np.interp(at, np.arange(len(steps)), steps[:, c]) for c in range(3)]
    return np.vstack([[_NO_ANSWER], np.rint(np.stack(ramp, axis=1))]).astype(np.uint8)


def robust_window(values: NDArray[np.float32], low: float = 2.0) -> tuple[float, float]:
    """Return the range that shows most voxels: from the `low` to the 98th percentile."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    bottom, top = (float(q) for q in np.percentile(finite.astype(np.float64), (low, 98.0)))
    if top <= bottom:
        margin = abs(top) * 0.05 or 1.0
        return bottom - margin, top + margin
    return bottom, top


def _address(indices: NDArray[np.uint8], palette: NDArray[np.uint8] | None) -> str:
    return "data:image/png;base64," + base64.b64encode(encode_grey(indices, palette)).decode()


def _drawn(
    pixels: NDArray[np.uint8],
    palette: NDArray[np.uint8] | None,
    aspect: float,
    label: str,
    extra: str = "",
) -> str:
    """Return an image as a drawing; `aspect` is the height of a pixel over its width.

    All leave the room of a color bar, so that slices side by side have one size.
    """
    rows, columns = pixels.shape
    height = _WIDTH * rows * aspect / columns
    image = (
        f'<image href="{_address(pixels, palette)}" width="{number(_WIDTH)}" '
        f'height="{number(height)}" preserveAspectRatio="none"/>'
    )
    box = (0.0, -8.0, _WIDTH + _BAR, max(height, _SHORTEST_BAR) + 16.0)
    return wrap(box, "slice", label, image + extra)


def _upright(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a slice (i, j) as (rows, columns), thinned where no screen would show more."""
    step = -(-max(values.shape) // LARGEST_SIDE)
    return values[::step, ::step].T


def map_slice(
    values: NDArray[np.float32],
    window: tuple[float, float],
    aspect: float,
    label: str,
) -> str:
    """Return a slice (i, j) of a map in color with its bar; no answer is light grey."""
    shown = np.asarray(_upright(values), dtype=np.float64)
    low, high = window
    known = np.isfinite(shown)
    scaled = np.clip((np.where(known, shown, low) - low) / (high - low), 0.0, 1.0)
    indices = np.where(known, 1 + np.rint(scaled * 254), 0).astype(np.uint8)
    height = _WIDTH * shown.shape[0] * aspect / shown.shape[1]
    bar = _bar(window, max(height, _SHORTEST_BAR))
    return _drawn(indices, _palette(), aspect, label, bar)


def _bar(window: tuple[float, float], height: float) -> str:
    low, high = window
    left = _WIDTH + 6
    ramp = np.arange(255, 0, -1, dtype=np.uint8)[:, None]
    parts = [
        (
            f'<image href="{_address(ramp, _palette())}" x="{number(left)}" width="9" '
            f'height="{number(height)}" preserveAspectRatio="none"/>'
        )
    ]
    for value in nice_ticks(low, high, 5):
        y = height * (1 - (value - low) / (high - low))
        parts.append(line((left + 9, y), (left + 12, y), "axis"))
        parts.append(text((left + 14, y + 4), _short(value), "tick", "start", _FONT))
    return "".join(parts)


def _short(value: float) -> str:
    """Return a tick of at most six signs."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-")
    return f"{value:.6g}"


def grey_slice(values: NDArray[np.float32], aspect: float, label: str) -> str:
    """Return a slice (i, j) of an image in grey."""
    shown = np.asarray(_upright(values), dtype=np.float32)
    return _drawn(to_grey(shown), None, aspect, label)


def status_slice(
    status: NDArray[np.uint8],
    aspect: float,
    label: str,
    marks: tuple[tuple[str, float, float], ...] = (),
) -> str:
    """Return a slice (i, j) of statuses, each in its color, with labeled marks at (i, j)."""
    shown = np.asarray(_upright(status), dtype=np.uint8)
    colors = [_rgb(int(STATUS_COLORS[s][1:], 16)) for s in FitStatus]
    per_i = _WIDTH / status.shape[0]
    extra = []
    for name, i, j in marks:
        x, y = (i + 0.5) * per_i, (j + 0.5) * per_i * aspect
        side = "end" if x > 0.85 * _WIDTH else "start"
        cross = (((x - 4, y), (x + 4, y)), ((x, y - 4), (x, y + 4)))
        extra += [path(arm, css) for css in ("halo", "cross") for arm in cross]
        extra.append(text((x - 5 if side == "end" else x + 5, y - 3), name, "label", side, 13))
    return _drawn(shown, np.array(colors, dtype=np.uint8), aspect, label, "".join(extra))


def histogram(
    values: NDArray[np.float32], window: tuple[float, float], median: float, x_label: str
) -> str:
    """Return how many voxels have which value, as a stepped line with the median marked."""
    low, high = window
    margin = 0.25 * (high - low)
    low, high = (max(low - margin, 0.0) if low >= 0 else low - margin), high + margin
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ""
    counts, edges = np.histogram(finite, bins=_BINS, range=(low, high))
    x = np.repeat(edges, 2)
    y = np.concatenate([[0], np.repeat(counts, 2), [0]])
    steps = Curve(x=tuple(map(float, x)), y=tuple(map(float, y)), role="fit")
    marks = (Marker(x=median, label="median"),) if math.isfinite(median) else ()
    item = Plot(x_label=x_label, y_label="voxels", curves=(steps,), markers=marks)
    return plot(item, f"histogram of {x_label}")


def curve_plot(curve: SampleCurve, x_label: str, label: str) -> str:
    """Return the points of one voxel and its fit; points left out are hollow."""
    triples = list(zip(curve.x, curve.y, curve.used, strict=True))
    kept = [(x, y) for x, y, used in triples if used]
    out = [(x, y) for x, y, used in triples if not used]
    curves = [Curve(x=curve.curve_x, y=curve.curve_y, role="fit")]
    for points, role in ((kept, "data"), (out, "left_out")):
        if points:
            xs, ys = zip(*points, strict=True)
            curves.append(Curve(x=xs, y=ys, role=role))
    return plot(Plot(x_label=x_label, y_label="signal", curves=tuple(curves)), label)
