"""Made series: whole headers around made signals, and plain decays."""

import numpy as np
import pytest

from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, Series, SeriesHeader


@pytest.fixture(scope="session")
def decay():
    """Return a function that gives S0 exp(-TE/T2), (n, voxels), for times and T2 of one unit."""

    def make(times, t2, s0=1000.0):
        times = np.asarray(times, dtype=float)
        return s0 * np.exp(-times[:, None] / np.atleast_1d(np.asarray(t2, dtype=float)))

    return make


@pytest.fixture(scope="session")
def rician():
    """Return a function that gives the magnitude of a signal with noise in both channels."""

    def make(clean, sd, rng):
        real = clean + rng.normal(0, sd, np.shape(clean))
        return np.hypot(real, rng.normal(0, sd, np.shape(clean)))

    return make


@pytest.fixture(scope="session")
def made_series():
    """Return a function that puts a header around a signal (i, j, k, n)."""

    def make(signal, encoding: Encoding, **fields) -> Series:
        signal = np.asfortranarray(signal, dtype=np.float32)
        planes = signal.shape[2]
        given = {"stored_range": fields.pop("stored_range", None)}
        header = SeriesHeader(
            **{
                "series_uid": "1.2.3",
                "description": "made",
                "scanner": Scanner(),
                "acquisition": Acquisition(tr_ms=fields.pop("tr_ms", None)),
                "affine": np.diag([2.0, 2.0, 5.0, 1.0]),
                "shape": signal.shape,
                "encoding": encoding,
                "frames": tuple(
                    tuple(FrameSource(path=f"{n}.dcm", frame=k) for k in range(planes))
                    for n in range(signal.shape[3])
                ),
                "slice_positions_mm": tuple(5.0 * k for k in range(planes)),
                **fields,
            }
        )
        return Series(header=header, signal=signal, **given)

    return make
