"""Compile every model ahead of time, so that the first fit starts at once."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from qiqa.core.errors import QiqaError
from qiqa.fitting.fit import fit_arrays
from qiqa.fitting.loading import model as load_model
from qiqa.kernels.amplitude import fit_amplitude
from qiqa.kernels.compiling import cache_folder
from qiqa.models import MODELS

__all__ = ["warmup"]


def warmup(tell: Callable[[str], None]) -> tuple[dict[str, float | str], str | None]:
    """Fit the example of every model once.

    Returns
    -------
    dict
        Seconds that each model took, or why it cannot be used.
    str or None
        Folder that the machine code is kept in; None where none can be written.
    """
    found: dict[str, float | str] = {}
    for name in MODELS.names():
        tell(f"compiling {name}")
        begun = time.perf_counter()
        try:
            module = load_model(name)
            example = module.EXAMPLE
            points = example.points()
            middle = np.array([[(low + high) / 2.0] * 2 for low, high in example.ranges])
            signal = np.abs(module.predict(middle, points))
            settings = {"tr_ms": example.tr_ms, "directions": example.directions}
            fit_arrays(signal, name, example.values, noise_sd=None, **settings)
            if hasattr(module, "basis_b1"):
                b1 = np.ones(2)
                fit_arrays(signal, name, example.values, noise_sd=None, b1=b1, **settings)
        except QiqaError as error:
            found[name] = error.message
            continue
        found[name] = time.perf_counter() - begun
    return found, cache_folder(fit_amplitude)
