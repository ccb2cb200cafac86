"""T1 from flip angles against OSIPI's reference values: a brain, and the QIBA reference object."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.maps import FitStatus
from qiqa.fitting import fit_arrays

# OSIPI's file says R1 in 1/s for the brain and in 1/ms for the reference object.
FILES = {
    "brain": ("t1_brain_data.csv", 1.0, 1e-4, 76),
    "qiba": ("t1_quiba_data.csv", 1000.0, 0.05, 45),
}


def numbers(text: str) -> tuple[float, ...]:
    """Return the numbers of one field, apart by any blanks."""
    return tuple(float(word) for word in text.split())


def voxels(path: Path) -> list[dict[str, str]]:
    """Return the rows, names of columns without the blanks around them."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [{key.strip(): value for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("name", FILES)
def test_r1_of_every_voxel(real_data, name):
    file, per_second, tolerance, count = FILES[name]
    rows = voxels(real_data("vectors/osipi/t1_vfa") / file)
    assert len(rows) == count
    angles = {numbers(row["FA"]) for row in rows}
    repetition = {1000 * tr for row in rows for tr in numbers(row["TR"])}
    assert len(angles) == len(repetition) == 1
    signal = np.array([numbers(row["s"]) for row in rows]).T
    truth = per_second * np.array([float(row["R1"]) for row in rows])
    maps = fit_arrays(
        signal, "t1_vfa", angles.pop(), tr_ms=repetition.pop(), noise_sd=None, threads=1
    )
    assert (maps.status == FitStatus.CONVERGED).all()
    r1 = 1000 / maps.estimate("t1").ravel()
    np.testing.assert_allclose(r1, truth, rtol=tolerance)
    s0 = np.array([float(row["s0"]) for row in rows])
    np.testing.assert_allclose(maps.estimate("m0").ravel(), s0, rtol=tolerance)
