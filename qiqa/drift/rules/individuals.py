"""scratch"""

import numpy as np
from scipy import special
from qiqa.core.drift import Chart, Curve

TITLE = "Individuals"
FINDS = ("spike",)
TAKES = "scores"
DEFAULT = 0.25


def parameters(every):
    return -float(special.ndtri(0.5 / every))


def chart(x, p):
    s = np.flatnonzero(np.abs(x) > p)
    return Chart(
        rule="individuals",
        curves=(Curve(label="score", value=x, low=np.full(x.size, -p), high=np.full(x.size, p)),),
        signals=s,
        directions=np.sign(x[s]).astype(int),
        since=s,
    )
