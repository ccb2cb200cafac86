"""Heads made up without the code that is tested, and how alike two stacks are."""

import functools
import importlib
from pathlib import Path

import numpy as np
import pytest

from qiqa.vetting.signature.layout import unpack
from qiqa.vetting.signature.search import near_pairs
from qiqa.vetting.signature.signing import sign

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def _module(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module(name)


@pytest.fixture(scope="session")
def anatomy():
    """Return the module that makes heads up."""
    return _module("_anatomy")


@pytest.fixture(scope="session")
def changes():
    """Return what -> a function that changes a stack."""
    return _module("_vet_changes").CHANGES


@pytest.fixture(scope="session")
def scan(anatomy):
    """Return a function from person, visit and contrast to a stack (i, j, k)."""

    @functools.cache
    def made(person, visit=0, contrast=anatomy.T1):
        whole = anatomy.acquire(
            anatomy.head(person),
            100 * person + visit,
            shape=(88, 100, 24),
            voxel_mm=(2.4, 2.4, 6.5),
            contrast=contrast,
        )
        whole.flags.writeable = False
        return whole

    return made


@pytest.fixture(scope="session")
def signed():
    """Return a function from a stack (i, j, k) to its signature (bytes,)."""

    def make(stack, quantization=float("nan")):
        whole = np.asarray(stack, dtype=np.float32)[..., None]
        return np.frombuffer(sign(whole, quantization), dtype=np.uint8)

    return make


@pytest.fixture(scope="session")
def similarity():
    """Return a function from two signatures to their similarity [%], 0 where it is below 80.2."""

    def compare(a, b):
        found = near_pairs(unpack(np.stack([a, b])), np.arange(2))
        return float(found.similarity[0]) if len(found.similarity) else 0.0

    return compare
