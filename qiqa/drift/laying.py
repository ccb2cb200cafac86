"""Lay the segments of a walk: epochs, and the exams of an approved baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import ApprovedBaseline, TimeSeries
from qiqa.drift.epochs import Epochs
from qiqa.drift.walking import Begun, Walk
from qiqa.kernels.predict import NOTHING, SCATTER

__all__ = ["lay"]


def lay(
    walk: Walk, series: TimeSeries, epochs: Epochs, baseline: ApprovedBaseline | None, least: int
) -> bool:
    """Give every exam its segment; say whether an approved baseline holds its level.

    Parameters
    ----------
    walk
        A walk without segments; they are begun here.
    series
        Values over time.
    epochs
        Its epochs.
    baseline
        Exams that a person approved. From its first exam on the level is learnt anew; in the epoch
        of its last exam, single exams are judged by the level of its exams only.
    least
        Fewest usable exams of the series that a baseline must hold to be used.
    """
    index = np.arange(len(series))
    inside = _exams_of(series, baseline) & walk.prepared.usable
    count = int(inside.sum())
    used = baseline is not None and count >= least
    if baseline is not None and not used:
        walk.prepared.notes.append(
            f"the approved baseline holds {count} usable exams of this series, {least} are needed: "
            "each exam is predicted from all before it"
        )
    cut = int(np.flatnonzero(inside)[0]) if used else 0
    if used:
        _leave_out(walk, series, baseline)
    if cut > 0:
        _begin(walk, epochs, index < cut, "start")
    _begin(walk, epochs, index >= cut, "baseline" if used else "start")
    if not used:
        return False
    last = int(np.flatnonzero(inside)[-1])
    segment = int(walk.segment[last])
    walk.learn[(index > last) & (walk.segment == segment)] = SCATTER
    return True


def _leave_out(walk: Walk, series: TimeSeries, baseline: ApprovedBaseline | None) -> None:
    """Do without the exams that a person left out of the baseline: no rule looks at them."""
    prepared = walk.prepared
    at = series.at.astype("datetime64[us]")
    for when, why in () if baseline is None else baseline.left_out:
        for i in np.flatnonzero((at == np.datetime64(when, "us")) & prepared.usable).tolist():
            prepared.usable[i] = False
            prepared.left_out[i] = why
            walk.learn[i] = NOTHING


def _exams_of(series: TimeSeries, baseline: ApprovedBaseline | None) -> NDArray[np.bool_]:
    if baseline is None:
        return np.zeros(len(series), np.bool_)
    first, last = np.datetime64(baseline.first, "us"), np.datetime64(baseline.last, "us")
    at = series.at.astype("datetime64[us]")
    out = np.array([when for when, _ in baseline.left_out], dtype="datetime64[us]")
    return np.asarray((at >= first) & (at <= last) & ~np.isin(at, out))


def _begin(walk: Walk, epochs: Epochs, part: NDArray[np.bool_], why: str) -> None:
    """Begin one segment for each epoch within `part` (n,)."""
    start = int(np.flatnonzero(part)[0])
    for epoch in dict.fromkeys(epochs.number[part].tolist()):
        mask = part & (epochs.number == epoch)
        first = int(np.flatnonzero(mask)[0])
        if first == start:
            walk.begin(mask, Begun(first, why))
        else:
            own = epochs.first[epoch] == first
            walk.begin(mask, Begun(first, "epoch", epochs.causes[epoch] if own else ()))
