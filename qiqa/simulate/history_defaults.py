"""Faults that show each kind once, for a table to look at."""

from __future__ import annotations

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
_FIRST, _SPAN = 0.4, 0.5
"""Share of the weeks before the first fault, and from there to the last one's start."""


def default_faults(spec: HistorySpec) -> tuple[Fault, ...]:
    """Return one fault of each kind, spread over scanners and weeks.

    The first scanner of several stays in order. Where the history lacks the quantity that a kind
    shows best on, the fault is to all of the scanner's quantities.
    """
    names = {metric.name for metric in spec.metrics}
    sick = max(spec.scanners - 1, 1)
    found = []
    for index, (kind, about) in enumerate(KINDS.items()):
        name, size = _TO.get(kind, ("", None))
        share = _FIRST + _SPAN * index / len(KINDS)
        found.append(
            Fault(
                kind=kind,
                scanner=spec.scanners - index % sick,
                name=name if name in names and not about.whole else "",
                week=1 + int(share * (spec.weeks - 1)),
                size=size if name in names else None,
            )
        )
    return tuple(found)
