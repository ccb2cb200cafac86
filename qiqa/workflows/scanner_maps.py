"""Which map that the scanner computed belongs to which series."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from qiqa.core.errors import QiqaError
from qiqa.core.series import SeriesHeader
from qiqa.io.loading import load
from qiqa.measure import InsertView

__all__ = ["with_scanner_maps"]

_SAME_MM = 0.01


def with_scanner_maps(
    views: Sequence[InsertView], headers: Sequence[SeriesHeader]
) -> list[InsertView]:
    """Return views with the scanner's own map of the same quantity, where there is one.

    It lies on the same grid; of several, that whose acquisition began nearest is taken. A map that
    cannot be loaded is left aside: ours do not need it.
    """
    found = []
    for view in views:
        header = _nearest(view.series.header, _candidates(view, headers))
        found.append(view if header is None else _with(view, header))
    return found


def _with(view: InsertView, header: SeriesHeader) -> InsertView:
    try:
        return dataclasses.replace(view, scanner_map=load(header).signal[..., 0])
    except QiqaError:
        return view


def _candidates(view: InsertView, headers: Sequence[SeriesHeader]) -> list[SeriesHeader]:
    own = view.series.header
    return [
        h
        for h in headers
        if view.quantity
        and h.component == view.quantity
        and h.shape[:3] == own.shape[:3]
        and np.allclose(h.affine, own.affine, atol=_SAME_MM)
    ]


def _nearest(own: SeriesHeader, maps: list[SeriesHeader]) -> SeriesHeader | None:
    if len(maps) <= 1:
        return maps[0] if maps else None
    moment = own.acquisition.acquired_at
    timed = [h for h in maps if h.acquisition.acquired_at is not None]
    if moment is None or not timed:
        return None
    apart = [abs((h.acquisition.acquired_at - moment).total_seconds()) for h in timed]  # type: ignore[operator]
    best = min(apart)
    nearest = [h for h, a in zip(timed, apart, strict=True) if a == best]
    return nearest[0] if len(nearest) == 1 else None
