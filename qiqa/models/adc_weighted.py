"""ADC, mono-exponential, by a straight line through the logarithms with weights S squared.

Nearly as precise as the nonlinear fit and in closed form. The weights come from the measured signal,
once. Negative values are reported as they come out.
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

TITLE = "ADC, mono-exponential, weighted line through ln S"
REFERENCES = (
    "Salvador et al. 2005, doi 10.1002/hbm.20076",
    "Veraart et al. 2013, doi 10.1016/j.neuroimage.2013.05.028",
)
QUANTITY = "adc"
ENCODING = "b_value"
ENGINE = "log_weighted"
PARAMETERS = (
    Parameter(name="adc", unit="mm²/s", bids="ADC"),
    Parameter(name="s0", unit="signal", bids="S0map"),
)
EXAMPLE = Example(values=(0.0, 100.0, 600.0, 800.0), ranges=((0.1e-3, 2.5e-3), (1.0, 1.0)))
