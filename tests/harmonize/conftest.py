"""Rounds of a phantom through many scanners, as a fixture."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.trial import Readings


@pytest.fixture(scope="session")
def rounds() -> Callable[..., Readings]:
    """Return `rounds(rng, **what is true)`; see phantom_rounds.py."""
    path = Path(__file__).with_name("phantom_rounds.py")
    spec = importlib.util.spec_from_file_location("_phantom_rounds", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.rounds


@pytest.fixture
def rng() -> np.random.Generator:
    """Return the same numbers for every test."""
    return np.random.default_rng(20261128)
