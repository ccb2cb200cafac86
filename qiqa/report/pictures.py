"""One picture of evidence as a drawing: the image in grey, and on it where was measured."""

from __future__ import annotations

import math

from qiqa.core.evidence import Evidence, Shape
from qiqa.report.png import data_uri
from qiqa.report.svg import Point, number, path, text, wrap

__all__ = ["ROLE_WORDS", "legend", "picture"]

ROLE_WORDS = {
    "roi": "signal averaged inside",
    "edge": "border found",
    "length": "distance measured",
    "excluded": "left out",
    "note": "for orientation",
}
"""What each drawing style says; the styles differ in dash and weight, not only in color."""


def picture(evidence: Evidence, label: str) -> str:
    """Return the image with its shapes, or nothing where the evidence has no image.

    Coordinates of shapes are pixels, the center of the first one at (0, 0).
    """
    if evidence.image is None:
        return ""
    address, columns, rows = data_uri(evidence.image, evidence.window)
    height, width = evidence.image.shape
    place = f'x="-0.5" y="-0.5" width="{columns}" height="{rows}"'
    parts = [f'<image href="{address}" {place} preserveAspectRatio="none"/>']
    parts += [_outline(shape, width) for shape in evidence.shapes]
    parts += _labels(evidence.shapes, width, height)
    parts.append(_scale_bar(evidence.pixel_mm, width, height))
    return wrap((-0.5, -0.5, width, height), "picture", label, "".join(parts))


def _role(shape: Shape) -> str:
    return shape.role if shape.role in ROLE_WORDS else "note"


def _outline(shape: Shape, width: float) -> str:
    """Draw twice: a dark halo below, so that the line shows on bright and on dark ground."""
    role = _role(shape)
    if shape.kind == "points":
        arm = width / 90
        crosses = [
            path(((x - arm, y), (x + arm, y)), css) + path(((x, y - arm), (x, y + arm)), css)
            for css in ("halo", f"s-{role} solid")
            for x, y in shape.points
        ]
        return "".join(crosses)
    closed = shape.kind == "polygon"
    drawn = [path(shape.points, css, closed=closed) for css in ("halo", f"s-{role}")]
    if role == "length" and not closed and len(shape.points) >= 2:
        ends = _end_bars(shape.points[0], shape.points[-1], width / 50)
        drawn += [path(end, css) for css in ("halo", "s-length") for end in ends]
    return "".join(drawn)


def _end_bars(start: Point, end: Point, half: float) -> list[tuple[Point, Point]]:
    """Return the two short bars across the ends of a measured distance."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    if not math.isfinite(length) or length == 0:
        return []
    nx, ny = -dy / length * half, dx / length * half
    return [((x - nx, y - ny), (x + nx, y + ny)) for x, y in (start, end)]


def _labels(shapes: tuple[Shape, ...], width: float, height: float) -> list[str]:
    """Place each label above its shape, moved down where it would cover another one."""
    size = width / 17
    taken: list[tuple[float, float, float]] = []
    drawn = []
    for shape in shapes:
        finite = [p for p in shape.points if math.isfinite(p[0]) and math.isfinite(p[1])]
        if not shape.label or not finite:
            continue
        half = min(0.29 * size * len(shape.label), width / 2)
        x, y = _label_place(finite, half, size, width, closed=shape.kind == "polygon")
        x = min(max(x, half), width - 1 - half)
        y = min(max(y, size), height - size / 2)
        while y < height - size and any(
            abs(y - y2) < size and abs(x - x2) < half + half2 for x2, y2, half2 in taken
        ):
            y += size / 4
        taken.append((x, y, half))
        drawn.append(text((x, y), shape.label, "label", "middle", size))
    return drawn


def _label_place(
    points: list[Point], half: float, size: float, width: float, *, closed: bool
) -> Point:
    """Return the middle of a label.

    Above a shape; beside a flat one that it would cover; beyond the first end of a line that
    crosses the picture, where several lines meet in the middle.
    """
    columns, rows = [p[0] for p in points], [p[1] for p in points]
    dx, dy = points[0][0] - points[-1][0], points[0][1] - points[-1][1]
    span = math.hypot(dx, dy)
    if not closed and len(points) == 2 and span > width / 2:
        beyond = 0.7 * size + 0.5 * half * abs(dx) / span
        return points[0][0] + beyond * dx / span, points[0][1] + beyond * dy / span + 0.35 * size
    beside = max(columns) + half + 0.5 * size
    if closed and max(rows) - min(rows) < size and beside + half < width:
        return beside, (min(rows) + max(rows)) / 2 + 0.35 * size
    return (min(columns) + max(columns)) / 2, min(rows) - 0.4 * size


def _scale_bar(pixel_mm: float, width: float, height: float) -> str:
    """Return a bar of a round length, at most a quarter of the image, with its length in words."""
    if not (math.isfinite(pixel_mm) and pixel_mm > 0):
        return ""
    lengths = [n for n in (100, 50, 20, 10, 5, 2, 1) if n / pixel_mm <= width / 4]
    if not lengths:
        return ""
    size = width / 20
    x, y = 0.03 * width, height * 0.97 - 1
    end = x + lengths[0] / pixel_mm
    bar = ((x, y), (end, y))
    words = text((x, y - size / 2), f"{lengths[0]} mm", "label", "start", size)
    return path(bar, "halo") + path(bar, "scale") + words


def legend(roles: list[str]) -> list[tuple[str, str]]:
    """Return a sample line and its words for each drawing style in `roles`."""
    samples = []
    for role in (role for role in ROLE_WORDS if role in roles):
        body = f'<rect width="{number(34)}" height="12"/>' + path(((2, 6), (32, 6)), f"s-{role}")
        if role == "length":
            body += path(((2, 2), (2, 10)), "s-length") + path(((32, 2), (32, 10)), "s-length")
        sample = f'<svg class="sample" viewBox="0 0 34 12" aria-hidden="true">{body}</svg>'
        samples.append((sample, ROLE_WORDS[role]))
    return samples
