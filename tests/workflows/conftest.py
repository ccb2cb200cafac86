"""One small simulated exam as DICOM, made once."""

import functools

import numpy as np
import pytest

from qiqa.io import definitions
from qiqa.io.write_dicom import write_exam
from qiqa.simulate.acr_large import simulate_exam
from qiqa.simulate.spec import AcrSpec

load_phantom = functools.cache(definitions.load_phantom)


@pytest.fixture(scope="session")
def simulated():
    """Return T1, localizer and T2 of one exam; the phantom is turned by 4 degrees for the T2."""
    t2 = AcrSpec(snr=100.0, tr_ms=2000.0, te_ms=80.0, rotation_deg=4.0)
    rng = np.random.default_rng(3)
    return simulate_exam(load_phantom("acr_large"), AcrSpec(snr=100.0), rng, t2=t2)


@pytest.fixture(scope="session")
def exam_folder(simulated, tmp_path_factory):
    """Return the folder of that exam: T1, localizer and T2 below it."""
    folder = tmp_path_factory.mktemp("exam")
    write_exam(simulated.named, folder)
    return folder
