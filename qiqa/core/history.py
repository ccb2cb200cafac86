"""Values of many exams as columns, and what in an acquisition starts a new epoch."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import digest, plain
from qiqa.core.scanner import Acquisition

__all__ = ["History", "PastValue", "epoch_key"]

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
    fields = plain(acquisition)
    return digest({name: fields[name] for name in fields if name not in _NOT_AN_EPOCH})[:32]


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

    def where(self, mask: NDArray[np.bool_]) -> History:
        """Return the values that `mask` (n,) selects."""
        chosen = {f.name: getattr(self, f.name)[mask] for f in dataclasses.fields(self)}
        return History(**chosen)

    def by_series(self) -> Iterator[tuple[str, History]]:
        """Yield each series key with its values; values without a key share no chart."""
        for key in np.unique(self.series_key[self.series_key != ""]):
            yield str(key), self.where(self.series_key == key)
