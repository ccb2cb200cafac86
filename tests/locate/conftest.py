"""Shared by the tests of locating: changed copies of series, and other people's objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.series import FrameSource, Series
from qiqa.io.definitions import load_phantom


@pytest.fixture(scope="session")
def phantom() -> CylinderPhantom:
    return load_phantom("acr_large")


@pytest.fixture(scope="session")
def changed() -> Callable[..., Series]:
    """Return a function that puts another signal, and positions if given, into a series."""

    def make(series: Series, signal: np.ndarray, positions_mm: np.ndarray | None = None) -> Series:
        signal = np.asfortranarray(signal.astype(np.float32))
        header = series.header
        if positions_mm is not None:
            affine = header.affine.copy()
            steps = np.diff(positions_mm)
            if steps.size:
                affine[:3, 2] *= np.median(steps) / np.linalg.norm(affine[:3, 2])
            header = dataclasses.replace(
                header, affine=affine, slice_positions_mm=tuple(float(z) for z in positions_mm)
            )
        frames = (tuple(FrameSource(path="test", frame=k) for k in range(signal.shape[2])),)
        header = dataclasses.replace(header, shape=signal.shape, frames=frames)
        return dataclasses.replace(series, header=header, signal=signal)

    return make
