"""Fleets, quantities and faults that cannot be are refused, with what is allowed."""

import dataclasses
import datetime as dt
import math
import re

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.simulate.history import simulate_history, simulate_series
from qiqa.simulate.history_metrics import Metric
from qiqa.simulate.history_spec import Fault, HistorySpec

LENGTH = Metric(name="length", quantity="length", unit="mm", level=190.0, scatter=0.1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(kind="stp", week=1), "did you mean 'step'.*there is: step, ramp"),
        (Fault(kind="step", week=121), "121 is outside 1 to 120"),
        (Fault(kind="step", week=1, scanner=4), "4 is outside 1 to 3"),
        (Fault(kind="step", week=1, weeks=0), "0 is outside 1 to"),
        (Fault(kind="step", week=1, name="pui"), "did you mean 'piu'.*there is: diameter"),
        (Fault(kind="step", week=1, name="t1", insert="T1-9"), "there is: T1-5"),
        (Fault(kind="step", week=1, insert="T1-5"), "needs the name"),
        (Fault(kind="missed", week=1, name="piu"), "the whole exam"),
        (Fault(kind="missed", week=1, size=2.0), "has no size"),
        (Fault(kind="step", week=1, size=math.nan), "nan is outside"),
        (Fault(kind="variance", week=1, size=-1.0), "-1 is outside 0 to"),
        (Fault(kind="step", week=1, size=1.0, in_sd=False), "give the name of one quantity"),
        (Fault(kind="step", week=9, name="piu", size=20.0, in_sd=False), "between 0 and 100"),
    ],
)
def test_a_fault_that_cannot_be_planted_is_refused(fault, said):
    with pytest.raises(UsageError) as caught:
        simulate_history(HistorySpec(scanners=3, weeks=120), (fault,), np.random.default_rng(1))
    assert re.search(said, str(caught.value), re.DOTALL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scanners": 0},
        {"weeks": 0},
        {"start": dt.date(9000, 1, 1)},
        {"phi": 1.0},
        {"heavy_fraction": 1.5},
        {"heavy_ratio": math.nan},
        {"temperature_sd_degc": -1.0},
        {"metrics": ()},
        {"metrics": (LENGTH, LENGTH)},
    ],
)
def test_a_fleet_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError):
        HistorySpec(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "odd"},
        {"scatter": -1.0},
        {"level": math.nan},
        {"kind": "bounded"},
        {"kind": "bounded", "low": 0.0, "high": 100.0},
        {"kind": "discrete"},
        {"low": 1.0, "high": 0.0},
    ],
)
def test_a_quantity_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError):
        dataclasses.replace(LENGTH, **wrong)


def test_one_series_needs_one_scanner_and_one_quantity():
    with pytest.raises(UsageError, match="simulate_history"):
        simulate_series(HistorySpec(), (), np.random.default_rng(1))
