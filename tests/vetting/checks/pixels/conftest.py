"""Images that the tests of this folder share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def images():
    path = Path(__file__).resolve().parents[2] / "pixel_images.py"
    spec = importlib.util.spec_from_file_location("pixel_images", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
