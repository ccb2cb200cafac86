"""Center frequency, as the scanner states it."""

from __future__ import annotations

import math

from qiqa.core.errors import NotMeasurable
from qiqa.core.measurement import BudgetLine
from qiqa.measure.outcome import Outcome, finish
from qiqa.measure.stack_view import StackView

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "any"
ALGORITHM = "center_frequency/1"
NAMES = (("center_frequency", "center_frequency", "Hz", None),)


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:  # noqa: ARG001
    """Return the center frequency [Hz] of the header; its uncertainty is its last digit."""
    acquisition = view.series.header.acquisition
    if acquisition.center_frequency_hz is None:
        raise NotMeasurable("the header states no imaging or transmitter frequency")
    step = max(acquisition.center_frequency_resolution_hz or 1.0, 1.0)
    budget = (
        BudgetLine(
            name="last digit",
            standard_uncertainty=step / math.sqrt(12),
            note="how well prescan found the resonance is not stated",
        ),
    )
    value = acquisition.center_frequency_hz
    result = finish(
        view, "center_frequency", "center_frequency", "Hz", value, budget, algorithm=ALGORITHM
    )
    return Outcome(measurements=(result,))
