"""Values of many exams as columns, and what in an acquisition starts a new epoch."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import digest, plain
from qiqa.core.scanner import Acquisition

__all__ = ["History", "PastValue", "epoch_key", "settings_changed", "settings_key"]

_NOT_AN_EPOCH = frozenset(
    {
        "acquired_at",
        "center_frequency_hz",
        "center_frequency_resolution_hz",
        "transmit_gain",
        "table_position_mm",
        "temperature_degc",
    }
)
"""Fields of Acquisition that vary from exam to exam by themselves: read-outs, not settings."""


def epoch_key(acquisition: Acquisition) -> str:
    """Return the digest of every setting that may change a number.

    Two values of one series key with different epochs may differ because the scanner was set
    differently (software, coil elements, timing, geometry, reconstruction), not because it
    drifted. Read-outs of prescan, clock and thermometer do not start an epoch.
    """
    return settings_key(plain(acquisition))


def settings_key(acquisition: dict[str, Any]) -> str:
    """Return `epoch_key` of an acquisition as a stored exam holds it, JSON-ready.

    Numbers count to four digits: a spacing worked out from oblique positions differs in the last
    ones from exam to exam, which is no setting.
    """
    kept = {name: acquisition[name] for name in acquisition if name not in _NOT_AN_EPOCH}
    return digest(_to_four_digits(kept))[:32]


def _to_four_digits(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _to_four_digits(item) for name, item in value.items()}
    return [_to_four_digits(item) for item in value] if isinstance(value, list) else value


def settings_changed(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return in words which settings of two stored acquisitions differ.

    >>> settings_changed({"software": "VA20", "te_ms": 20.0}, {"software": "VA30", "te_ms": 20.0})
    'software: VA20 to VA30'
    """
    parts = []
    for name in {**old, **new}:
        one, other = old.get(name), new.get(name)
        if _to_four_digits(one) == _to_four_digits(other) or name in _NOT_AN_EPOCH:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            parts.append(settings_changed(one, other))
        else:
            was, now = ("not stated" if v is None else str(v) for v in (one, other))
            parts.append(f"{name}: {was} to {now}")
    return ", ".join(parts)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PastValue:
    """One earlier value of a series, for a trend."""

    exam_id: int
    acquired_at: dt.datetime
    value: float
    standard_uncertainty: float
    """NaN where none was stated."""
    verdict: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Measured values of many exams, one array a field, all of length n, oldest first.

    Texts that were not stated are empty; numbers that were not are NaN; slice is 0 where a value
    is not about one. Times are the scanner's wall clock.
    """

    exam_id: NDArray[np.int64]
    acquired_at: NDArray[np.datetime64]
    scanner: NDArray[np.str_]
    series_key: NDArray[np.str_]
    epoch: NDArray[np.str_]
    """See `epoch_key`."""
    name: NDArray[np.str_]
    insert: NDArray[np.str_]
    slice: NDArray[np.int64]
    role: NDArray[np.str_]
    unit: NDArray[np.str_]
    value: NDArray[np.float64]
    standard_uncertainty: NDArray[np.float64]
    interval_low: NDArray[np.float64]
    """NaN where there is no interval, -inf where it has no lower bound."""
    interval_high: NDArray[np.float64]
    reference_value: NDArray[np.float64]
    verdict: NDArray[np.str_]

    def __post_init__(self) -> None:
        lengths = {f.name: len(getattr(self, f.name)) for f in dataclasses.fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.value)
