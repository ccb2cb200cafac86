"""What watching costs in false alarms, how that is shared out; decided before looking at data."""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.errors import UsageError

__all__ = ["LONGEST_BUDGET", "Policy", "Share"]

LONGEST_BUDGET = 370.4
"""Exams between false alarms of a series below which no series is made stricter: the three-SD chart
of one value (1 / 0.0027)."""
_WEEKS = 52.18


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """What one rule gets."""

    rule: str
    every: float
    """Exams in control to one false alarm of this rule on one series."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How scanners are watched. The defaults are for weekly phantom scans of many metrics."""

    false_alarms_per_scanner_year: float = 1.0
    """Over all series of a scanner together. None of its series gets more than one in 370 exams,
    so a
    scanner with few series has less."""
    rules: tuple[str, ...] = ()
    """Names of rules; empty: those with a share of their own."""
    baseline_exams: int = 10
    """Exams that a baseline rests on, and before which nothing is charted as approved."""
    tolerated_shift: float = 1.0
    """Shift in SDs of one exam that need not be found quickly; the CUSUM is made for it."""
    confirm_exams: int = 4
    """Exams after a signal that are used to tell what it was, as they come in."""
    forecast_days: float = 365.0
    """A crossing of a limit later than that is not forecast."""
    history_days: float = 366.0
    """What moved longer ago than that, and was lived with, is history."""
    every_days: float | None = None
    """Days from exam to exam; None: as they were."""
    late_by: float = 1.5
    """An exam is missed when that many intervals pass without one."""
    adjust: tuple[str, ...] = ("temperature_degc", "temperature")
    """Covariates that values are adjusted for where exams state them."""

    def __post_init__(self) -> None:
        budget = self.false_alarms_per_scanner_year
        if not 0.0 < budget <= 1000.0:
            raise UsageError(
                f"{budget:g} false alarms a scanner-year is not in 0 to 1000",
                hint="1 is the default; 0.1 makes wide limits, 10 narrow ones",
            )

    def shares(self, series: int, exams_per_year: float = _WEEKS) -> tuple[Share, ...]:
        """Return what each rule may do on each of `series` series of a scanner.

        With R false alarms a scanner-year, S series and E exams a year, a series may have one in
        S E / R exams; the rules share it. Series of one scanner go together, so that the scanner
        has fewer than R: an upper bound.
        """
        rules = self._weights()
        allowed = self.false_alarms_per_scanner_year
        every = max(LONGEST_BUDGET, max(series, 1) * exams_per_year / allowed)
        total = math.fsum(rules.values())
        return tuple(Share(name, every * total / weight) for name, weight in rules.items())

    def _weights(self) -> dict[str, float]:
        from qiqa.drift.rules import RULES

        names = self.rules or RULES.names()
        weights = {name: float(RULES.load(name).DEFAULT) for name in names}
        if self.rules:
            return {name: weight or 0.25 for name, weight in weights.items()}
        return {name: weight for name, weight in weights.items() if weight > 0.0}
