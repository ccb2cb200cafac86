"""What an unknown slice profile does to T2 of an echo train: from the model, not from the scan.

The pulses of a product sequence are not in the header. The model states a width of the refocused
slice; how far T2 would be off if it were another one, anywhere between as wide as the excited
slice and half as wide again, is computed for every insert and goes into its budget.
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.core.signal_model import Points
from qiqa.measure import InsertView, insert_means

__all__ = ["PROFILED", "slice_profile_doubt"]

PROFILED = "t2_epg"
_WIDTHS = (1.0, 1.5)
"""Refocused over excited slice: what product sequences do, less and more."""
_B1 = 0.95


def slice_profile_doubt(view: InsertView) -> dict[str, float]:
    """Return the relative standard uncertainty of T2 by insert: half the range, rectangular."""
    from qiqa.fitting import fit_arrays  # compiled code, which other phantoms do without
    from qiqa.models import t2_epg

    means = insert_means(view)
    if not means:
        return {}
    labels = list(means)
    t2 = np.array([means[label][0] for label in labels])
    echoes = np.asarray(view.series.header.encoding.values, dtype=np.float64)
    points = Points(values=echoes, tr_ms=np.full(echoes.size, np.nan), directions=None)
    parameters = np.array([t2, np.full(t2.size, 1000.0), np.full(t2.size, _B1)])
    read = []
    for width in _WIDTHS:
        signal = t2_epg.predict(parameters, points, width=width).astype(np.float32)
        maps = fit_arrays(signal, PROFILED, echoes, noise_sd=None, rician=False)
        read.append(np.asarray(maps.estimate("t2"), dtype=np.float64).ravel() / t2)
    half = np.abs(read[0] - read[1]) / 2
    if not np.isfinite(half).any():
        return {}
    half = np.where(np.isfinite(half), half, np.nanmax(half))
    return {label: float(h) / math.sqrt(3.0) for label, h in zip(labels, half, strict=True)}
