"""scratch"""

import numpy as np
from scipy import optimize
from numba import njit
from qiqa.core.drift import Chart, Curve

TITLE = "CUSUM"
FINDS = ("step", "trend")
TAKES = "scores"
DEFAULT = 0.45


def parameters(every):
    f = lambda h: (
        (np.exp(2 * 0.5 * (h + 1.166)) - 2 * 0.5 * (h + 1.166) - 1) / (2 * 0.25) / 2 - every
    )
    return (0.5, optimize.brentq(f, 0.1, 60))


@njit(cache=True)
def run(x, k, h):
    n = x.size
    up = np.full(n, np.nan)
    dn = np.full(n, np.nan)
    sig = [0][:0]
    di = [0][:0]
    si = [0][:0]
    a = b = 0.0
    sa = sb = 0
    for i in range(n):
        z = x[i]
        if np.isnan(z):
            continue
        if a == 0:
            sa = i
        if b == 0:
            sb = i
        a = max(0, a + z - k)
        b = max(0, b - z - k)
        up[i] = a
        dn[i] = -b
        if a > h:
            sig.append(i)
            di.append(1)
            si.append(sa)
            a = 0.0
            b = 0.0
        elif b > h:
            sig.append(i)
            di.append(-1)
            si.append(sb)
            a = 0.0
            b = 0.0
    return up, dn, np.array(sig), np.array(di), np.array(si)


def chart(x, p):
    up, dn, s, d, si = run(x, *p)
    nothing = np.full(x.size, np.nan)
    return Chart(
        rule="cusum",
        curves=(
            Curve(label="CUSUM up", value=up, low=nothing, high=np.full(x.size, p[1])),
            Curve(label="CUSUM down", value=dn, low=np.full(x.size, -p[1]), high=nothing),
        ),
        signals=s,
        directions=d,
        since=si,
    )
