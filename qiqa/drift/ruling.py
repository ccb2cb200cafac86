"""The rules of one scanner, with the settings that its share of false alarms allows."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import Chart
from qiqa.core.errors import UsageError
from qiqa.drift.evening import rank_scores, whitened
from qiqa.drift.policy import Share
from qiqa.drift.rules import RULES

__all__ = ["ONE_EXAM", "SINGLE", "Ruling", "ruling_of"]

FloatArray = NDArray[np.float64]
ONE_EXAM = 3.0
"""Score that one exam counts for at most where scatter is judged: it must not look like scatter."""
SINGLE = "individuals"
"""The rule of single exams; what is beyond its limits is not learnt from."""


class Ruling:
    """Rules with their settings.

    Attributes
    ----------
    settings
        Rule -> its settings.
    widest
        Score from which a single exam is a spike: not learnt from, and counted by the other rules
        only up to here, so that one bad exam is not taken for a shift. Infinite without the rule of
        single exams.

    Raises
    ------
    UsageError
        For a rule that does not look at single values in time.
    """

    def __init__(self, shares: Sequence[Share]) -> None:
        self._every = {}
        for share in shares:
            rule, takes = share.rule, RULES.load(share.rule).TAKES
            if takes in ("scores", "values"):
                self._every[rule] = share.every
            elif takes != "matrix":  # rules of several measurements: qiqa.drift.together
                raise UsageError(
                    f"rule {rule!r} looks at {takes}, not at one value an exam",
                    hint="use it from Python on your groups of values; see its page in docs/drift",
                )
        single = self._every.get(SINGLE)
        self.settings = {rule: _settings(rule, every) for rule, every in self._every.items()}
        self.widest = np.inf if single is None else -float(special.ndtri(0.5 / single))

    def charts(
        self,
        score: FloatArray,
        single: FloatArray,
        residual: Callable[[], FloatArray],
        *,
        kind: str,
        tie: float = 0.0,
    ) -> tuple[Chart, ...]:
        """Let every rule look at a stretch of exams.

        Parameters
        ----------
        score
            Normal scores (n,) from all exams before each; NaN where there is none.
        single
            (n,) the same, after an approved baseline from its exams only: for single exams.
        residual
            Returns the values about their level (n,), for rules that look at values.
        kind
            Kind of quantity: rules of a normal scatter look at continuous values only, the others
            at ranks where values are not continuous.
        tie
            Values closer than this are equal but for an adjustment.
        """
        clipped = np.clip(score, -self.widest, self.widest)
        even = whitened(clipped if kind == "continuous" else rank_scores(residual()))
        made = []
        for rule, own in self.settings.items():
            settings, module = own, RULES.load(rule)
            if kind != "continuous" and "variance" in module.FINDS:
                continue
            if rule == SINGLE:
                x = single
            elif module.TAKES == "values":
                x = residual()
            else:
                x = np.clip(even, -ONE_EXAM, ONE_EXAM) if "variance" in module.FINDS else even
            if tie > 0.0 and hasattr(settings, "tie"):
                settings = dataclasses.replace(settings, tie=tie)
            made.append(module.chart(x, settings))
        return tuple(made)


@functools.lru_cache(maxsize=4096)
def _settings(rule: str, every: float) -> Any:
    return RULES.load(rule).parameters(every)


@functools.lru_cache(maxsize=256)
def ruling_of(shares: tuple[Share, ...]) -> Ruling:
    """Return the rules of some shares; scanners with equally many series share them."""
    return Ruling(shares)
