"""Quick look at a series: most are quiet, and a fleet has thousands of them.

Where no rule sees anything, the walk of `qiqa.drift.charting` would find nothing either: this says
so at a tenth of the time, with the same loops. Everything else (more than one epoch, covariates,
an approved baseline, values that are not continuous, other rules) is left to the walk.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from qiqa.core.drift import Segment, SeriesState, TimeSeries
from qiqa.drift.judging import FEWEST_EXAMS, reason
from qiqa.drift.preparing import Prepared
from qiqa.drift.ruling import ONE_EXAM, Ruling
from qiqa.kernels.predict import ALL, NOTHING
from qiqa.kernels.screen import quiet

__all__ = ["quiet_state"]

_RULES = frozenset({"individuals", "cusum", "trend", "variance"})
_EMPTY = np.empty(0)
_NO_TEXT = np.empty(0, dtype=np.str_)


def quiet_state(series: TimeSeries, prepared: Prepared, ruling: Ruling) -> SeriesState | None:
    """Return the state of a series in which no rule sees anything, without what a drawing needs.

    None: it must be walked along. The caller sees to it that there is one epoch and no baseline.
    """
    settings = ruling.settings
    if frozenset(settings) != _RULES or prepared.kind != "continuous" or prepared.covariates:
        return None
    from qiqa.drift.rules.trend import LEAST, WINDOW

    usable = prepared.usable
    cusum, squares = settings["cusum"], settings["variance"]
    calm, score, learned = quiet(
        prepared.y,
        prepared.variance,
        np.where(usable, 0, -1),
        np.where(usable, ALL, NOTHING),
        prepared.floor,
        (ruling.widest, cusum.k, cusum.h, cusum.head_start, squares.k, squares.h),
        (WINDOW, LEAST, settings["trend"].limit),
        ONE_EXAM,
    )
    if not calm:
        return None
    counted = int(learned.sum())
    enough = counted >= FEWEST_EXAMS
    return SeriesState(
        series=series,
        kind=prepared.kind,
        adjusted=_EMPTY,
        score=score,
        expected=_EMPTY,
        low=_EMPTY,
        high=_EMPTY,
        left_out=_NO_TEXT,
        segments=(_segment(prepared, learned, counted),),
        verdict="pass" if enough else "not_evaluated",
        reason="" if enough else reason(counted),
    )


def _segment(
    prepared: Prepared, learned: np.ndarray[tuple[int], np.dtype[np.bool_]], counted: int
) -> Segment:
    """Return the one level: the weighted mean on the charted scale, in the unit of the values."""
    y, w = prepared.y[learned], 1.0 / prepared.variance[learned]
    total = float(w.sum())
    level = float(w @ y) / total
    variance = float(w @ (y - level) ** 2) / max(counted - 1, 1) + prepared.floor**2
    reach = float(special.stdtrit(max(counted - 1, 1), 0.975)) * float(np.sqrt(variance / total))
    sd = float(np.sqrt(variance))
    ends = prepared.scale.back(np.array([level, level - reach, level + reach, level + sd]))
    return Segment(
        first=int(np.flatnonzero(learned)[0]),
        last=int(np.flatnonzero(learned)[-1]),
        why="start",
        level=float(ends[0]),
        level_interval=(float(ends[1]), float(ends[2])),
        sd=float(abs(ends[3] - ends[0])),
        counted=counted,
    )
