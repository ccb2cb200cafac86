"""ADC, mono-exponential, by an unweighted straight line through the logarithms.

The fastest and the most widespread. Points with little signal weigh too much: its SD is 10 % above
that of the nonlinear fit at a signal-to-noise ratio of 100, and it is the first to be biased by the
noise floor. Negative values are reported as they come out.
"""

from __future__ import annotations

from qiqa.core.maps import Parameter
from qiqa.core.signal_model import Example
from qiqa.models.adc import EQUATION, predict

__all__ = [
    "EQUATION",
    "predict",
    "ENCODING",
    "ENGINE",
    "EXAMPLE",
    "PARAMETERS",
    "QUANTITY",
    "REFERENCES",
    "TITLE",
]

TITLE = "ADC, mono-exponential, straight line through ln S"
REFERENCES = ("Stejskal and Tanner 1965, doi 10.1063/1.1695690",)
QUANTITY = "adc"
ENCODING = "b_value"
ENGINE = "log_linear"
PARAMETERS = (
    Parameter(name="adc", unit="mm²/s", bids="ADC"),
    Parameter(name="s0", unit="signal", bids="S0map"),
)
EXAMPLE = Example(values=(0.0, 100.0, 600.0, 800.0), ranges=((0.1e-3, 2.5e-3), (1.0, 1.0)))
