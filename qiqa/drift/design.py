"""Which chart to use: settings and delays for a shift that shall not go unseen."""

from __future__ import annotations

import dataclasses
import functools
import math

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import cusum, estimated, ewma, runs_rules
from qiqa.drift.run_length.quadrature import check, solve_limit

__all__ = ["Proposal", "design"]

WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
"""Weights of an EWMA that are tried."""

ZONES = (runs_rules.WESTERN_ELECTRIC[0], *runs_rules.WESTERN_ELECTRIC[1:3])
"""3 SD, 2 of 3 beyond 2 SD, 4 of 5 beyond 1 SD."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One chart with its settings and what they cost. Delays count the exam that signals."""

    chart: str
    """`individuals`, `cusum`, `ewma` or `zones` (individuals with 2 of 3 and 4 of 5)."""
    parameters: tuple[tuple[str, float], ...]
    """Name and value: `width`; `k`, `h`; `lam`, `width`; `factor` on zones of 1, 2 and 3 SDs."""
    every: float
    """Average run length in control, in exams, for known mean and SD; with a baseline NaN: there
    its false alarms are held over a horizon instead, and its average means little."""
    delay: float
    """Average exams to find the tolerated shift, present from the chart's start."""
    delay_late: float
    """The same for a shift that comes after a long time in control: what proposals go by."""
    delay_half: float
    """The same for half of the shift."""
    delay_double: float
    """The same for twice the shift."""
    baseline: int
    """Exams of the baseline that the limits allow for; 0: mean and SD known. The delays are for a
    baseline that came out right."""


@functools.lru_cache(maxsize=128)
def design(shift: float, every: float, baseline: int | None = None) -> tuple[Proposal, ...]:
    """Return charts that find a shift, soonest first.

    Parameters
    ----------
    shift
        Step that shall be found, in SDs of one exam, from 0.1 to 6.
    every
        Wanted exams between false alarms in control, from 10 to 1e6.
    baseline
        Exams from which mean and SD come; limits are then made for scores (x - mean) / (sd sqrt(1 +
        1/m)) so that false alarms within a year of weekly exams are as frequent as with known
        mean and SD (`qiqa.drift.run_length.estimated`). None: mean and SD are known.

    Returns
    -------
    tuple of Proposal
        By the delay of a late shift. Charts with zones only without a baseline: their limits are
        not known for estimated ones.

    Raises
    ------
    UsageError
        If the shift, the rate or the baseline cannot be used.

    >>> best = design(1.0, 370.0)[0]
    >>> best.chart, round(best.delay_late, 1)
    ('cusum', 9.2)
    """
    check("shift", shift, 0.0999, 6.0)
    check("every", every, 9.99, 1e6)
    if baseline is not None and baseline < 3:
        raise UsageError(
            f"the baseline has {baseline} exams; an SD to rely on needs 3 at the least",
            hint="add exams to the baseline, or leave it out where mean and SD are known",
        )
    m = baseline or estimated.KNOWN
    proposals = [_individuals(shift, every, m), _ewma(shift, every, m)]
    if not m:
        proposals.append(_zones(shift, every))
    try:
        proposals.append(_cusum(shift, every, m))
    except UsageError:
        # A reference value for a large shift may alarm more seldom than wanted with any limit.
        if shift < 2:
            raise
    return tuple(sorted(proposals, key=lambda proposal: proposal.delay_late))


def _seen(shift: float, m: int) -> tuple[float, float, float]:
    """Return the shift, its half and its double as the scores show them."""
    scale = math.sqrt(1 + 1 / m) if m else 1.0
    return shift / scale, shift / 2 / scale, 2 * shift / scale


def _individuals(shift: float, every: float, m: int) -> Proposal:
    """Return the chart of single exams; `width` is in SDs of the baseline."""
    width = estimated.prediction_width(every, m)
    scored = width / math.sqrt(1 + 1 / m) if m else width
    rule = ((1, 1, scored, math.inf),)
    now, half, double = (runs_rules.run_length(s, rule) for s in _seen(shift, m))
    return Proposal(
        chart="individuals",
        parameters=(("width", width),),
        every=math.nan if m else every,
        delay=now,
        delay_late=now,
        delay_half=half,
        delay_double=double,
        baseline=m,
    )


def _zones(shift: float, every: float) -> Proposal:
    """Return the chart of single exams with 2 of 3 and 4 of 5, zones widened to the wanted rate."""
    factor = solve_limit(
        lambda f: runs_rules.run_length(0.0, runs_rules.scaled(ZONES, f)), every, 0.2, 1.5, 1e-8
    )
    rules = runs_rules.scaled(ZONES, factor)
    now, half, double = (runs_rules.run_length(s, rules) for s in _seen(shift, 0))
    return Proposal(
        chart="zones",
        parameters=(("factor", factor),),
        every=runs_rules.run_length(0.0, rules),
        delay=now,
        delay_late=runs_rules.steady_state(shift, rules),
        delay_half=half,
        delay_double=double,
        baseline=0,
    )


def _cusum(shift: float, every: float, m: int) -> Proposal:
    """Return the CUSUM with half the shift as its reference value."""
    k = shift / 2
    h = estimated.cusum_limit_for(every, k, m)
    now, half, double = (cusum.two_sided(s, k, h) for s in _seen(shift, m))
    return Proposal(
        chart="cusum",
        parameters=(("k", k), ("h", h)),
        every=math.nan if m else cusum.two_sided(0.0, k, h),
        delay=now,
        delay_late=cusum.steady_state(_seen(shift, m)[0], k, h),
        delay_half=half,
        delay_double=double,
        baseline=m,
    )


def _ewma(shift: float, every: float, m: int) -> Proposal:
    """Return the EWMA with exact limits whose weight finds the shift soonest."""

    def late_delay(lam: float) -> float:
        return ewma.steady_state(shift, lam, ewma.limit_for(every, lam))

    # The weight is chosen for known mean and SD: the best one hardly moves with the limits.
    lam = min(WEIGHTS, key=late_delay)
    width = estimated.ewma_limit_for(every, lam, m)
    now, half, double = (ewma.two_sided(s, lam, width) for s in _seen(shift, m))
    return Proposal(
        chart="ewma",
        parameters=(("lam", lam), ("width", width)),
        every=math.nan if m else ewma.two_sided(0.0, lam, width),
        delay=now,
        delay_late=ewma.steady_state(_seen(shift, m)[0], lam, width),
        delay_half=half,
        delay_double=double,
        baseline=m,
    )
