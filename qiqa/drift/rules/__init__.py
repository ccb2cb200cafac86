"""One rule a file; a new file here is a new rule.

A rule of one series has

    TITLE: str            as a person reads it
    FINDS: tuple[str]     what it is good at: `spike`, `step`, `trend`, `variance`
    TAKES: str            `scores` (n,) standard normal in control; `values` (n,) about
                          their level; `matrix` (n, p) of scores; `groups` (n, g) of values
    DEFAULT: float        share of the allowed false alarms that it gets by default, 0: not used
    parameters(every: float) -> P
                          its settings for one false alarm in `every` exams in control; a frozen
                          dataclass
    chart(x, p: P) -> Chart
                          NaN scores are skipped: the rule waits
    run_length(shift: float, p: P) -> float
                          zero-state average run length after a step of `shift` SDs at the start

A rule signals again only after it has been back inside its limits or was restarted by its own
signal.
"""

from __future__ import annotations

from qiqa.core.registry import Registry

__all__ = ["RULES"]

RULES = Registry("qiqa.drift.rules")
"""Rules by name; found without importing them."""
