"""Series over time for tests."""

from __future__ import annotations

import numpy as np

from qiqa.core.drift import TimeSeries

START = np.datetime64("2024-01-01T08:00", "us")
WEEK = np.timedelta64(7, "D")


def weekly(value, *, temperature=None, epoch=None, uncertainty=None, at=None, **fields):
    """Return a series of weekly exams."""
    y = np.asarray(value, dtype=np.float64)
    n = y.size
    given = {
        "scanner": "A",
        "name": "snr",
        "quantity": "snr",
        "unit": "1",
        "at": START + np.arange(n) * WEEK if at is None else np.asarray(at, "datetime64[us]"),
        "value": y,
        "standard_uncertainty": np.full(n, np.nan) if uncertainty is None else uncertainty,
        "epoch": np.array(["software=1"] * n if epoch is None else epoch),
        "exam": np.arange(1, n + 1).astype(np.str_),
        "series_key": "key",
    }
    if temperature is not None:
        given["covariates"] = ("temperature_degc",)
        given["covariate_values"] = np.asarray(temperature, dtype=np.float64)[None, :]
    return TimeSeries(**{**given, **fields})


def day(index: int) -> str:
    """Return the date of a weekly exam."""
    return str(START + index * WEEK)[:10]
