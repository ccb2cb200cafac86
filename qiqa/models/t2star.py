"""T2* from multi-echo gradient echoes: one exponential without offset.

Field gradients across a voxel make the decay faster than exponential; fat makes it oscillate. This
model knows of neither.
"""

from __future__ import annotations

from qiqa.core.maps import Parameter
from qiqa.core.signal_model import Example
from qiqa.models.t2 import basis, constants, coordinate, predict, scale, value

__all__ = [
    "ENCODING",
    "ENGINE",
    "EQUATION",
    "EXAMPLE",
    "PARAMETERS",
    "QUANTITY",
    "REFERENCES",
    "TITLE",
    "basis",
    "constants",
    "coordinate",
    "predict",
    "scale",
    "value",
]

TITLE = "T2*, mono-exponential"
EQUATION = "S = S0 exp(-TE / T2*)"
REFERENCES = ("Chavhan et al. 2009, doi 10.1148/rg.295095034",)
QUANTITY = "t2star"
ENCODING = "echo_time"
ENGINE = "amplitude"
PARAMETERS = (
    Parameter(name="t2star", unit="ms", bids="T2starmap", lower=0.2, upper=5000.0),
    Parameter(name="s0", unit="signal", bids="S0map"),
)
EXAMPLE = Example(
    values=(2.0, 5.0, 8.0, 11.0, 14.0, 17.0, 20.0, 23.0), ranges=((5.0, 80.0), (1.0, 1.0))
)
