"""Vector drawing as text: the few elements that pictures and plots are made of.

Every text passes through `escape`; numbers are formatted here and nowhere else, so nothing from a
header can reach the markup.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qiqa.report.text import escape

__all__ = ["icon", "line", "nice_ticks", "number", "path", "text", "wrap"]

Point = tuple[float, float]


def number(value: float) -> str:
    """Return a coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def path(points: Sequence[Point], css: str, *, closed: bool = False) -> str:
    """Return a polyline; a point that is not finite interrupts it."""
    parts = []
    pen = "M"
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            parts.append(f"{pen}{number(x)} {number(y)}")
            pen = "L"
        else:
            pen = "M"
    if not parts:
        return ""
    return f'<path class="{css}" d="{"".join(parts)}{"Z" if closed else ""}"/>'


def line(start: Point, end: Point, css: str) -> str:
    """Return a straight line."""
    return path((start, end), css)


def text(at: Point, words: str, css: str, anchor: str = "start", size: float | None = None) -> str:
    """Return a text; `anchor` is `start`, `middle` or `end`."""
    height = "" if size is None else f' font-size="{number(size)}"'
    return (
        f'<text class="{css}" x="{number(at[0])}" y="{number(at[1])}" '
        f'text-anchor="{anchor}"{height}>{escape(words, 60)}</text>'
    )


def wrap(view_box: tuple[float, float, float, float], css: str, label: str, body: str) -> str:
    """Return a drawing with the words that a screen reader says for it."""
    box = " ".join(number(value) for value in view_box)
    head = f'<svg class="{css}" viewBox="{box}" role="img" aria-label="{escape(label)}">'
    return f"{head}{body}</svg>"


_ICONS = {
    "pass": '<circle cx="8" cy="8" r="7.2"/><path class="ink" d="M4.2 8.3l2.6 2.7 5-5.6"/>',
    "tolerance": '<path d="M8 .9L15.4 14.6H.6Z"/><path class="ink" d="M8 5.4v4.4M8 11.7v1.1"/>',
    "action": '<path d="M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5Z"/>'
    '<path class="ink" d="M5 5l6 6M11 5l-6 6"/>',
    "not_evaluated": '<circle class="open" cx="8" cy="8" r="7.1"/>'
    '<path class="dark" d="M5.7 6.3a2.35 2.35 0 1 1 3.5 2q-1.2.7-1.2 1.8M8 12.1v.3"/>',
    "recorded": '<circle class="dot" cx="8" cy="8" r="2.4"/>',
}


def icon(kind: str) -> str:
    """Return the symbol of a verdict; each has its own outline, so that color is not needed."""
    body = _ICONS[kind]
    return f'<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{body}</svg>'


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers inside [low, high], at most `most` of them, at steps of 1, 2 or 5.

    >>> nice_ticks(0.0, 100.0), nice_ticks(-0.4, 1.1)
    ([0.0, 50.0, 100.0], [0.0, 0.5, 1.0])
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20, 50):
        size = factor * step
        first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
        if last - first + 1 <= most:
            return [round(i * size, 12) for i in range(first, last + 1)]
    return []
