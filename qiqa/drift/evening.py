"""Scores as the rules take them: independent, and of one distribution for every kind of number.

Rules of shifts are made for independent normal scores. Exams of a scanner resemble the one before,
and a bounded or discrete value has no normal scatter however it is scaled. Both would raise false
alarms that no theory of run lengths counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.kernels.ranks import sequential_ranks
from qiqa.kernels.whiten import whiten

__all__ = ["rank_scores", "whitened"]

FloatArray = NDArray[np.float64]


def whitened(score: FloatArray) -> FloatArray:
    """Return scores (n,) without what each has from the one before (autoregression of order 1).

    The coefficient at each exam comes from the exams up to ten before it, shrunk towards 0.2 and
    never below 0. A shift of 1 SD becomes one of sqrt((1 - phi) / (1 + phi)): what resembles the
    exam before says less that is new.
    """
    return whiten(np.ascontiguousarray(score))


def rank_scores(value: FloatArray) -> FloatArray:
    """Return the normal score of each value's rank among those before it (n,); NaN is skipped.

    Of the values themselves, not of their scores: equal values must stay equal.

    Sequential normal scores (Conover, Tercero-Gomez & Cordero-Franco, Seq Anal 2017;36:397):
    standard normal and independent in control whatever the distribution is, as far as ranks are
    fine enough; ties share the middle of their ranks, which makes alarms fewer, not more.
    """
    known = np.flatnonzero(~np.isnan(value))
    made = np.full(value.size, np.nan)
    rank = sequential_ranks(np.ascontiguousarray(value[known]))
    made[known] = special.ndtri((rank - 0.5) / np.arange(1, known.size + 1))
    return made
