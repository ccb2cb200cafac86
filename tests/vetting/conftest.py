"""Tables of series made for a test."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.core.vetting import VetTable


@pytest.fixture(scope="session")
def series():
    """Return `series(n, texts=..., numbers=..., values=..., ...)`: a table of n series."""

    def make(n, *, texts=None, numbers=None, values=None, dates=None, population=None):
        names = np.array([f"s{i:07d}" for i in range(n)], dtype=np.str_)
        block = np.zeros((n, 0)) if values is None else np.asarray(values)
        return VetTable(
            path=names,
            series_uid=names,
            texts={k: np.asarray(v, dtype=np.str_) for k, v in (texts or {}).items()},
            numbers={k: np.asarray(v, dtype=float) for k, v in (numbers or {}).items()},
            date=np.full(n, "NaT", "datetime64[D]") if dates is None else dates,
            features=tuple(f"f{j}" for j in range(block.shape[1])),
            values=block.astype(np.float32),
            population=population or {},
        )

    return make


@pytest.fixture(scope="session")
def defaults():
    """Return `defaults(check, **other settings)`."""
    return lambda check, **other: {**{s.name: s.default for s in check.settings}, **other}
