"""Faults that show each kind once, for a table to look at."""

from __future__ import annotations

import dataclasses
import math

from qiqa.simulate.history_metrics import Metric
from qiqa.simulate.history_spec import KINDS, Fault, HistorySpec

__all__ = ["default_faults"]

_TO: dict[str, tuple[str, float | None]] = {
    "step": ("piu", -3.0),
    "ramp": ("snr_nema_method1", -3.0),
    "spike": ("psg", 8.0),
    "season": ("diameter_slice1_lr", 2.0),
    "variance": ("slice_thickness", 3.0),
    "upgrade": ("snr_nema_method1", 3.0),
    "phantom": ("length_si", 3.0),
    "stopped": ("low_contrast_spokes", None),
    "unmeasured": ("slice_position_slice1", None),
}
"""Kind -> quantity that it shows best on, size in SD (a year) or ratio."""
_RAMP_WEEKS = 104
"""A ramp without an end would leave the bounds of a percentage in a long history."""
_FIRST, _SPAN = 0.4, 0.5
"""Share of the weeks before the first fault, and from there to the last one's start."""


def default_faults(spec: HistorySpec) -> tuple[Fault, ...]:
    """Return one fault of each kind, spread over scanners and weeks.

    The first scanner of several stays in order. Where the history lacks the quantity that a kind
    shows best on, another takes its place.
    """
    names = {metric.name for metric in spec.metrics}
    other = next((m for m in spec.metrics if m.kind != "bounded"), spec.metrics[0])
    sick = max(spec.scanners - 1, 1)
    found = []
    for index, (kind, about) in enumerate(KINDS.items()):
        share = _FIRST + _SPAN * index / len(KINDS)
        fault = Fault(
            kind=kind,
            scanner=spec.scanners - index % sick,
            week=1 + int(share * (spec.weeks - 1)),
            weeks=_RAMP_WEEKS if kind == "ramp" else None,
        )
        if not about.whole:
            name, size = _TO[kind]
            fault = dataclasses.replace(fault, name=name, size=size)
            if name not in names:
                fault = dataclasses.replace(
                    fault,
                    name=other.name,
                    insert=other.insert,
                    size=_inward(other, size) if about.size in ("level", "rate") else size,
                )
        found.append(fault)
    return tuple(found)


def _inward(metric: Metric, size: float | None) -> float | None:
    """Return a size that moves a bounded quantity away from its nearer bound."""
    if size is None or metric.kind != "bounded":
        return size
    return math.copysign(size, (metric.low + metric.high) / 2 - metric.level)
