"""What phantoms say of a scanner on one day, from the trial's readings."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qiqa.core.change import DatedValue, ScannerOnTheDay
from qiqa.core.errors import UsageError
from qiqa.core.trial import BiasStudy, ScannerBias
from qiqa.harmonize.scanners.differences import Differences
from qiqa.harmonize.scanners.moves import stated_epoch

__all__ = ["shared_on_the_days", "state_on_the_day"]

_TROUBLE = ("dates_out_of_order", "unstable", "moved_or_unit")
"""Flags of a scanner that make the day of a value doubtful."""


def state_on_the_day(study: BiasStudy, found: Differences, value: DatedValue) -> ScannerOnTheDay:
    """Return what is known of a scanner on the day of a value, and of its bias at that value.

    The epoch is that of the nearest phantom exam. A scanner whose exams are dated wrongly, that
    scatters unlike others, or that moved around that day is in trouble and says so.

    Raises
    ------
    UsageError
        If no phantom was ever read on the scanner; says which scanners there are.
    """
    scanner, at = value.scanner, value.at
    own = [one for one in study.scanners if one.scanner == scanner]
    if not own:
        there = ", ".join(sorted({one.scanner for one in study.scanners})[:20])
        raise UsageError(f"no phantom was read on {scanner!r}; there is {there}", where=scanner)
    r = found.readings
    days = np.abs((r.at - np.datetime64(at, "us")) / np.timedelta64(1, "D"))
    here = found.dated & (r.scanner == scanner)
    near = {one: days[here & (r.epoch == one.epoch)] for one in own}
    chosen = _epoch(near, at)
    sd = chosen.exam_sd
    return ScannerOnTheDay(
        scanner=scanner,
        epoch=chosen.epoch,
        bias_percent=_bias_at(study, chosen, value.value),
        bias_u_percent=math.sqrt(_covariance(study, (chosen, value.value), (chosen, value.value))),
        bias_df=max(chosen.degrees_of_freedom, 1.0),
        phantom_units=frozenset(chosen.phantom_units),
        exam_sd_percent=sd,
        exam_df=max(chosen.exam_df, 1.0),
        covers=study.range[0] <= value.value <= study.range[1],
        days_to_phantom=float(near[chosen].min()) if near[chosen].size else math.inf,
        trouble=_trouble(study, scanner, at),
    )


def shared_on_the_days(
    study: BiasStudy,
    states: tuple[ScannerOnTheDay, ScannerOnTheDay],
    values: tuple[DatedValue, DatedValue],
) -> float:
    """Return the covariance [%²] of the biases of two scanners at their values.

    That is what both owe to the same inserts, phantom units and certificates: it cancels in what
    they differ by. NaN where an uncertainty is not known.
    """
    place = {(one.scanner, one.epoch): one for one in study.scanners}
    one, two = (
        (place[state.scanner, state.epoch], value.value)
        for state, value in zip(states, values, strict=True)
    )
    return _covariance(study, one, two)


def _epoch(near: Mapping[ScannerBias, NDArray[np.float64]], at: dt.datetime) -> ScannerBias:
    """Return the epoch of the nearest phantom exam; of two as near, that which had begun last."""

    def away(one: ScannerBias) -> tuple[float, bool, float]:
        nearest = float(near[one].min()) if near[one].size else math.inf
        return nearest, one.first > at, -one.first.timestamp()

    return min(near, key=away)


def _bias_at(study: BiasStudy, one: ScannerBias, value: float) -> float:
    """Return the bias [%] at a value."""
    share = _share(study, value)
    return one.ends[0] + share * (one.ends[1] - one.ends[0])


def _share(study: BiasStudy, value: float) -> float:
    """Return how far a value is from the lowest to the highest reference, within them.

    In percent an offset and a gain are a line along the reciprocal of the value.
    """
    low, high = study.range
    if not low < high:
        return 0.0
    inside = min(max(value, low), high)
    return (1.0 / low - 1.0 / inside) / (1.0 / low - 1.0 / high)


def _covariance(
    study: BiasStudy, one: tuple[ScannerBias, float], two: tuple[ScannerBias, float]
) -> float:
    """Return the covariance [%²] of the biases of two scanners, each at a value."""
    total = 0.0
    for i, of_one in _of_ends(study, *one):
        for k, of_two in _of_ends(study, *two):
            total += of_one * of_two * float(study.ends_covariance[i, k])
    return max(total, 0.0) if one == two else total


def _of_ends(study: BiasStudy, scanner: ScannerBias, value: float) -> list[tuple[int, float]]:
    """Return the places of a scanner's two ends in the covariance, and what the value takes."""
    share, at = _share(study, value), study.scanners.index(scanner)
    return [(at, 1.0 - share), (at + len(study.scanners), share)]


def _trouble(study: BiasStudy, scanner: str, at: dt.datetime) -> str:
    """Return why a scanner's day is doubtful: wrong dates, scatter unlike others', a move."""
    for flag in study.flags:
        if flag.is_about(scanner) and flag.kind in _TROUBLE:
            return f"{flag.kind.replace('_', ' ')}: {flag.reason}"
    own = sorted((s for s in study.scanners if s.scanner == scanner), key=lambda s: s.first)
    for before, since in itertools.pairwise(own):
        moved = before.epoch != since.epoch
        stated = stated_epoch(before.epoch) == stated_epoch(since.epoch)
        if moved and stated and before.last < at < since.first:
            return (
                f"it moved between {before.last:%Y-%m-%d} and {since.first:%Y-%m-%d}: which bias "
                "the value has is not known"
            )
    return ""
