"""Biases of scanners side by side, each with its interval, against what is claimed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from qiqa.report.numbers import plain_number
from qiqa.report.svg import line, nice_ticks, number, text, wrap

__all__ = ["ForestRow", "forest"]

_LEFT, _RIGHT, _TOP, _STEP, _WIDTH = 230.0, 20.0, 26.0, 22.0, 860.0
_LONGEST_LABEL = 28
"""Letters of 13 px left of the picture."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One scanner."""

    label: str
    kind: str
    """Verdict that it is drawn as: action, tolerance, pass, not_evaluated."""
    value: float
    interval: tuple[float, float]
    ends: tuple[float, float]
    """Bias at the lowest and the highest reference."""


def forest(rows: Sequence[ForestRow], claim: float | None, unit: str) -> str:
    """Return the drawing: a dot with its 95 % interval a row, a band for the claim.

    Small marks below and above the line are the biases at the lowest and highest reference. An
    interval that leaves the picture ends in an arrow.
    """
    half = _reach(rows, claim)
    bottom = _TOP + _STEP * len(rows)

    def at(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (min(max(value, -half), half) + half) / 2 / half

    parts = []
    if claim is not None:
        width = number(at(claim) - at(-claim))
        parts.append(
            f'<rect class="f-claim" x="{number(at(-claim))}" y="{number(_TOP - 6)}" '
            f'width="{width}" height="{number(bottom - _TOP + 6)}"/>'
        )
        for end in (-claim, claim):
            parts.append(line((at(end), _TOP - 6), (at(end), bottom), "f-limit"))
            said = f"{'+' if end > 0 else '−'}{plain_number(claim)} {unit}".rstrip()
            parts.append(text((at(end), _TOP - 11), said, "f-limit-text", "middle", 11.5))
    for tick in nice_ticks(-half, half, 9):
        parts.append(line((at(tick), _TOP - 6), (at(tick), bottom + 4), "d-grid"))
        parts.append(text((at(tick), bottom + 17), plain_number(tick), "d-soft", "middle", 11.5))
    parts.append(line((at(0.0), _TOP - 6), (at(0.0), bottom + 4), "f-zero"))
    for i, row in enumerate(rows):
        parts.append(_row(row, _TOP + _STEP * (i + 0.5), half, at))
    said = f"bias against the reference [{unit}]" if unit else "bias against the reference"
    parts.append(text((at(0.0), bottom + 33), said, "d-soft", "middle", 12))
    box = (0.0, 0.0, _WIDTH, bottom + 40)
    return wrap(box, "d-chart forest", f"bias of {len(rows)} scanners", "".join(parts))


def _reach(rows: Sequence[ForestRow], claim: float | None) -> float:
    """Return half of the width: room for the claim and for intervals that are not endless."""
    ends = [abs(e) for row in rows for e in (*row.interval, *row.ends) if math.isfinite(e)]
    values = [abs(row.value) for row in rows if math.isfinite(row.value)]
    wanted = max([*ends, 1.6 * (claim or 0.0)], default=1.0)
    return min(wanted, max([4.0 * (claim or math.inf), *(1.2 * v for v in values)])) or 1.0


def _short(label: str) -> str:
    """Return what there is room for beside the picture; the table below has all of it."""
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _row(row: ForestRow, y: float, half: float, at: object) -> str:
    place = at  # the scale of the drawing
    assert callable(place)  # noqa: S101 - passed by `forest`
    parts = [text((_LEFT - 12, y + 4), _short(row.label), f"f-label f-{row.kind}", "end", 13)]
    if not math.isfinite(row.value):
        parts.append(text((place(0.0), y + 4), "not known", "d-soft", "middle", 12))
        return "".join(parts)
    low, high = row.interval
    if math.isfinite(low) and math.isfinite(high):
        parts.append(line((place(low), y), (place(high), y), f"f-bar f-{row.kind}"))
        for end, side in ((low, -1), (high, 1)):
            x = place(end)
            if abs(end) > half:
                parts.append(line((x, y), (x - side * 6, y - 4), f"f-bar f-{row.kind}"))
                parts.append(line((x, y), (x - side * 6, y + 4), f"f-bar f-{row.kind}"))
    if all(map(math.isfinite, row.ends)) and row.ends[0] != row.ends[1]:
        for end, shift in zip(row.ends, (5.0, -5.0), strict=True):
            x = place(end)
            parts.append(line((x, y + shift - 2.5), (x, y + shift + 2.5), f"f-end f-{row.kind}"))
    parts.append(
        f'<circle class="f-dot f-{row.kind}" cx="{number(place(row.value))}" '
        f'cy="{number(y)}" r="4.2"/>'
    )
    return "".join(parts)
