"""Numbers that other programs publish for their own tests.

madym (Apache-2.0): signals of its synthetic voxels; its tolerance is 0.01 % for T1, M0 and ADC.
qMRLab (MIT): forward values of its equation tests, printed to 3 (inversion recovery) and 8 digits.
"""

import importlib

import numpy as np
import pytest

from qiqa.core.maps import FitStatus
from qiqa.fitting import fit_arrays

MADYM, QMRLAB = 1e-4, 1e-4


def _fit(signal, model, values, **settings):
    maps = fit_arrays(np.array(signal)[:, None], model, values, noise_sd=None, **settings)
    return maps, [float(value) for value in maps.estimates[:, 0, 0, 0]]


def test_madym_flip_angles():
    signal = (27.68110435, 23.14269211, 14.07737865)
    maps, found = _fit(signal, "t1_vfa", (2.0, 10.0, 18.0), tr_ms=3.5)
    assert maps.status[0, 0, 0] == FitStatus.CONVERGED
    assert found == pytest.approx([1500.0, 1000.0], rel=MADYM)


@pytest.mark.parametrize("model", ["t1_inversion_recovery", "t1_inversion_recovery_tr"])
def test_madym_inversion_recovery(model):
    ti = (50.0, 300.0, 800.0, 1000.0, 2000.0, 4000.0)
    signal = (878.826, 374.579, 264.241, 426.990, 835.830, 986.524)
    _, found = _fit(signal, model, ti, tr_ms=1e5)
    assert found == pytest.approx([800.0, 1000.0, 1.0], rel=MADYM)


@pytest.mark.parametrize("model", ["adc", "adc_log_linear", "adc_weighted"])
def test_madym_adc(model):
    signal = (100.0, 88.69204, 67.03200, 52.72924)
    _, found = _fit(signal, model, (0.0, 150.0, 500.0, 800.0))
    assert found == pytest.approx([8e-4, 100.0], rel=MADYM)


def test_qmrlab_flip_angles():
    """Two angles: an answer without residual, and without error where the noise is unknown."""
    maps, found = _fit((98.44318947, 180.75749339), "t1_vfa", (3.0, 20.0), tr_ms=15.0)
    assert maps.status[0, 0, 0] == FitStatus.EXACT
    assert found == pytest.approx([700.0, 2000.0], rel=QMRLAB)
    assert np.isnan(maps.standard_errors).all()


def test_qmrlab_flip_angles_forward():
    module = importlib.import_module("qiqa.models.t1_vfa")
    points = module.Points(values=np.array([3.0, 20.0]), tr_ms=np.array([15.0, 15.0]))
    signal = module.predict(np.array([700.0, 2000.0]), points)
    assert signal.tolist() == pytest.approx([98.44318947, 180.75749339], rel=1e-9)


def test_qmrlab_inversion_recovery():
    """S = |a + b exp(-TI/T1)|, a = 500, b = -1000, T1 = 600 ms."""
    ti = (350.0, 500.0, 650.0, 800.0, 950.0, 1100.0, 1250.0, 1400.0, 1700.0)
    signal = (58.035, 65.402, 161.535, 236.403, 294.710, 340.120, 375.486, 403.028, 441.184)
    _, found = _fit(signal, "t1_inversion_recovery", ti)
    # without a TR it counts as very long: a = M0, b = -M0 (1 + efficiency)
    assert found == pytest.approx([600.0, 500.0, 1.0], rel=QMRLAB)
