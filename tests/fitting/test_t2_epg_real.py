"""Real trains of spin echoes: where the model holds, and where the residual says that it does not.

Nothing is compared with certificates: what the assumed pulses do to T2 is on the model's page.
"""

import numpy as np
import pytest

from qiqa.core.maps import FitStatus
from qiqa.fitting import fit
from qiqa.fitting.misfit import misfit
from qiqa.io.collecting import collect
from qiqa.io.loading import load
from qiqa.io.reading import read

SIEMENS = ("phantoms/system/mrbias_A/T2_MSE", "phantoms/system/hazen/T2/site1_20200218")
VARYING = "phantoms/system/hazen/T2/site3_ge"


def trains(path):
    headers, _ = collect(read([path]).headers)
    return [load(h) for h in headers if h.encoding.name == "echo_time"]


@pytest.mark.parametrize("folder", SIEMENS)
def test_residuals_fall_where_angles_are_constant(real_data, folder):
    """Against one exponential, over bright voxels of T2 40 to 250 ms."""
    (series,) = trains(real_data(folder))
    graph, mono = fit(series, "t2_epg"), fit(series, "t2")
    t2, s0 = graph.estimate("t2"), graph.estimate("s0")
    with np.errstate(invalid="ignore"):
        chosen = (t2 > 40) & (t2 < 250) & (s0 > 0.1 * np.nanpercentile(s0, 99))
    assert chosen.sum() > 200
    assert np.median(mono.residual_sd[chosen] / graph.residual_sd[chosen]) > 1.15
    assert misfit(graph) < 0.3 * misfit(mono)
    assert np.median(mono.estimate("t2")[chosen] / t2[chosen]) > 1.1
    assert graph.status[chosen].min() == FitStatus.CONVERGED
    assert misfit(graph) < 0.015
    assert "misfit" not in {finding.code for finding in graph.findings}


def test_changing_angles_are_told(real_data):
    found = [fit(series, "t2_epg") for series in trains(real_data(VARYING))]
    assert found
    for maps in found:
        assert misfit(maps) > 0.015
        assert "misfit" in {finding.code for finding in maps.findings}
