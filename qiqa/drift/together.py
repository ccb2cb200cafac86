"""Several measurements of one kind together: small shifts that none of them shows alone.

Scores of one scanner go together (the same coil, the same temperature). Their correlation comes
from the exams before that have all of them; scores freed of it are handed to Hotelling's T-squared
or MEWMA.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import Chart, DriftFinding, Kind, SeriesState
from qiqa.drift.policy import Policy, Share
from qiqa.drift.rules import RULES

__all__ = ["independent", "moved_together"]

FloatArray = NDArray[np.float64]
_MOST = 20
"""Measurements of one group: more need more exams than a scanner has."""
_PER_SCORE, _LEAST = 5, 40
"""Exams that a correlation is told from first: so many a measurement, and at least."""
_ONCE = 26
"""Exams within which further signals are of the same change: levels are slow to be learnt anew."""
_BLOCK = 10
"""Exams after which it is told anew from all so far."""


def moved_together(
    states: Sequence[SeriesState], shares: Sequence[Share], policy: Policy
) -> tuple[DriftFinding, ...]:
    """Return what rules of several scores find on one scanner.

    Measurements of one quantity, series, unit and phantom unit are a group. A change that one of
    them showed alone has its own finding and is not found again: its level was learnt anew.

    Parameters
    ----------
    states
        All series of one scanner, charted.
    shares
        Rules; those of single series are passed over.
    policy
        How scanners are watched.
    """
    asked = [share for share in shares if RULES.load(share.rule).TAKES == "matrix"]
    made: list[DriftFinding] = []
    for group in _groups(states) if asked else []:
        score = np.stack([np.clip(state.score, -4.0, 4.0) for state in group], axis=1)
        free = independent(score)
        if free is None:
            continue
        for share in asked:
            module = RULES.load(share.rule)
            settings = module.parameters(share.every, score.shape[1])
            made += _findings(group, module.chart(free, settings), policy)
    return tuple(made)


def _groups(states: Sequence[SeriesState]) -> list[list[SeriesState]]:
    """Return series that were measured in the same exams and are of one kind."""
    groups: dict[tuple[object, ...], list[SeriesState]] = {}
    for state in states:
        s = state.series
        if state.verdict == "not_evaluated" or state.score.size != len(s):
            continue
        key = (s.quantity, s.role, s.unit, s.phantom_unit, s.at.tobytes())
        groups.setdefault(key, []).append(state)
    return [group for group in groups.values() if 2 <= len(group) <= _MOST]


def independent(score: FloatArray) -> FloatArray | None:
    """Return scores (n, p) freed of their correlation in the exams before.

    The first exams, from which it comes, are NaN; None where there are too few. Lengths are those
    of normal scores: with a correlation from m exams T-squared is p m / (m - p + 1) times
    F(p, m - p + 1), and each row is scaled so that it has the chance of the chi-squared of p
    degrees of freedom.
    """
    p = score.shape[1]
    whole = np.flatnonzero(np.isfinite(score).all(axis=1))
    first = max(_LEAST, _PER_SCORE * p)
    if whole.size <= first:
        return None
    free = np.full(score.shape, np.nan)
    for m in range(first, whole.size, _BLOCK):
        known, later = score[whole[:m]], whole[m : m + _BLOCK]
        root = np.linalg.cholesky(known.T @ known / m + 1e-9 * np.eye(p))
        z = np.linalg.solve(root, score[later].T).T
        squares = np.einsum("np,np->n", z, z)
        tail = special.fdtrc(p, m - p + 1, squares * (m - p + 1) / (p * m))
        wanted = special.chdtri(p, np.clip(tail, 1e-300, 1.0))
        free[later] = z * np.sqrt(wanted / np.maximum(squares, 1e-300))[:, None]
    return free


def _findings(group: list[SeriesState], chart: Chart, policy: Policy) -> list[DriftFinding]:
    """Return one finding for each signal of a rule."""
    s = group[0].series
    last = _moment(s.at[-1])
    made = []
    before = -_ONCE
    for at, since in zip(chart.signals.tolist(), chart.since.tolist(), strict=True):
        if at - before < _ONCE:
            continue
        before = at
        signalled = _moment(s.at[at])
        old = (last - signalled) > dt.timedelta(days=min(policy.history_days, 1e6))
        names = ", ".join(state.series.label for state in group)
        made.append(
            DriftFinding(
                scanner=s.scanner,
                name=f"{len(group)} values of {s.quantity}",
                quantity=s.quantity,
                role=s.role,
                kind=Kind.STEP,
                rule=chart.rule,
                date=_moment(s.at[since]),
                date_interval=(_moment(s.at[max(since - 1, 0)]), signalled),
                signalled=signalled,
                size=math.nan,
                verdict="pass" if old else "tolerance",
                hint=f"they moved together, none far enough alone: {names}",
                exam=str(s.exam[at]),
            )
        )
    return made


def _moment(at: np.datetime64) -> dt.datetime:
    moment: dt.datetime = at.astype("datetime64[us]").astype(dt.datetime)
    return moment
