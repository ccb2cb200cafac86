"""Simulated years as a table in the row schema of measurements, and their truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import plain
from qiqa.core.rows import series_key
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.simulate.history_metrics import Metric
from qiqa.simulate.history_result import SimulatedHistory, exam_text, software_text, unit_text

__all__ = [
    "ALGORITHM",
    "HISTORY_SCHEMA",
    "SCANNER",
    "UNMEASURED",
    "simulated_scanner",
    "table",
    "truth_payload",
]

HISTORY_SCHEMA = "qiqa.simulated_history/1"
ALGORITHM = "simulated_history/1"
UNMEASURED = "simulated: could not be measured"
"""Reason of a row without a value."""
PROTOCOL_FAMILY = "acr_mri_large"
SCANNER = Scanner(manufacturer="qiqa", model="simulator", field_strength_t=1.5)
"""What all simulated scanners have in common."""

Columns = dict[str, NDArray[Any]]


def simulated_scanner(name: str) -> Scanner:
    """Return the scanner with a name of `HistorySpec.names`, which is its identity."""
    return dataclasses.replace(SCANNER, given_name=name)


def table(history: SimulatedHistory) -> Iterator[Columns]:
    """Yield the rows of one scanner after the other, oldest exam first, as columns.

    Columns are exam fields (`scanner`, `acquired_at`, `exam`, `software`, `phantom_unit`,
    `temperature_degc`), then those of `qiqa.measurement/1` that apply, in its order. Texts are
    arrays of objects with None where there is none; `slice` too.

    Returns
    -------
    iterator of dict
        Name of the column to an array (r,) with r the rows of that scanner.
    """
    counts = np.arange(history.spec.scanners + 1)
    exams = np.searchsorted(history.exam_scanner, counts).tolist()
    rows = np.searchsorted(history.exam, exams).tolist()
    for index, name in enumerate(history.spec.names):
        own = slice(exams[index], exams[index + 1])
        yield _of_scanner(history, name, own, slice(rows[index], rows[index + 1]))


def _of_scanner(history: SimulatedHistory, scanner: str, exams: slice, rows: slice) -> Columns:
    metrics = history.spec.metrics
    exam, metric, value = history.exam[rows], history.metric[rows], history.value[rows]
    of_metric = {
        name: _texts([getattr(m, name) or None for m in metrics])[metric]
        for name in ("name", "quantity", "insert", "slice", "role", "unit")
    }
    unit = history.exam_unit[exam]
    reason = _texts([None, UNMEASURED])[np.isnan(value).astype(np.int64)]
    filled = np.zeros(len(value), dtype=np.int64)
    return {
        "scanner": _texts([scanner])[filled],
        "acquired_at": history.exam_at[exam],
        "exam": _exam_names(history, scanner, exams)[exam - exams.start],
        "software": _numbered(software_text, history.exam_software[exam]),
        "phantom_unit": _numbered(lambda n: unit_text(scanner, n), unit),
        "temperature_degc": history.exam_temperature_degc[exam],
        **{name: of_metric[name] for name in ("name", "quantity", "insert", "slice", "role")},
        "value": value,
        "unit": of_metric["unit"],
        "standard_uncertainty": history.standard_uncertainty[rows],
        "verdict": _texts(["not_evaluated"])[filled],
        "reason": reason,
        "algorithm": _texts([ALGORITHM])[filled],
        "series_key": _keys(scanner, metrics, int(unit.max(initial=0)))[unit, metric],
    }


def _texts(values: list[Any]) -> NDArray[np.object_]:
    return np.array(values, dtype=np.object_)


def _numbered(text: Callable[[int], str], numbers: NDArray[np.int64]) -> NDArray[np.object_]:
    return _texts([text(n) for n in range(int(numbers.max(initial=0)) + 1)])[numbers]


def _exam_names(history: SimulatedHistory, scanner: str, exams: slice) -> NDArray[np.object_]:
    weeks, again = history.exam_week[exams].tolist(), history.exam_copy[exams].tolist()
    return _texts([exam_text(scanner, w, a) for w, a in zip(weeks, again, strict=True)])


def _keys(scanner: str, metrics: tuple[Metric, ...], changes: int) -> NDArray[np.object_]:
    """Return the series keys (units, metrics) of one scanner."""
    made_by, acquisition = simulated_scanner(scanner), Acquisition()
    return _texts(
        [
            [
                series_key(
                    made_by,
                    acquisition,
                    PROTOCOL_FAMILY,
                    metric.role or None,
                    unit_text(scanner, change),
                    metric.name,
                    metric.insert or None,
                    metric.slice,
                )
                for metric in metrics
            ]
            for change in range(changes + 1)
        ]
    )


def truth_payload(history: SimulatedHistory, seed: int) -> dict[str, Any]:
    """Return `qiqa.simulated_history/1`: specification, true levels and every planted fault."""
    spec = plain(history.spec)
    levels = [
        {"scanner": name, "levels": {m.label: float(v) for m, v in pairs}}
        for name, pairs in (
            (name, zip(history.spec.metrics, row, strict=True))
            for name, row in zip(history.spec.names, history.levels, strict=True)
        )
    ]
    return {
        "schema": HISTORY_SCHEMA,
        "seed": seed,
        "specification": spec,
        "scanners": levels,
        "faults": [plain(fault) for fault in history.faults],
    }
