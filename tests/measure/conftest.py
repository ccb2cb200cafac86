"""Shared by the tests of measuring: every family on a stack, measured once a run."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.measurement import Measurement
from qiqa.core.pose import PhantomPose
from qiqa.core.series import Series
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.measure import StackView, measure

Numbers = dict[str, Measurement]


@pytest.fixture(scope="session")
def phantom() -> CylinderPhantom:
    return load_phantom("acr_large")


@pytest.fixture(scope="session")
def numbers_of(phantom) -> Callable[[Series, PhantomPose], Numbers]:
    """Return a function from a located stack to all its measurements by name."""
    families = load_protocol("acr_large_2022").measured

    def get(series: Series, pose: PhantomPose) -> Numbers:
        view = StackView(series, pose, phantom, "T1")
        outcomes = measure(view, families, (view,))
        return {m.name: m for outcome in outcomes for m in outcome.measurements}

    return get


@pytest.fixture(scope="session")
def acr_numbers(acr_located, numbers_of) -> Callable[[str], Numbers]:
    """Return a function from a folder of the ACR scans to all its measurements by name."""

    @functools.cache
    def get(folder: str) -> Numbers:
        return numbers_of(*acr_located(folder))

    return get
