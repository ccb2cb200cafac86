"""Points at the noise floor are left out inside the kernels; the careful path is the reference.

Both look for the same thing, a fit that puts the points it rests on above the cut and no other. The
careful path gathers voxels by the points they lack and fits each group anew from the grid, the
kernel goes on from the fit to all points.
"""

import importlib

import numpy as np
import pytest

from qiqa.fitting import fit_arrays, fitter
from qiqa.fitting.engines import Task

SNR, VOXELS = 100.0, 40_000


def _without_kernel(**settings):
    limits = settings["limits"].copy()
    limits[5] = 0.0
    return Task(**{**settings, "limits": limits})


def _decays(name, low, high, values, sd):
    rng = np.random.default_rng(11)
    module = importlib.import_module(f"qiqa.models.{name}")
    time = np.exp(rng.uniform(np.log(low), np.log(high), VOXELS))
    x = np.asarray(values)[:, None]
    if module.QUANTITY == "t1":
        clean = np.abs(1 - 1.95 * np.exp(-x / time))
    else:
        clean = np.exp(-x / time)
    noise = sd * rng.standard_normal((2, *clean.shape))
    return np.hypot(clean + noise[0], noise[1]).astype(np.float32)


CASES = {
    "t2": (10.0, 600.0, [10.0 * k for k in range(1, 33)]),
    "t2star": (5.0, 100.0, [4.0 * k for k in range(1, 9)]),
    "t1_inversion_recovery": (
        20.0, 2500.0, [35.0, 75.0, 100.0, 125.0, 150.0, 250.0, 1000.0, 1500.0, 2000.0, 3000.0]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_kernel_and_careful_path_agree(name, monkeypatch):
    low, high, values = CASES[name]
    signal = _decays(name, low, high, values, 1 / SNR)
    settings = {"noise_sd": 1 / SNR, "tr_ms": 4500.0 if name.startswith("t1") else None}
    here = fit_arrays(signal, name, values, **settings)
    monkeypatch.setattr(fitter, "Task", _without_kernel)
    there = fit_arrays(signal, name, values, **settings)
    assert there.n_floor > 0.005 * signal.size  # there is something to agree on
    np.testing.assert_array_equal(here.status, there.status)
    # a point within rounding of the cut may fall on either side, and cycle otherwise
    same = here.n_used == there.n_used
    assert same.mean() > 0.9995
    for parameter in here.parameters:
        one, other = here.estimate(parameter.name), there.estimate(parameter.name)
        error = there.standard_error(parameter.name)
        known = same & np.isfinite(other)
        np.testing.assert_array_equal(np.isfinite(one), np.isfinite(other))
        assert np.max(np.abs(one - other)[known] / error[known]) < 0.02
        # the curvature is that before the last step, which the two do not make from the same place
        np.testing.assert_allclose(
            here.standard_error(parameter.name)[known], error[known], rtol=0.02
        )
    assert here.n_floor == int((len(values) - here.n_used)[np.isin(here.status, (1, 2))].sum())


def test_the_kernel_leaves_little_to_the_careful_path(monkeypatch):
    """Otherwise the two would agree because they are one."""
    low, high, values = CASES["t2"]
    signal = _decays("t2", low, high, values, 1 / SNR)
    asked = []
    original = fitter.Careful.fit_suspects

    def counted(self, index, out):
        asked.append(index.size)
        return original(self, index, out)

    monkeypatch.setattr(fitter.Careful, "fit_suspects", counted)
    maps = fit_arrays(signal, "t2", values, noise_sd=1 / SNR)
    assert (maps.n_used < len(values)).mean() > 0.3
    assert sum(asked) < 0.005 * signal.shape[1]
