"""Where a series may have a new level for a known reason: settings, software, service, phantom."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import ServiceEvent, TimeSeries

__all__ = ["Epochs", "epochs_of"]

_DIGEST = 32
"""Letters of `core.history.epoch_key`: it says that settings changed, not which."""


_UNSPOKEN = "software or a setting changed"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Epochs:
    """Epochs of one series, numbered as they appear."""

    number: NDArray[np.int64]
    """(n,) epoch of each exam."""
    first: tuple[int, ...]
    """First exam of each epoch."""
    causes: tuple[tuple[str, ...], ...]
    """What is known to have changed when each began; of the first, nothing."""


def epochs_of(series: TimeSeries, events: Sequence[ServiceEvent] = ()) -> Epochs:
    """Return the epochs of a series.

    Exams with the same settings share an epoch also where others lie between them (two coils in
    turn), unless something was done to the scanner in between.

    Parameters
    ----------
    series
        Values over time.
    events
        What was done to scanners; those of others and those that start no epoch are ignored.
    """
    own = sorted(
        (e for e in events if e.new_epoch and e.scanner in (series.scanner, "*")),
        key=lambda e: e.at,
    )
    if not own and len(series) and bool(np.all(series.epoch == series.epoch[0])):
        return Epochs(number=np.zeros(len(series), np.int64), first=(0,), causes=((),))
    times = np.array([e.at for e in own], dtype="datetime64[us]")
    after = np.searchsorted(times, series.at, side="right")
    known: dict[tuple[str, int], int] = {}
    number = np.empty(len(series), dtype=np.int64)
    first: list[int] = []
    causes: list[tuple[str, ...]] = []
    for i, key in enumerate(zip(series.epoch.tolist(), after.tolist(), strict=True)):
        if key not in known:
            known[key] = len(first)
            first.append(i)
            causes.append(_causes(series, i, int(after[i - 1]) if i else 0, key, own))
        number[i] = known[key]
    return Epochs(number=number, first=tuple(first), causes=tuple(causes))


def _causes(
    series: TimeSeries,
    i: int,
    before: int,
    key: tuple[str, int],
    own: Sequence[ServiceEvent],
) -> tuple[str, ...]:
    if i == 0:
        return ()
    found = [f"{e.kind}: {e.text}" for e in own[before : key[1]]]
    old, new = str(series.epoch[i - 1]), str(series.epoch[i])
    if old != new:
        found.insert(0, _difference(old, new))
    return tuple(found)


def _difference(old: str, new: str) -> str:
    """Return what changed: only the parts of `field=value; field=value` that differ."""
    if "=" not in old or "=" not in new:
        return _UNSPOKEN  # the history keeps a hash of all settings
    was = dict(part.split("=", 1) for part in old.split("; ") if "=" in part)
    now = dict(part.split("=", 1) for part in new.split("; ") if "=" in part)
    changed = [
        "settings of the acquisition"
        if name == "epoch" and len(now.get(name, "")) == _DIGEST
        else f"{name}: {was.get(name) or 'not stated'} to {now.get(name) or 'not stated'}"
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    ]
    return ", ".join(changed) or _UNSPOKEN
